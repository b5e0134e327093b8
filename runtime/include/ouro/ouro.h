/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* ouro.h - everything, in reading order. */
#ifndef OURO_OURO_H
#define OURO_OURO_H

#include "ouro/common.h"
#include "ouro/runtime.h"
#include "ouro/object.h"
#include "ouro/number.h"
#include "ouro/str.h"
#include "ouro/tuple.h"
#include "ouro/list.h"
#include "ouro/dict.h"
#include "ouro/instance.h"
#include "ouro/frame.h"
#include "ouro/weakref.h"
#include "ouro/gc.h"
#include "ouro/pause.h"
#include "ouro/census.h"
#include "ouro/event.h"
#include "ouro/heap.h"

#endif
