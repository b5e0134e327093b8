/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* counts_shared_ptr.h - a copy of a std::shared_ptr more or less: C++, so behind a call. */
#ifndef OURO_COUNTS_SHARED_PTR_H
#define OURO_COUNTS_SHARED_PTR_H

#include "ouro/common.h"

OU_BEGIN_DECLS

ou_object *ou_incref(ou_object *o);
void ou_decref(ou_object *o);

OU_END_DECLS

OU_INLINE ou_object *ou_xincref(ou_object *o)
{
    return o ? ou_incref(o) : o;
}

OU_INLINE void ou_xdecref(ou_object *o)
{
    if (o) {
        ou_decref(o);
    }
}

#endif
