/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * types.h - the built-in types come to life. Called by ou_start before any object exists;
 * each *_define fills the entry of its kind in the type region and makes the type's immortal
 * values. Not thread-safe, idempotent as a whole.
 */
#ifndef OURO_TYPES_TYPES_H
#define OURO_TYPES_TYPES_H

/* Defines every built-in type but weakref (object/weakref.c) and picks the process's hash seed.
 * Idempotent. */
void ou_types_init(void);

void ou_none_define(void); /* none and bool */
void ou_int_define(void);
void ou_float_define(void);
void ou_str_define(void);
void ou_tuple_define(void);
void ou_list_define(void);
void ou_dict_define(void);

#endif
