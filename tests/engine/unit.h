/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* unit.h - cmocka and what it wants included before it. */
#ifndef TESTS_ENGINE_UNIT_H
#define TESTS_ENGINE_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
