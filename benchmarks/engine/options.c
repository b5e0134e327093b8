/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * options.c - the shared command line; see options.h.
 */
#include "engine/options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/number.h"

#ifndef OURO_VERSION
#define OURO_VERSION "unknown"
#endif
#ifndef OURO_BUILD_SETTINGS
#define OURO_BUILD_SETTINGS "build_type=unknown"
#endif

static const char options_help[] =
    "  --form raw|object     raw blocks or objects [the file's first form]\n"
    "  --heap HEAP           objects: ouro's arenas (ouro), the process's malloc (malloc), or "
    "the\n"
    "                        program's own runtime (cpython: ouro-work-cpython only)\n"
    "  --threads N           worker threads, 1..1024 [the file's]\n"
    "  --seed N              seed of every random choice [the file's]\n"
    "  --scale X             multiplies operations, 0.001..1000 [1]\n"
    "  --iterations N        all phases N times in this process, 1..1000 [1]\n"
    "  --turns IN,OUT        before an iteration read a byte from IN, after it write one to "
    "OUT\n"
    "  --inject P%           do P% more operations than ordered: a test of judges [0%]\n"
    "  --expect NAME=PATH    refuse unless malloc comes from PATH (NAME= alone: libc)\n"
    "  --out-fd N            write the record to this descriptor [1]\n"
    "  --rss-series FILE     write t_ns,rss_bytes,live_bytes lines\n"
    "  --pauses FILE         objects: write start_ns,length_ns of every stop of the world\n"
    "  --latency             time every operation\n"
    "  --list                list the operations (ouro-replay: as --info); with --expect only "
    "that check\n"
    "  --help, --version     --version also says how this was built\n"
    "Exit status: 0 measured and verified, 2 bad input, 3 work not done as ordered,\n"
    "4 not the expected allocator, 5 this runtime has no counterpart of an operation.\n";

enum {
    OPT_FORM = 256,
    OPT_HEAP,
    OPT_THREADS,
    OPT_SEED,
    OPT_SCALE,
    OPT_ITERATIONS,
    OPT_TURNS,
    OPT_INJECT,
    OPT_EXPECT,
    OPT_FD,
    OPT_RSS,
    OPT_PAUSES,
    OPT_LATENCY,
    OPT_LIST,
    OPT_INFO,
    OPT_HELP,
    OPT_VERSION
};

static const struct option options_long[] = {
    {"form", required_argument, NULL, OPT_FORM},
    {"heap", required_argument, NULL, OPT_HEAP},
    {"threads", required_argument, NULL, OPT_THREADS},
    {"seed", required_argument, NULL, OPT_SEED},
    {"scale", required_argument, NULL, OPT_SCALE},
    {"iterations", required_argument, NULL, OPT_ITERATIONS},
    {"turns", required_argument, NULL, OPT_TURNS},
    {"inject", required_argument, NULL, OPT_INJECT},
    {"expect", required_argument, NULL, OPT_EXPECT},
    {"out-fd", required_argument, NULL, OPT_FD},
    {"rss-series", required_argument, NULL, OPT_RSS},
    {"pauses", required_argument, NULL, OPT_PAUSES},
    {"latency", no_argument, NULL, OPT_LATENCY},
    {"list", no_argument, NULL, OPT_LIST},
    {"info", no_argument, NULL, OPT_INFO},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static const char *options_descriptor(const char *text, int *out)
{
    uint64_t fd = 0;
    const char *why = number_u64(text, 0, 1u << 20, &fd);
    *out = (int)fd;
    return why ? why : fcntl(*out, F_GETFD) < 0 ? "is not an open descriptor" : NULL;
}

/* "IN,OUT": two open descriptors. */
static const char *options_turns(const char *text, struct options *o)
{
    char first[16];
    const char *comma = strchr(text, ',');
    if (!comma || (size_t)(comma - text) >= sizeof first) {
        return "is not IN,OUT";
    }
    memcpy(first, text, (size_t)(comma - text));
    first[comma - text] = 0;
    const char *why = options_descriptor(first, &o->turn_in);
    o->turns = true;
    return why ? why : options_descriptor(comma + 1, &o->turn_out);
}

/* The value of an option that is a number or a word. NULL or the reason. */
static const char *options_value(int opt, const char *text, struct options *o)
{
    switch (opt) {
    case OPT_FORM:
        o->form = text;
        return strcmp(text, "raw") && strcmp(text, "object") ? "is neither raw nor object"
                                                             : NULL;
    case OPT_HEAP:
        o->heap = text;
        return NULL; /* whose it is only the program knows */
    case OPT_THREADS:
        return number_u64(text, 1, 1024, &o->threads);
    case OPT_SEED:
        o->seed_set = true;
        return number_u64(text, 0, UINT64_MAX, &o->seed);
    case OPT_SCALE:
        return number_f64(text, 0.001, 1000, &o->scale);
    case OPT_ITERATIONS:
        return number_u64(text, 1, RUN_MAX_ITERATIONS, &o->iterations);
    case OPT_INJECT:
        return number_percent(text, &o->inject);
    case OPT_TURNS:
        return options_turns(text, o);
    case OPT_FD:
        return options_descriptor(text, &o->out_fd);
    default:
        return NULL;
    }
}

static void options_flag(int opt, const char *text, struct options *o)
{
    if (opt == OPT_EXPECT) {
        o->expect = text;
    } else if (opt == OPT_RSS) {
        o->rss_series = text;
    } else if (opt == OPT_PAUSES) {
        o->pauses = text;
    }
    o->latency |= opt == OPT_LATENCY;
    o->list |= opt == OPT_LIST;
    o->info |= opt == OPT_INFO;
}

/* A file that cannot be written is better known before the work than after it. */
static int options_writable(const char *file, struct complaint *c)
{
    int fd = file ? open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644) : -1;
    if (file && fd < 0) {
        return complain(c, file, 0, "%s", strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return 0;
}

int options_parse(int argc, char **argv, const char *program, const char *about,
                  struct options *out, struct complaint *c)
{
    int opt;
    int index = 0;
    *out = (struct options){.scale = 1, .iterations = 1, .out_fd = 1};
    opterr = 0;
    while ((opt = getopt_long(argc, argv, "", options_long, &index)) != -1) {
        if (opt == OPT_HELP) {
            printf("usage: %s %s\n%s", program, about, options_help);
            exit(0);
        }
        if (opt == OPT_VERSION) {
            printf("%s %s\n%s\n", program, OURO_VERSION, OURO_BUILD_SETTINGS);
            exit(0);
        }
        if (opt == '?') {
            return complain(c, program, 0, "bad option '%s' (see --help)", argv[optind - 1]);
        }
        const char *why = options_value(opt, optarg, out);
        if (why) {
            return complain(c, program, 0, "--%s: '%.80s' %s", options_long[index].name, optarg,
                            why);
        }
        options_flag(opt, optarg, out);
    }
    if (argc - optind > 1) {
        return complain(c, program, 0, "one file, not %d", argc - optind);
    }
    if (options_writable(out->rss_series, c) != 0 || options_writable(out->pauses, c) != 0) {
        return -1;
    }
    out->input = argv[optind];
    if (!out->input && !out->list) {
        return complain(c, program, 0, "which file? (see --help)");
    }
    return 0;
}
