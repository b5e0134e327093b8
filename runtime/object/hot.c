/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * hot.c - which objects become hot, and the two ways between a header and the slots' counters.
 *
 * The table holds a reference to each hot object, so none of them can be found dead by
 * counting; that is found when the world stands anyway: every collection, and every promotion
 * that finds the table full, cools all of them. What is still hot comes back within a few
 * thousand increments. Until then at most OU_HOT_MAX objects, and what they refer to, outlive
 * their last reference; never one with a finalizer or weakrefs, whose end a program could see.
 *
 * Sampling: one foreign increment in about SAMPLE_PERIOD is looked at; STREAK looks that met
 * the same object nominate it. Of n objects in turn, n^STREAK looks are needed: thousands of
 * objects counted by a foreign thread are never nominated, a dozen hot ones are.
 */
#include "object/hot.h"

#include "conf/stats.h"
#include "object/death.h"

#define SAMPLE_PERIOD 256u  /* mean; the real one is random, or a loop could hide behind it */
#define STREAK 4u           /* see above */
#define PATIENCE_NS 500000u /* a thread that comes to no safepoint is not waited for; then */
#define PAUSE_FIRST                                                                            \
    65536u /* ... so many increments without a look, twice as many each time                   \
            */
#define PAUSE_LAST (1u << 30)

ou_hot_scout ou_hot_scouts[OU_SLOT_MAX];
bool (*ou_hot_name_met)(ou_object *o);
bool (*ou_hot_name_keep)(ou_object *o);

static ou_object *places[OU_HOT_MAX]; /* stopped world */
static uint32_t place_count;          /* stopped world: places in use */
static uint32_t nominee_count;        /* atomic: scouts that have one */

/* ---- nomination ------------------------------------------------------------------------- */

static bool may_be_hot(const ou_object *o)
{
    uint8_t never = OU_GC_FINALIZER | OU_GC_GARBAGE | OU_GC_DOOMED | OU_GC_DEAD;
    return OU_KNOB(hot_objects) && !(ou_load_relaxed(&o->gcbits) & never) &&
           !(ou_load_relaxed(&o->flags) & (OU_FL_WEAKREF | OU_FL_WATCHED)) &&
           o->type != OU_KIND_WEAKREF && !ou_is_immortal(o) &&
           (ou_load_relaxed(&o->rc_shared) & OU_RC_STATE) != OU_RC_QUEUED;
}

/* Flag first: one nomination at a time, and none once a weakref was made (weakref.c sets its
 * flag, then looks at this one). */
static bool flag_hot(ou_object *o)
{
    uint8_t flags = ou_load_relaxed(&o->flags);
    do {
        if (flags & (OU_FL_HOT | OU_FL_WEAKREF)) {
            return false;
        }
    } while (!ou_cas_acq_rel(&o->flags, &flags, (uint8_t)(flags | OU_FL_HOT)));
    return true;
}

static void unflag_hot(ou_object *o)
{
    ou_fetch_and_relaxed(&o->flags, (uint8_t)~OU_FL_HOT);
}

static bool is_interned(const ou_object *o)
{
    return ou_load_relaxed(&o->flags) & OU_FL_INTERNED;
}

void ou_hot_look(ou_object *o, ou_hot_scout *scout)
{
    scout->random =
        scout->random * 6364136223846793005u + 1442695040888963407u; /* Knuth, MMIX */
    ou_self.until_look = SAMPLE_PERIOD / 2 + (uint32_t)(scout->random >> 33) % SAMPLE_PERIOD;
    scout->streak = o == scout->sample ? scout->streak + 1 : 1;
    scout->sample = o;
    bool often = scout->streak >= STREAK || (is_interned(o) && ou_hot_name_met(o));
    if (!often || scout->nominee || !may_be_hot(o) || !flag_hot(o)) {
        return;
    }
    ou_fetch_add_relaxed(&o->rc_shared, (uint32_t)OU_RC_ONE); /* the caller has one: it lives */
    scout->nominee = o;
    scout->streak = 0;
    ou_fetch_add_relaxed(&nominee_count, 1u);
    ou_slot_poll_set(ou_self.self, OU_POLL_HOT);
}

static ou_object *nominee_take(ou_hot_scout *scout)
{
    ou_object *o = scout->nominee;
    if (o) {
        scout->nominee = NULL;
        ou_fetch_sub_relaxed(&nominee_count, 1u);
    }
    return o;
}

/* ---- world stopped ---------------------------------------------------------------------- */

static void become_merged(ou_object *o, int64_t total, ou_object **dead)
{
    if (OU_UNLIKELY(total < 0)) {
        ou_count_underflow(o);
    }
    total = ou_min(total, (int64_t)OU_COUNT_HIGH + 1); /* saturated: immortal */
    ou_store_relaxed(&o->rc_local, 0u);
    ou_store_release(&o->owner, OU_OWNER_NONE);
    ou_store_relaxed(&o->rc_shared, (uint32_t)total << 2 | OU_RC_MERGED);
    if (!total) {
        ou_dead_push(o, dead);
    }
}

/* A nomination comes to nothing: its reference is dropped. At count 0 a subtraction is what the
 * inbox is for, so here, too, the counts become one. */
static void let_go(ou_object *o, ou_object **dead)
{
    unflag_hot(o);
    if (ou_is_immortal(o)) {
        return;
    }
    uint32_t shared = ou_load_relaxed(&o->rc_shared);
    if ((shared & OU_RC_STATE) < OU_RC_QUEUED && ou_rc_count(shared) == 0) {
        become_merged(o, (int64_t)ou_load_relaxed(&o->rc_local) - 1, dead);
        return;
    }
    ou_store_relaxed(&o->rc_shared, shared - OU_RC_ONE);
    if (shared - OU_RC_ONE == OU_RC_MERGED) {
        ou_dead_push(o, dead);
    }
}

static int64_t counters_sum(uint32_t place)
{
    int64_t sum = 0;
    uint32_t slots = ou_slot_count();
    for (uint32_t id = 1; id <= slots; id++) {
        const ou_hot_counter *count = &ou_hot_counters[id][place];
        sum += (int64_t)(ou_load_relaxed(&count->taken) - ou_load_relaxed(&count->dropped));
    }
    return sum;
}

static void counters_clear(uint32_t place)
{
    uint32_t slots = ou_slot_count();
    for (uint32_t id = 1; id <= slots; id++) {
        ou_store_relaxed(&ou_hot_counters[id][place].taken, 0);
        ou_store_relaxed(&ou_hot_counters[id][place].dropped, 0);
    }
}

static void cool(uint32_t place, ou_object **dead)
{
    ou_object *o = places[place];
    places[place] = NULL;
    place_count--;
    int64_t total = ou_hot_count(o);
    counters_clear(place);
    unflag_hot(o);
    become_merged(o, total, dead);
    OU_STAT(hot_cooled, 1);
}

static void cool_places(ou_object **dead)
{
    for (uint32_t i = 0; i < OU_HOT_MAX && place_count; i++) {
        if (places[i]) {
            cool(i, dead);
        }
    }
}

/* Calls `each` with every nominee, which its scout has no more. */
static void each_nominee(bool (*each)(ou_object *, ou_object **), ou_object **dead)
{
    uint32_t slots = ou_load_relaxed(&nominee_count) ? ou_slot_count() : 0;
    for (uint32_t id = 1; id <= slots; id++) {
        ou_object *o = nominee_take(&ou_hot_scouts[id]);
        if (o && !each(o, dead)) {
            let_go(o, dead);
        }
    }
}

static bool no(ou_object *o, ou_object **dead)
{
    (void)o, (void)dead;
    return false;
}

void ou_hot_cool_all(ou_object **dead)
{
    each_nominee(no, dead);
    cool_places(dead);
}

static uint32_t free_place(ou_object **dead)
{
    if (place_count == OU_HOT_MAX) {
        cool_places(dead);
    }
    uint32_t place = 0;
    while (places[place]) {
        place++;
    }
    return place;
}

static bool promote(ou_object *o, ou_object **dead)
{
    int64_t total = ou_count_now(o);
    if (total <= 1 || total > OU_COUNT_HIGH || !may_be_hot(o)) {
        return false;
    }
    if (is_interned(o) && ou_hot_name_keep(o)) {
        unflag_hot(o);
        ou_fetch_or_relaxed(&o->rc_local, OU_IMMORTAL);
        return true;
    }
    uint32_t place = free_place(dead);
    places[place] = o;
    place_count++;
    ou_store_relaxed(&o->rc_local, place);
    ou_store_release(&o->owner, OU_OWNER_HOT); /* as the merge does */
    ou_store_relaxed(&o->rc_shared, (uint32_t)total << 2 | OU_RC_MERGED);
    OU_STAT(hot_promoted, 1);
    return true;
}

/* ---- world running ---------------------------------------------------------------------- */

/* Some thread does not come to a safepoint: this one goes on, and tries again much later. */
static OU_COLD void withdraw(ou_hot_scout *scout)
{
    ou_object *o = nominee_take(scout);
    scout->pause = scout->pause ? (uint32_t)ou_min(scout->pause * 2, PAUSE_LAST) : PAUSE_FIRST;
    ou_self.until_look = scout->pause;
    if (o) {
        unflag_hot(o);
        ou_decref(o);
    }
}

void ou_hot_promote(void)
{
    ou_hot_scout *scout = &ou_hot_scouts[ou_self.slot];
    ou_object *dead = NULL;
    if (!scout->nominee) {
        return; /* another thread's stop has settled it */
    }
    if (!ou_world_try_stop(PATIENCE_NS)) {
        withdraw(scout);
        return;
    }
    scout->pause = 0;
    each_nominee(promote, &dead);
    ou_world_start();
    ou_objects_bury(dead);
}

void ou_hot_cool_one(ou_object *o)
{
    ou_object *dead = NULL; /* stays so: the caller has a reference */
    uint32_t slots = ou_slot_count();
    if (ou_is_hot(o)) {
        cool(ou_load_relaxed(&o->rc_local), &dead);
        return;
    }
    for (uint32_t id = 1; id <= slots && ou_load_relaxed(&o->flags) & OU_FL_HOT; id++) {
        if (ou_hot_scouts[id].nominee == o) {
            let_go(nominee_take(&ou_hot_scouts[id]), &dead);
        }
    }
}

void ou_hot_cool(ou_object *o)
{
    ou_world_stop();
    ou_hot_cool_one(o);
    ou_world_start();
}

int64_t ou_hot_count(const ou_object *o)
{
    int64_t count = ou_rc_count(ou_load_relaxed(&o->rc_shared)) - 1;
    return count + counters_sum(ou_load_relaxed(&o->rc_local));
}
