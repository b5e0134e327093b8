/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* str.h - stands before ouro's own in ouro-work-<peer>: its inlined part looks into a header
 * that a str has not got there. */
#ifndef OURO_STR_H
#define OURO_STR_H

#include "ouro/object.h"

OU_BEGIN_DECLS
ou_object *ou_str_new(const char *bytes, size_t len);
const char *ou_str_bytes(const ou_object *o, size_t *len);
OU_END_DECLS

#endif
