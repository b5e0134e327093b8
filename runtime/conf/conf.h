/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * conf.h - knobs, from one table (knobs.def). Read with plain loads everywhere: start-only
 * knobs never change after ou_start, live ones may be read a little late.
 */
#ifndef OURO_CONF_CONF_H
#define OURO_CONF_CONF_H

#include "base/base.h"

enum { OU_HEAP_OURO = 0, OU_HEAP_MALLOC = 1 };
enum { OU_MODE_DEFAULT = 0, OU_MODE_SECURE = 1, OU_MODE_DEBUG = 2 };
enum { OU_FILL_NONE = 0, OU_FILL_ZERO = 1, OU_FILL_PATTERN = 2 };

typedef struct ou_conf_values {
#define KNOB(name, type, def, min, max, when, help) int64_t name;
#include "conf/knobs.def"
#undef KNOB
} ou_conf_values;

extern OU_HIDDEN ou_conf_values ou_conf;

#define OU_KNOB(name) ou_load_relaxed(&ou_conf.name)

/* Why births and deaths must take the long way; 0 almost always, so that the fast paths test
 * one word. Changes only while the process is quiet, or in tests. */
enum {
    OU_SPECIAL_FAULT = 1,
    OU_SPECIAL_MALLOC = 2,
    OU_SPECIAL_WATCH = 4,
    OU_SPECIAL_FROZEN = 8,
    OU_SPECIAL_GUARD = 16
};
extern OU_HIDDEN uint32_t ou_special; /* atomic */

void ou_special_set(uint32_t bit, bool on);

/* Reads "name=value,name=value" into ou_conf. 0 or OU_EINVAL with a message. */
int ou_conf_parse(const char *text);

/* Reads OURO_CONF, once a process; ignored in set-user-id programs. Bad text: a warning, or
 * OU_EINVAL with a message when `strict`. */
int ou_conf_env(bool strict);

/* From here on start-only knobs are refused. */
void ou_conf_seal(bool sealed);

#endif
