/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * stops.c - the log of stops that the runtime keeps for us, from memory of our own.
 */
#include "engine/stops.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "measure/arena.h"
#include "measure/clock.h"
#include "ouro/pause.h"

#define STOPS_MAX 262144u /* 4 MiB; of more stops the last so many are written */

static struct {
    ou_pause *log;
    uint64_t begin_ns; /* of the first timed phase */
    uint64_t end_ns;   /* of the last one */
} stops;

int stops_begin(void)
{
    if (!stops.log) {
        stops.log = arena_take(STOPS_MAX * sizeof *stops.log);
        if (!stops.log) {
            return -1;
        }
        stops.begin_ns = clock_wall_ns();
        ou_pauses_log(stops.log, STOPS_MAX);
    }
    return 0;
}

void stops_end(void)
{
    stops.end_ns = clock_wall_ns();
}

int stops_write(const char *path)
{
    FILE *file = fopen(path, "we");
    if (!file) {
        return -errno;
    }
    uint64_t count = stops.log ? ou_pauses_logged() : 0;
    uint64_t first = count > STOPS_MAX ? count - STOPS_MAX : 0;
    fprintf(file, "start_ns,length_ns\n");
    for (uint64_t k = first; k < count; k++) {
        const ou_pause *p = &stops.log[k % STOPS_MAX];
        /* The first may have begun before the log, the last may go on after the end. */
        uint64_t from = p->began_ns > stops.begin_ns ? p->began_ns : stops.begin_ns;
        uint64_t to = p->began_ns + p->ns < stops.end_ns ? p->began_ns + p->ns : stops.end_ns;
        if (from < to) {
            fprintf(file, "%" PRIu64 ",%" PRIu64 "\n", from - stops.begin_ns, to - from);
        }
    }
    fprintf(file, "%" PRIu64 ",0\n", stops.end_ns - stops.begin_ns);
    int failed = ferror(file);
    return fclose(file) != 0 || failed ? -EIO : 0;
}
