/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* counts_boehm.h - nothing is counted: what is dropped is found by the next collection. */
#ifndef OURO_COUNTS_BOEHM_H
#define OURO_COUNTS_BOEHM_H

#include "ouro/atomic.h"
#include "ouro/common.h"

OU_INLINE ou_object *ou_incref(ou_object *o)
{
    return o;
}

OU_INLINE void ou_decref(ou_object *o)
{
    (void)o;
}

OU_INLINE ou_object *ou_xincref(ou_object *o)
{
    return o;
}

OU_INLINE void ou_xdecref(ou_object *o)
{
    (void)o;
}

#endif
