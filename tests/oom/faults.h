/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * faults.h - the system refuses: the N-th call of mmap, munmap, mprotect, madvise,
 * pthread_create or clone in this program fails as the kernel would let it fail.
 *
 * The linker puts these functions in place of the calls (--wrap, see CMakeLists.txt), so the
 * runtime has no code for it, and the C library's own calls are not hurt. Calls are counted
 * over all threads while armed.
 */
#ifndef TESTS_OOM_FAULTS_H
#define TESTS_OOM_FAULTS_H

#include <pthread.h>
#include <stdbool.h>

enum { FAULT_CALLS = 6, FAULT_MPROTECT = 2 };

extern const char *const faults_names[FAULT_CALLS];

/* From now on call number `nth` (0: none) fails, with `sticky` all later ones as well. With
 * `ignored` an mmap that fails gives an address without memory, as if its caller had not
 * looked. */
void faults_arm(unsigned nth, bool sticky, bool ignored);
void faults_disarm(void);

/* Calls refused since the program began; of one kind. */
unsigned faults_made(void);
unsigned faults_made_of(unsigned kind);

/* pthread_create for the test's own threads: never refused, not counted. */
int faults_thread(pthread_t *t, void *(*fn)(void *), void *arg);

#endif
