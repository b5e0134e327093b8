/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_resurrection.c - rings whose members do different things when they are finalized:
 * nothing, bring themselves back, or cut themselves out of the ring. All rings of one to five
 * members, each collected in one stop and in short ones; what must happen is told by a shadow
 * of a few lines. (CPython's test_finalization goes through a dozen of these by hand.) And what
 * came back once: it ends like any other object, wherever that is.
 */
#include "support/unit.h"

#include "support/team.h"

enum { PLAIN, SAVES_ITSELF, CUTS_ITSELF_OUT, KINDS, MOST = 5, LEFT = 0, RIGHT = 1 };

static ou_object *saved[MOST];
static int saved_n, runs[MOST], calls[MOST];

static int number_of(ou_object *self)
{
    ou_object *number = ou_attr_get_at(self, 2);
    int n = (int)unit_int(number);
    ou_decref(number);
    return n;
}

static int finalize(ou_object *self, void *arg)
{
    intptr_t kind = (intptr_t)arg;
    runs[number_of(self)]++;
    if (kind == SAVES_ITSELF) {
        assert_true(saved_n < MOST);
        saved[saved_n++] = ou_incref(self);
    } else if (kind == CUTS_ITSELF_OUT) {
        assert_ok(ou_attr_set_at(self, LEFT, NULL));
        assert_ok(ou_attr_set_at(self, RIGHT, NULL));
    }
    return 0;
}

static const ou_type *class_of(int kind)
{
    static const ou_type *cls[KINDS];
    static const char *const attrs[] = {"left", "right", "number"};
    if (!cls[kind]) {
        cls[kind] = ou_class_new("Member", attrs, 3, true, finalize, (void *)(intptr_t)kind);
        assert_non_null(cls[kind]);
    }
    return cls[kind];
}

/* Members know both neighbours. Weakrefs to all are left in `refs`, nothing else. */
static void make_ring(const int *kinds, int n, ou_object **refs)
{
    ou_object *o[MOST];
    for (int i = 0; i < n; i++) {
        o[i] = ou_instance_new(class_of(kinds[i]));
        assert_ok(ou_attr_set_at_steal(o[i], 2, ou_int_new(i)));
        runs[i] = calls[i] = 0;
        refs[i] = ou_weakref_new(o[i], unit_count_call, &calls[i]);
    }
    for (int i = 0; i < n; i++) {
        assert_ok(ou_attr_set_at(o[i], LEFT, o[(i + n - 1) % n]));
        assert_ok(ou_attr_set_at(o[i], RIGHT, o[(i + 1) % n]));
    }
    for (int i = 0; i < n; i++) {
        ou_decref(o[i]);
    }
    saved_n = 0;
}

/* The shadow: who is reached from those that saved themselves, over members that did not cut
 * themselves out. */
static int survivors(const int *kinds, int n, bool *lives)
{
    int count = 0;
    for (int i = 0; i < n; i++) {
        lives[i] = kinds[i] == SAVES_ITSELF;
    }
    for (int round = 0; round < n; round++) {
        for (int i = 0; i < n; i++) {
            if (lives[i] && kinds[i] != CUTS_ITSELF_OUT) {
                lives[(i + 1) % n] = lives[(i + n - 1) % n] = true;
            }
        }
    }
    for (int i = 0; i < n; i++) {
        count += lives[i];
    }
    return count;
}

static int64_t collect(bool sliced, ou_gc_report *report)
{
    return sliced ? ou_gc_collect_sliced(report) : ou_gc_collect_report(report);
}

/* What came back is whole: its neighbours are those it had, unless it cut itself out. */
static void check_saved(const int *kinds, int n)
{
    for (int i = 0; i < saved_n; i++) {
        int me = number_of(saved[i]);
        assert_int_equal(kinds[me], SAVES_ITSELF);
        ou_object *left = ou_attr_get_at(saved[i], LEFT);
        ou_object *right = ou_attr_get_at(saved[i], RIGHT);
        assert_int_equal(number_of(left), (me + n - 1) % n);
        assert_int_equal(number_of(right), (me + 1) % n);
        ou_object *beyond = ou_attr_get_at(right, LEFT);
        assert_ptr_equal(beyond, kinds[(me + 1) % n] == CUTS_ITSELF_OUT ? NULL : saved[i]);
        ou_xdecref(beyond);
        ou_decref(left);
        ou_decref(right);
    }
}

static void check_ring(const int *kinds, int n, bool sliced)
{
    ou_object *refs[MOST];
    bool lives[MOST];
    ou_gc_report report;
    make_ring(kinds, n, refs);
    int kept = survivors(kinds, n, lives);
    assert_int_equal(collect(sliced, &report), n - kept);
    assert_int_equal(report.resurrected, kept);
    assert_int_equal(report.finalized, n);
    check_saved(kinds, n);
    assert_int_equal(collect(sliced, NULL), 0); /* what is held stays */
    for (int i = 0; i < saved_n; i++) {
        ou_decref(saved[i]);
    }
    ou_gc_collect(); /* by counting, or as garbage */
    for (int i = 0; i < n; i++) {
        assert_int_equal(runs[i], 1);
        assert_int_equal(calls[i], 1);
        assert_null(ou_weakref_get(refs[i]));
        ou_decref(refs[i]);
    }
}

static void all_rings(void **state)
{
    (void)state;
    int kinds[MOST], rings = 0;
    for (int n = 1; n <= MOST; n++) {
        int many = 1;
        for (int i = 0; i < n; i++) {
            many *= KINDS;
        }
        for (int code = 0; code < many; code++) {
            for (int i = 0, rest = code; i < n; i++, rest /= KINDS) {
                kinds[i] = rest % KINDS;
            }
            check_ring(kinds, n, false);
            check_ring(kinds, n, true);
            rings++;
        }
    }
    assert_int_equal(rings, 3 + 9 + 27 + 81 + 243);
}

/* ---- once back -----------------------------------------------------------------------------
 */

static void drop(ou_object *o)
{
    ou_decref(o);
}

/* Saved here, dropped by another thread: it is dead when both have looked, and nobody is told
 * again. */
static void saved_here_ends_elsewhere(void **state)
{
    (void)state;
    for (int by_collector = 0; by_collector < 2; by_collector++) {
        ou_object *o = ou_instance_new(class_of(SAVES_ITSELF));
        runs[0] = saved_n = 0;
        assert_ok(ou_attr_set_at_steal(o, 2, ou_int_new(0)));
        if (by_collector) {
            assert_ok(ou_attr_set_at(o, LEFT, o));
            ou_decref(o);
            assert_int_equal(ou_gc_collect(), 0);
            assert_ok(ou_attr_set_at(saved[0], LEFT, NULL));
        } else {
            ou_decref(o);
        }
        assert_int_equal(saved_n, 1);
        int dead = 0;
        ou_object *ref = ou_weakref_new(saved[0], unit_count_call, &dead);
        team_send(saved[0], drop);
        ou_safepoint();
        assert_int_equal(dead, 1);
        assert_int_equal(runs[0], 1);
        ou_decref(ref);
    }
}

/* A finalizer that gives its object away: the other thread owns it from then on. */
static ou_object *given;

static int give_self(ou_object *self, void *arg)
{
    ++*(int *)arg;
    given = ou_incref(self);
    return 0;
}

static void take_and_end(ou_object *o)
{
    (void)ou_take(o);
    ou_decref(o);
}

static void saved_and_handed_over(void **state)
{
    (void)state;
    static int times;
    const ou_type *cls = ou_class_new("Given", NULL, 0, true, give_self, &times);
    ou_decref(ou_instance_new(cls));
    assert_int_equal(times, 1);
    assert_true(ou_give(given)); /* unique, as if it had just been made */
    team_send(given, take_and_end);
    ou_safepoint();
    assert_int_equal(times, 1);
}

/* Saved many times over, by itself and by every neighbour of a wide garbage. */
static void saved_from_within_a_crowd(void **state)
{
    (void)state;
    enum { N = 3000 };
    ou_object *list = ou_list_new(0);
    for (int i = 0; i < N; i++) {
        ou_object *o = ou_instance_new(class_of(i == N / 2 ? SAVES_ITSELF : PLAIN));
        assert_ok(ou_attr_set_at_steal(o, 2, ou_int_new(0)));
        assert_ok(ou_attr_set_at(o, LEFT, list));
        assert_ok(ou_list_append_steal(list, o));
    }
    runs[0] = saved_n = 0;
    ou_decref(list);
    ou_gc_report report;
    assert_int_equal(ou_gc_collect_report(&report), 0);
    assert_int_equal(report.resurrected, N + 1); /* over the list, all of them */
    assert_int_equal(runs[0], N);
    ou_decref(saved[0]);
    assert_int_equal(ou_gc_collect(), N + 1);
    assert_int_equal(runs[0], N);
}

/* ---- turned over ---------------------------------------------------------------------------
 */

static int upsets, fresh_ends;
static const ou_type *fresh_class;

/* Turns the list and the dict over that it is garbage with, and fills them with new objects. */
static int upset_garbage(ou_object *self, void *arg)
{
    ou_object *list = ou_attr_get(self, "list"), *dict = ou_attr_get(self, "dict");
    (void)arg;
    upsets++;
    assert_true(ou_is_list(list) && ou_is_dict(dict)); /* whole, whatever the other one did */
    assert_ok(ou_list_clear(list));
    assert_ok(ou_dict_clear(dict));
    for (int i = 0; i < 20; i++) {
        ou_object *fresh = ou_instance_new(fresh_class), *key = ou_int_new(1000 + i);
        assert_ok(ou_attr_set(fresh, "cycle", list));
        assert_ok(ou_list_append(list, fresh));
        assert_ok(ou_dict_set(dict, key, fresh));
        ou_decref(key);
        ou_decref(fresh);
    }
    ou_decref(list);
    ou_decref(dict);
    return 0;
}

static void garbage_turned_over(void **state)
{
    (void)state;
    const ou_type *cls = ou_class_new("Victim", NULL, 0, false, upset_garbage, NULL);
    fresh_class = ou_class_new("Fresh", NULL, 0, false, unit_count_end, &fresh_ends);
    for (int sliced = 0; sliced < 2; sliced++) {
        ou_object *list = ou_list_new(0), *dict = ou_dict_new(0);
        for (int i = 0; i < 2; i++) {
            ou_object *victim = ou_instance_new(cls);
            assert_ok(ou_attr_set(victim, "list", list));
            assert_ok(ou_attr_set(victim, "dict", dict));
            assert_ok(ou_list_append(list, victim));
            assert_ok(ou_dict_set(dict, victim, list));
            ou_decref(victim);
        }
        ou_decref(list);
        ou_decref(dict);
        upsets = fresh_ends = 0;
        int64_t found = sliced ? ou_gc_collect_sliced(NULL) : ou_gc_collect();
        /* New objects refer to the list: it has come back. The first twenty died when the other
         * victim emptied it. */
        assert_int_equal(found, 3);
        assert_int_equal(upsets, 2);
        assert_int_equal(fresh_ends, 20);
        assert_int_equal(ou_gc_collect(), 1 + 20);
        assert_int_equal(upsets, 2);
        assert_int_equal(fresh_ends, 40);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(all_rings),
        UNIT_TEST(saved_here_ends_elsewhere),
        UNIT_TEST(saved_and_handed_over),
        UNIT_TEST(saved_from_within_a_crowd),
        UNIT_TEST(garbage_turned_over),
    };
    return UNIT_MAIN(tests);
}
