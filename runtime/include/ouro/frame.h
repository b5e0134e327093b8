/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * frame.h - stack memory: calls and the names local to them (row 6 of the documents).
 *
 * Each thread has one contiguous stack of fixed size (knob `frame_stack_bytes`). A frame holds
 * named locals; a local is only a reference to an object on the heap. Returning drops every
 * local. A full stack is OU_ESTACK, never a crash. Frames belong to their thread: no other
 * thread may use them. Thread exit and ou_thread_detach leave all frames, innermost first. No
 * call is a safepoint, but finalizers run where a local is dropped; they may use frames above,
 * and leave those.
 */
#ifndef OURO_FRAME_H
#define OURO_FRAME_H

#include <stdio.h>

#include "ouro/common.h"

OU_BEGIN_DECLS

/* Enters function `name` (borrowed: must outlive the frame) with room for `locals` names.
 * NULL: OU_ESTACK, OU_ESTATE (not attached). The frame is the thread's innermost. */
OU_API ou_frame *ou_frame_push(const char *name, size_t locals);

/* Leaves the innermost frame: drops its locals, last bound first. What their finalizers bind in
 * it meanwhile goes, too. Without a frame it panics. */
OU_API void ou_frame_pop(void);

/* Innermost frame of the calling thread, NULL when there is none (borrowed). */
OU_API ou_frame *ou_frame_current(void);

/* `name = value`: binds a local, dropping what it named before. `name` is borrowed and must
 * outlive the frame. The frame takes its own reference. 0, OU_EINDEX when the frame is full,
 * OU_EINVAL (value NULL), OU_ESTATE (not attached). */
OU_API int ou_frame_bind(ou_frame *f, const char *name, ou_object *value);
/* As bind, but takes over the caller's reference, also when it fails, unless the thread is not
 * attached. */
OU_API int ou_frame_bind_steal(ou_frame *f, const char *name, ou_object *value);

/* `del name`: drops the local's reference. 0, OU_EKEY when there is no such local, OU_ESTATE.
 */
OU_API int ou_frame_del(ou_frame *f, const char *name);

/* What a local refers to (borrowed while bound), or NULL and OU_EKEY. Needs no attachment. */
OU_API ou_object *ou_frame_get_borrow(ou_frame *f, const char *name);

/* Bytes in use (returned) and in all (*total_bytes) of the calling thread's frame stack; number
 * of frames (*depth). Either pointer may be NULL. Needs no attachment. */
OU_API size_t ou_frame_stack_used(size_t *total_bytes, size_t *depth);

/* Prints the memory table of row 1: one line per object named by the thread's frames, with
 * type, value, count and the names that refer to it. Calling thread only. */
OU_API void ou_memory_table(FILE *out);

OU_END_DECLS

#endif
