/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * subjects.h - one object of each type, for tests that go through all functions and types, and
 * the means to say that none of them changed.
 */
#ifndef TESTS_UNIT_SUBJECTS_H
#define TESTS_UNIT_SUBJECTS_H

#include "support/unit.h"

extern ou_object *integer, *real, *text, *tuple, *list, *dict, *point, *weak;
extern ou_object *twin, *scratch_list, *scratch_dict; /* equal to list; to be emptied */
extern const ou_type *point_class;                    /* closed: x, y */
extern ou_frame *frame;                               /* a = integer; room for one more */

void subjects_make(void);
void subjects_drop(void);

/* Everything that a refused call could have changed. */
typedef struct state_of_all {
    char lists[3][64], dicts[2][64];
    int64_t counts[11];
    ou_object *x, *y, *local;
    size_t weakrefs, interned, frame_bytes;
} state_of_all;

state_of_all take_state(void);
void assert_unchanged(const state_of_all *before);

#endif
