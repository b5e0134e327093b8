/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * intern.c - from a value to the one object that stands for it; strings of 20 bytes.
 *
 *      intern/hit_same     the interned string itself is asked for
 *      intern/hit_object   a new equal string is made, interned (it dies), dropped
 *      intern/hit_chars    from characters to the interned string
 *      intern/miss         from characters that nobody has interned; dies again at once, so
 *                          the table gains and loses an entry each time
 */
#include "micro.h"

#include <stdio.h>
#include <string.h>

#include MICRO_OPS

#define STRINGS 256
#define TEXT 20

typedef struct names {
    op_ref interned[STRINGS];
    char text[STRINGS][TEXT + 1];
} names;

/* Each thread has texts of its own, all threads the same strings. */
static names *names_new(void)
{
    names *n = micro_pages(sizeof *n);
    for (unsigned i = 0; i < STRINGS; i++) {
        snprintf(n->text[i], sizeof n->text[i], "name_of_attribute%03u", i);
        n->interned[i] = op_intern(n->text[i], TEXT);
    }
    return n;
}

static const char *names_free(names *n)
{
    const char *wrong = NULL;
    for (unsigned i = 0; i < STRINGS; i++) {
        op_ref same = op_intern(n->text[i], TEXT);
        if (same != n->interned[i] || strcmp(op_str_bytes(same), n->text[i]) != 0) {
            wrong = "equal strings do not share one object";
        }
        op_decref(same);
        op_decref(n->interned[i]);
    }
    micro_pages_free(n, sizeof *n);
    return wrong;
}

static const char *verdict(names *n, uint64_t hits, uint64_t wanted)
{
    const char *wrong = names_free(n);
    return wrong ? wrong : hits == wanted ? NULL : "interning gave another object";
}

static const char *hit_same(gb_state *s, const micro_row *row)
{
    names *n = names_new();
    uint64_t hits = 0, wanted = 0;
    (void)row;
    while (gb_next_batch(s, STRINGS)) {
        for (unsigned i = 0; i < STRINGS; i++) {
            op_incref(n->interned[i]);
            op_ref got = op_intern_steal(n->interned[i]);
            hits += got == n->interned[i];
            op_decref(got);
        }
        wanted += STRINGS;
        op_safepoint();
    }
    return verdict(n, hits, wanted);
}

static const char *hit_object(gb_state *s, const micro_row *row)
{
    names *n = names_new();
    uint64_t hits = 0, wanted = 0;
    (void)row;
    while (gb_next_batch(s, STRINGS)) {
        for (unsigned i = 0; i < STRINGS; i++) {
            op_ref got = op_intern_steal(op_str(n->text[i], TEXT));
            hits += got == n->interned[i];
            op_decref(got);
        }
        wanted += STRINGS;
        op_safepoint();
    }
    return verdict(n, hits, wanted);
}

static const char *hit_chars(gb_state *s, const micro_row *row)
{
    names *n = names_new();
    uint64_t hits = 0, wanted = 0;
    (void)row;
    while (gb_next_batch(s, STRINGS)) {
        for (unsigned i = 0; i < STRINGS; i++) {
            op_ref got = op_intern(n->text[i], TEXT);
            hits += got == n->interned[i];
            op_decref(got);
        }
        wanted += STRINGS;
        op_safepoint();
    }
    return verdict(n, hits, wanted);
}

/* Counts upwards in letters at the end of the text: no two texts of a run are equal. */
static void next_text(char *text)
{
    for (int i = TEXT - 1; ++text[i] > 'z'; i--) {
        text[i] = 'a';
    }
}

static const char *miss(gb_state *s, const micro_row *row)
{
    char text[TEXT + 1] = "unheard_of__aaaaaaaa";
    const char *wrong = NULL;
    (void)row;
    while (!wrong && gb_next_batch(s, STRINGS)) {
        for (unsigned i = 0; i < STRINGS; i++) {
            next_text(text);
            op_ref got = op_intern(text, TEXT);
            if (__builtin_expect(!got, 0)) {
                return "out of memory";
            }
            micro_escape(got);
            op_decref(got);
        }
        op_ref last = op_intern(text, TEXT);
        if (!last || strcmp(op_str_bytes(last), text) != 0 || op_refcount(last) != 1) {
            wrong = "a string that died is still in the table";
        }
        if (last) {
            op_decref(last);
        }
    }
    return wrong;
}

void micro_intern(void)
{
    static const micro_row table[] = {
        {"intern/hit_same", hit_same, "limit/increment", 0, 0, 0},
        {"intern/hit_object", hit_object, "limit/intern_probe", 0, 0, MICRO_QUICK},
        {"intern/hit_chars", hit_chars, "limit/intern_probe", 0, 0, MICRO_QUICK},
#if OP_HAS_FOREIGN
        {"intern/hit_same", hit_same, "limit/increment", 0, 2, 0},
        {"intern/hit_chars", hit_chars, "limit/intern_probe/threads:2", 0, 2, 0},
#endif
        {"intern/miss", miss, "limit/intern_probe", 0, 0, 0},
    };
    micro_add_all(table, sizeof table / sizeof table[0]);
}
