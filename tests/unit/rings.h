/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* rings.h - nodes with two references, and rings of them, for the tests of the collector. */
#ifndef OURO_TEST_RINGS_H
#define OURO_TEST_RINGS_H

#include "support/unit.h"

/* Their class: attributes next, other. */
const ou_type *node(void);

/* A ring of n nodes; an owned reference to one of them. How many there are. */
ou_object *ring(size_t n);
size_t ring_length(ou_object *first);

/* With heap=malloc there is only the one stop, and nobody assists. */
bool without_slices(void);

#endif
