/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * types/frame.h - layout of frames and what the thread floor's hooks call.
 */
#ifndef OURO_TYPES_FRAME_H
#define OURO_TYPES_FRAME_H

#include <assert.h>

#include "ouro/frame.h"
#include "types/value.h"

typedef struct ou_local {
    const char *name; /* borrowed */
    ou_object *value; /* owned */
} ou_local;

struct ou_frame {
    ou_frame *prev;   /* the caller's frame; NULL in the outermost */
    const char *name; /* borrowed */
    uint32_t room;    /* locals there is space for */
    uint32_t bound;   /* locals in use, in order of first binding */
    ou_local locals[];
};

static_assert(sizeof(struct ou_frame) == 24, "a frame is 24 bytes and 16 a local");

/* Leaves every frame of the calling thread, which is still attached, and gives its stack back.
 * No-op for a thread that never pushed one. */
void ou_frame_thread_exit(void);

#endif
