/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * load.c - a workload file from disk into text fields, by libcyaml and its schema.
 *
 * Called through workload_load(). libcyaml reports in several lines to a log function; its
 * first error and the first line number of its backtrace become the one line users see. What
 * must stay true: nothing bigger than WORKLOAD_MAX_FILE is ever read, nothing blocks (a FIFO
 * is refused by fstat before it is read).
 */
#include <cyaml/cyaml.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/check.h"
#include "engine/positions.h"
#include "engine/workload.h"
#include "measure/arena.h"

#define LOAD_TEXT(key, type, member)                                                           \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 1, 600)

static const cyaml_schema_field_t load_phase_fields[] = {
    LOAD_TEXT("name", struct phase_text, name),
    CYAML_FIELD_STRING_PTR("op", CYAML_FLAG_POINTER, struct phase_text, op, 1, 64),
#define X(k) LOAD_TEXT(#k, struct phase_text, key[KEY_##k]),
    WORKLOAD_KEYS(X)
#undef X
        CYAML_FIELD_END};

static const cyaml_schema_value_t load_phase = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct phase_text, load_phase_fields)};

static const cyaml_schema_field_t load_form_fields[] = {
    CYAML_FIELD_STRING_PTR("form", CYAML_FLAG_POINTER, struct form_text, form, 1, 64),
    CYAML_FIELD_SEQUENCE_COUNT("phases", CYAML_FLAG_POINTER, struct form_text, phases, n_phases,
                               &load_phase, 1, WORKLOAD_MAX_PHASES),
    CYAML_FIELD_END};

static const cyaml_schema_value_t load_form = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct form_text, load_form_fields)};

static const cyaml_schema_field_t load_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct workload_text, name, 1, 64),
    LOAD_TEXT("about", struct workload_text, about),
    LOAD_TEXT("seed", struct workload_text, seed),
    LOAD_TEXT("threads", struct workload_text, threads),
    CYAML_FIELD_SEQUENCE_COUNT("forms", CYAML_FLAG_POINTER, struct workload_text, forms,
                               n_forms, &load_form, 1, FORM_COUNT),
    CYAML_FIELD_END};

static const cyaml_schema_value_t load_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct workload_text, load_fields)};

/* First message and first line number of a failing load. */
struct load_log {
    char reason[256];
    int line;
};

static void load_log_line(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
    struct load_log *log = ctx;
    char text[256];
    (void)level;
    vsnprintf(text, sizeof text, fmt, args);
    text[strcspn(text, "\n")] = 0;
    const char *at = strstr(text, "(line: ");
    if (at && log->line == 0) {
        sscanf(at, "(line: %d", &log->line);
    }
    if (log->reason[0] == 0) {
        const char *reason = strncmp(text, "Load: ", 6) == 0 ? text + 6 : text;
        snprintf(log->reason, sizeof log->reason, "%s", reason);
    }
}

/* libcyaml gives the line of the mapping for a key it refuses; the key itself is further on. */
static int load_line(const struct load_log *log, const struct positions *where)
{
    int line = log->line ? log->line : 1;
    const char *colon = strrchr(log->reason, ' ');
    bool key = !strncmp(log->reason, "Unexpected key: ", 16) ||
               !strncmp(log->reason, "Mapping field already seen: ", 28);
    return key && colon ? positions_key_line(where, colon + 1, line) : line;
}

/* Memory for libcyaml out of bump memory. A piece remembers its size for growing. */
static void *load_mem(void *ctx, void *p, size_t size)
{
    (void)ctx;
    if (size == 0) {
        return NULL;
    }
    size_t *fresh = arena_bump(size + 16);
    if (!fresh) {
        return NULL;
    }
    fresh[0] = size;
    fresh += 2;
    if (p) {
        size_t old = ((size_t *)p)[-2];
        memcpy(fresh, p, old < size ? old : size);
    }
    return fresh;
}

/* Reads the whole file; NULL with a complaint. */
static char *load_read(const char *file, size_t *len, struct complaint *c)
{
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        complain(c, file, 0, "%s", strerror(errno));
    } else if (S_ISDIR(st.st_mode)) {
        complain(c, file, 0, "is a directory");
    } else if (!S_ISREG(st.st_mode)) {
        complain(c, file, 0, "is not a regular file");
    } else if (st.st_size > WORKLOAD_MAX_FILE) {
        complain(c, file, 0, "is larger than %u bytes", WORKLOAD_MAX_FILE);
    }
    char *text = c->set ? NULL : arena_bump(WORKLOAD_MAX_FILE + 1);
    ssize_t n = 0;
    *len = 0;
    while (text && *len <= WORKLOAD_MAX_FILE &&
           (n = read(fd, text + *len, WORKLOAD_MAX_FILE + 1 - *len)) > 0) {
        *len += (size_t)n;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (!c->set && (!text || n < 0 || *len > WORKLOAD_MAX_FILE)) {
        complain(c, file, 0, "cannot be read: %s", text ? strerror(errno) : "out of memory");
    }
    return c->set ? NULL : text;
}

int workload_load(const char *file, struct workload *out, struct complaint *c)
{
    size_t len = 0;
    char *text = load_read(file, &len, c);
    if (!text) {
        return -1;
    }
    struct positions *where = positions_read(file, text, len, c);
    if (!where) {
        return -1;
    }
    struct load_log log = {{0}, 0};
    cyaml_config_t config = {
        .log_fn = load_log_line,
        .log_ctx = &log,
        .mem_fn = load_mem,
        .log_level = CYAML_LOG_ERROR,
        .flags = CYAML_CFG_NO_ALIAS,
    };
    struct workload_text *parsed = NULL;
    cyaml_err_t err = cyaml_load_data((const uint8_t *)text, len, &config, &load_schema,
                                      (cyaml_data_t **)&parsed, NULL);
    if (err != CYAML_OK || !parsed) {
        const char *reason = log.reason[0] ? log.reason : cyaml_strerror(err);
        return complain(c, file, load_line(&log, where), "%s",
                        parsed || err != CYAML_OK ? reason : "the file is empty");
    }
    return workload_check(file, parsed, where, out, c);
}
