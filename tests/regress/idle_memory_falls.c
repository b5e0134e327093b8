/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * idle_memory_falls.c - a program with libouro-malloc.so preloaded allocates, frees everything
 * and makes no call any more: its resident memory falls, also in the child of a fork. With
 * "off" (heap_background_bytes=0), and while little was freed, it has no thread that it did not
 * make. With "locked" the program has locked its memory, of which nothing can be given back:
 * the thread sees that once and sleeps, where it once looked at every tick, for ever.
 *
 *      LD_PRELOAD=libouro-malloc.so idle_memory_falls [off|locked]
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCKS 12000
#define BLOCK_BYTES 4096 /* 48 MiB: less than what is kept at once, so that only age counts */
#define DEADLINE_S 25    /* it takes one and a half; a loaded machine may take longer */

/* Value of a field of a status file; -1 without one. Allocates nothing. */
static long field_of(const char *path, const char *field)
{
    static char text[8192];
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) {
        return -1;
    }
    text[n] = 0;
    const char *at = strstr(text, field);
    return at ? strtol(at + strlen(field), NULL, 10) : -1;
}

static long status(const char *field)
{
    return field_of("/proc/self/status", field);
}

static void fill_and_drain(void)
{
    static void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(BLOCK_BYTES);
        memset(blocks[i], 1, BLOCK_BYTES);
    }
    for (int i = 0; i < BLOCKS; i++) {
        free(blocks[i]);
    }
}

/* 0 when the resident memory falls to `base_kb` and a little more. */
static int falls(const char *who, long base_kb)
{
    long peak = status("VmHWM:"), now = 0;
    for (int i = 0; i < DEADLINE_S * 20; i++) {
        now = status("VmRSS:");
        if (now < base_kb + 6 * 1024) {
            return 0;
        }
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
    }
    fprintf(stderr, "%s: %ld kB at first, peak %ld, still %ld after %d s\n", who, base_kb, peak,
            now, DEADLINE_S);
    return 1;
}

static int in_child(long base_kb)
{
    pid_t pid = fork();
    if (pid == 0) {
        fill_and_drain();
        _exit(falls("child", base_kb));
    }
    int state = -1;
    return waitpid(pid, &state, 0) == pid && state == 0 ? 0 : 1;
}

/* The same of the thread that the program did not make. */
static long other_thread(const char *field)
{
    static char path[300];
    DIR *tasks = path[0] ? NULL : opendir("/proc/self/task");
    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        if (task->d_name[0] != '.' && atol(task->d_name) != getpid()) {
            snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        }
    }
    if (tasks) {
        closedir(tasks);
    }
    return field_of(path, field);
}

/* What keeps credentials without need must be able to do nothing with them. 0: it cannot. */
static int is_confined(void)
{
    long mode = other_thread("Seccomp:");
    if (status("Seccomp:") >= 0 &&
        mode != 2) { /* 2: by a filter; no such field: no kernel support */
        fprintf(stderr, "the thread's seccomp mode is %ld\n", mode);
        return 1;
    }
    return 0;
}

#define TICK_MS 20 /* heap_purge_ms of the run; the thread looks twice as often */

/* 0 when the thread has stood still for fifty of its ticks. */
static int stands_still(void)
{
    long seen = -1, still = 0;
    for (int i = 0; i < DEADLINE_S * 1000 / TICK_MS; i++) {
        nanosleep(&(struct timespec){.tv_nsec = TICK_MS * 1000 * 1000}, NULL);
        long now = other_thread("voluntary_ctxt_switches:");
        still = now == seen ? still + 2 : 0;
        seen = now;
        if (seen >= 0 && still >= 50) {
            return 0;
        }
    }
    fprintf(stderr, "the thread is never at rest: %ld switches\n", seen);
    return 1;
}

static int locked(void)
{
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
        fprintf(stderr, "skipped: this process may not lock its memory\n");
        return 77;
    }
    fill_and_drain();
    return stands_still();
}

static int threads_are(const char *when, long n)
{
    long now = status("Threads:");
    if (now != n) {
        fprintf(stderr, "%s: %ld threads, not %ld\n", when, now, n);
    }
    return now != n;
}

int main(int argc, char **argv)
{
    bool off = argc > 1 && strcmp(argv[1], "off") == 0;
    if (argc > 1 && strcmp(argv[1], "locked") == 0) {
        return locked();
    }
    free(malloc(100));
    long base_kb = status("VmRSS:");
    int failures = threads_are("little freed", 1);
    fill_and_drain();
    failures += threads_are("much freed", off ? 1 : 2);
    if (!off) {
        failures += falls("parent", base_kb); /* so the thread has begun its work */
        failures += is_confined();
        failures += in_child(base_kb);
    }
    return failures ? 1 : 0;
}
