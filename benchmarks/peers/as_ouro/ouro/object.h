/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * object.h - stands before ouro's own in ouro-work-<peer>: how that runtime counts its
 * references (WORK_COUNTS). What the engine calls of the rest is in work_<peer>*.
 */
#ifndef OURO_OBJECT_H
#define OURO_OBJECT_H

#include WORK_COUNTS

#include "ouro/common.h"

OU_BEGIN_DECLS
const char *ou_type_name(const ou_object *o);
OU_END_DECLS

#endif
