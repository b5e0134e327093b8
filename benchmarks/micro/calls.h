/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* calls.h - two functions in another shared library that do nothing; see calls.c. */
#ifndef OURO_MICRO_CALLS_H
#define OURO_MICRO_CALLS_H

#include <stddef.h>

#define MICRO_CALL __attribute__((visibility("default")))

/* A static block, always the same for the same size (below 4 KiB). */
MICRO_CALL void *micro_call_take(size_t size);

/* Nothing. */
MICRO_CALL void micro_call_give(void *p);

#endif
