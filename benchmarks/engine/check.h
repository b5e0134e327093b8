/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * check.h - from the words of a workload file to values, with a complaint for every absurdity.
 */
#ifndef ENGINE_CHECK_H
#define ENGINE_CHECK_H

#include "engine/positions.h"
#include "engine/workload.h"

int workload_check(const char *file, const struct workload_text *text,
                   const struct positions *where, struct workload *out, struct complaint *c);

#endif
