/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * fuzz.h - what a fuzz target of this folder has: libFuzzer's entry and a fault to plant. Both
 * are called and set by one thread.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Runs one program; ends the process when a check fails. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Name of the fault to plant, one of the target's; "": none. */
extern const char *fuzz_plant;

#endif
