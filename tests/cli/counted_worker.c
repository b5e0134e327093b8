/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * counted_worker.c - a worker whose instructions test_icount.py knows: the timed function calls
 * `spin_here` for 1000 x scale turns. A word after `fake:` in the workload file, or in PLANT
 * when compiling, plants a fault: wobble (one turn more in every second run), clock (timed_by
 * time), outside (as many turns again, not inside the timed function), slow (two per cent more
 * turns), uneven (ten per cent more for odd seeds), other (another checksum), crash (exit
 * status 7).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef PLANT
#define PLANT ""
#endif

static volatile unsigned turns_done;
static char text[4096];

static int planted(const char *fault)
{
    return strstr(text, fault) != NULL || strstr(PLANT, fault) != NULL;
}

__attribute__((noinline)) void spin_here(unsigned turns)
{
    for (unsigned i = 0; i < turns; i++) {
        turns_done++;
    }
}

__attribute__((noinline)) void ouro_work_timed(unsigned turns)
{
    spin_here(turns);
    turns_done++;
}

static unsigned odd_run(const char *file)
{
    char name[4096];
    snprintf(name, sizeof name, "%s.runs", file);
    FILE *runs = fopen(name, "a");
    fputc('x', runs);
    long n = ftell(runs);
    fclose(runs);
    return (unsigned)(n % 2);
}

static const char *option(int argc, char **argv, const char *name)
{
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], name) == 0) {
            return argv[i + 1];
        }
    }
    return "";
}

int main(int argc, char **argv)
{
    char name[65] = "";
    FILE *file = fopen(argv[1], "r");
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    sscanf(text, "name: %64s", name);
    unsigned turns = (unsigned)(1000 * atof(option(argc, argv, "--scale")) + 0.5);
    double injected = atof(option(argc, argv, "--inject")) / 100;
    turns += (unsigned)(turns * injected + 0.5);
    if (planted("wobble")) {
        turns += odd_run(argv[1]);
    }
    if (planted("slow")) {
        turns += turns / 50;
    }
    if (planted("uneven") && atoi(option(argc, argv, "--seed")) % 2) {
        turns += turns / 10;
    }
    if (planted("outside")) {
        spin_here(turns);
    }
    ouro_work_timed(turns);
    if (planted("crash")) {
        return 7;
    }
    FILE *out = fdopen(atoi(option(argc, argv, "--out-fd")), "w");
    fprintf(out, "{\"iterations\":1000,\"real_time\":1,\"cpu_time\":1,\"threads\":%s,",
            option(argc, argv, "--threads"));
    fprintf(out, "\"seed\":%s,\"wall_ns\":1,\"cpu_ns\":1,\"ops\":1000,",
            option(argc, argv, "--seed"));
    fprintf(out, "\"items_per_second\":1,\"peak_rss_bytes\":1,\"end_rss_bytes\":1,");
    fprintf(out, "\"live_peak_bytes\":1,\"minflt\":0,\"majflt\":0,\"verified\":true,");
    fprintf(out, "\"timed_by\":\"%s\",\"checksum\":\"%s\",\"scale\":%s,",
            planted("clock") ? "time" : "ops", planted("other") ? "bb" : "aa",
            option(argc, argv, "--scale"));
    fprintf(out, "\"injected\":%.8f,", injected);
    fprintf(out, "\"workload\":\"%s\",\"form\":\"%s\",\"allocator\":{\"path\":\"libc\"}}\n",
            name, option(argc, argv, "--form"));
    return fclose(out) != 0;
}
