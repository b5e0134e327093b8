/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * record.h - the one JSON line a measuring process prints (docs/worker.md).
 *
 * A thin layer over cJSON: its nodes live in bump memory, integers keep all 64 bits, and a
 * number that is not finite makes the whole record unwritable instead of reading as null.
 */
#ifndef MEASURE_RECORD_H
#define MEASURE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

struct cJSON;

struct record {
    struct cJSON *root;
    const char *bad; /* key of the first value that could not be taken, or NULL */
};

void record_init(struct record *r);
void record_str(struct record *r, const char *key, const char *value);
void record_u64(struct record *r, const char *key, uint64_t value);
void record_f64(struct record *r, const char *key, double value);
void record_bool(struct record *r, const char *key, bool value);

/* An object or a list of objects inside; fill them like a record. */
struct record record_object(struct record *r, const char *key);
struct record record_list(struct record *r, const char *key);
struct record record_list_item(struct record *list);

/* Takes over a failure of an inner record. */
void record_join(struct record *r, const struct record *inner);

/* Writes one line. 0, -1 with errno, or -2 when `bad` is set: nothing was written. */
int record_write(struct record *r, int fd);

#endif
