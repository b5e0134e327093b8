/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * runtime.h - start and stop, threads, safepoints, knobs.
 *
 * A process starts the runtime once. A thread attaches before it touches an object and
 * detaches before it blocks or exits; any attached thread may use any object. The collector
 * stops the world at safepoints only (making and growing containers, ou_safepoint), so a thread
 * that computes for long without any must call ou_safepoint() now and then, and a thread that
 * blocks must do so between ou_blocking_begin() and ou_blocking_end().
 *
 *      ou_start -> ou_thread_attach -> ATTACHED <-> DETACHED (blocking) -> ou_thread_detach
 *                                      (the thread that called ou_start is attached already)
 */
#ifndef OURO_RUNTIME_H
#define OURO_RUNTIME_H

#include "ouro/common.h"

OU_BEGIN_DECLS

/* Starts the runtime and attaches the calling thread. `conf` is NULL or a list of knobs,
 * "name=value,name=value"; the environment variable OURO_CONF is read first, `conf` wins.
 * Returns 0, OU_EINVAL (unknown knob or bad value; see ou_error_message), OU_ENOMEM, or
 * OU_ESTATE when already started. Not thread-safe against itself and ou_stop. */
OU_API int ou_start(const char *conf);

/* Stops the background collector, leaves the calling thread's frames, collects until nothing
 * more is found (at most 16 times: finalizers and callbacks may make garbage of their own),
 * prints the leak report when the knob `leak_report` is on, and detaches the calling thread.
 * Objects still referred to are not finalized; their memory stays valid until process exit, and
 * a later ou_start finds them alive. Returns 0, or OU_ESTATE with nothing changed: not started,
 * the calling thread is not attached or is in a finalizer or callback, another thread is
 * attached. Threads inside a blocking region do not count: they may come back later, use their
 * objects and detach. No thread may attach or start meanwhile. */
OU_API int ou_stop(void);

/* Attaches the calling thread: gives it a slot (a new one or one left by a thread that ended).
 * Returns 0 (also when attached already), OU_ELIMIT (8,191 at a time) or OU_ENOMEM. Waits while
 * the world stands. */
OU_API int ou_thread_attach(void);

/* Gives the slot back. The thread's frames are left first, innermost first; its objects live on
 * and belong to the next thread that takes the slot. Called by itself at thread exit, also
 * inside a blocking region. No-op when not attached. */
OU_API void ou_thread_detach(void);

/* True when the calling thread is attached and not inside a blocking region. */
OU_API bool ou_thread_attached(void);

/* Number of the caller's slot, 1..ou_thread_max(); 0 when not attached. */
OU_API unsigned ou_thread_slot(void);

/* Lets a pending stop or hand-over happen. Cheap: one load when nothing is pending.
 * Thread-safety: attached threads, outside finalizer-critical sections of other calls. */
OU_API void ou_safepoint(void);

/* Around anything that blocks (I/O, locks, sleep): in between, the thread must not touch
 * objects, and collections go on without it. They do not nest. begin works off what waits for
 * the thread (finalizers may run), end waits while the world stands. No-op when not attached.
 */
OU_API void ou_blocking_begin(void);
OU_API void ou_blocking_end(void);

/* Sets one knob while running; returns 0, OU_EINVAL (unknown, bad value, or start-only). Any
 * thread; others may see it a little later. */
OU_API int ou_knob_set(const char *name, const char *value);

/* Reads a knob as a number (bool as 0/1, enum as its ordinal). 0 or OU_EINVAL. Any thread. */
OU_API int ou_knob_get(const char *name, int64_t *value);

/* Calls `fn` for each knob, in order of the table; the strings are static. Any thread. */
OU_API void ou_knob_each(void (*fn)(const char *name, const char *type, int64_t value,
                                    const char *help, void *arg),
                         void *arg);

/* Calls `fn` for each counter of the runtime, summed over all threads (racy but each value
 * monotonic unless its help says "now"). Counter names are stable. Any thread. */
OU_API void ou_stats_each(void (*fn)(const char *name, uint64_t value, const char *help,
                                     void *arg),
                          void *arg);

/* One counter by name; 0 when there is no such counter. Any thread. */
OU_API uint64_t ou_stat(const char *name);

/* Version "major.minor.patch" and build id (commit, compiler, flags). Static storage. */
OU_API const char *ou_version(void);
OU_API const char *ou_build_info(void);

OU_END_DECLS

#endif
