/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * object_types.c - makes and checks the objects of the object form. Called in timed loops by
 * object_window.c and object_rings.c. What must stay true: contents follow from the tag alone,
 * and elements are the shared integers, so that one thing of a window is one heap object (or
 * as many as its type needs) and nothing of it outlives it.
 */
#include "engine/object_types.h"

#include <string.h>

#include "engine/rings.h"
#include "ouro/ouro.h"

#define OBJECT_SMALL 128u

enum { NODE_NEXT, NODE_VALUE };

static struct {
    const ou_type *node;
    ou_object *small[OBJECT_SMALL];
} object_shared;

const char *const op_type_names[] = {"int",  "float", "str",     "tuple",
                                     "list", "dict",  "instance"};
const unsigned op_type_count = OBJECT_RING;

int object_types_init(void)
{
    static const char *const attrs[] = {"next", "value"};
    object_shared.node = ou_class_new("Node", attrs, 2, true, NULL, NULL);
    for (unsigned i = 0; object_shared.node && i < OBJECT_SMALL; i++) {
        object_shared.small[i] = ou_int_new(i);
        if (!object_shared.small[i]) {
            return -1;
        }
    }
    return object_shared.node ? 0 : -1;
}

ou_object *object_small(uint64_t value)
{
    return object_shared.small[value % OBJECT_SMALL];
}

static ou_object *object_str(uint32_t tag, uint32_t bytes)
{
    char text[OBJECT_STR_MAX];
    memset(text, 'a' + (int)(tag % 26), bytes);
    memcpy(text, &tag, bytes < sizeof tag ? bytes : sizeof tag);
    return ou_str_new(text, bytes);
}

static ou_object *object_tuple(uint32_t tag, uint32_t n)
{
    ou_object *item[8];
    for (uint32_t i = 0; i < n; i++) {
        item[i] = object_small(tag + i);
    }
    return ou_tuple_new(item, n);
}

static ou_object *object_list(uint32_t tag, uint32_t n)
{
    ou_object *list = ou_list_new(0);
    for (uint32_t i = 0; list && i < n; i++) {
        if (ou_list_append(list, object_small(tag + i)) != 0) {
            ou_decref(list);
            return NULL;
        }
    }
    return list;
}

static ou_object *object_dict(uint32_t tag, uint32_t n)
{
    ou_object *dict = ou_dict_new(0);
    for (uint32_t i = 0; dict && i < n; i++) {
        if (ou_dict_set(dict, object_small(i), object_small(tag + i)) != 0) {
            ou_decref(dict);
            return NULL;
        }
    }
    return dict;
}

static ou_object *object_node(ou_object *value)
{
    ou_object *node = ou_instance_new(object_shared.node);
    if (node && ou_attr_set_at(node, NODE_VALUE, value) != 0) {
        ou_decref(node);
        return NULL;
    }
    return node;
}

/* Elements of a container, 1..8, from bits that the type does not use. */
static uint32_t object_items(uint32_t tag)
{
    return 1 + ((tag >> 8) & 7);
}

ou_object *object_make(enum object_type type, uint32_t tag, uint32_t bytes, uint32_t *size)
{
    uint32_t n = object_items(tag);
    switch (type) {
    case OBJECT_INT:
        *size = 24;
        return ou_int_new((int64_t)tag + 1000);
    case OBJECT_FLOAT:
        *size = 24;
        return ou_float_new((double)tag * 0.5);
    case OBJECT_STR:
        *size = 32 + bytes;
        return object_str(tag, bytes);
    case OBJECT_TUPLE:
        *size = 24 + 8 * n;
        return object_tuple(tag, n);
    case OBJECT_LIST:
        *size = 40 + 8 * n;
        return object_list(tag, n);
    case OBJECT_DICT:
        *size = 64 + 24 * n;
        return object_dict(tag, n);
    case OBJECT_INSTANCE:
        *size = OBJECT_NODE_BYTES;
        return object_node(object_small(tag));
    case OBJECT_RING:
    case OBJECT_TYPES:
        break;
    }
    return NULL;
}

static bool object_read_str(const ou_object *o, uint32_t tag, uint32_t bytes, uint64_t *word)
{
    size_t len = 0;
    const char *text = ou_str_bytes(o, &len);
    uint32_t start = 0;
    uint32_t want = 0;
    size_t head = bytes < sizeof start ? bytes : sizeof start;
    if (!text || len != bytes) {
        return false;
    }
    memcpy(&start, text, head);
    memcpy(&want, &tag, head);
    *word = (uint64_t)start << 32 | len;
    return start == want &&
           (len <= sizeof start || text[len - 1] == (char)('a' + (int)(tag % 26)));
}

/* Value of a small integer, taking over the reference; -1 when it is none. */
static int64_t object_small_value(ou_object *item)
{
    int64_t value = -1;
    if (item && ou_int_value(item, &value) != 0) {
        value = -1;
    }
    ou_xdecref(item);
    return value;
}

static bool object_read_container(ou_object *o, uint32_t tag, uint64_t *word)
{
    uint32_t last = object_items(tag) - 1;
    int64_t len = 0;
    int64_t value = -1;
    enum object_type type = (enum object_type)(tag & OBJECT_TAG_MASK);
    if (type == OBJECT_TUPLE) {
        len = ou_tuple_len(o);
        value = object_small_value(ou_xincref(ou_tuple_get_borrow(o, last)));
    } else if (type == OBJECT_LIST) {
        len = ou_list_len(o);
        value = object_small_value(ou_list_get(o, last));
    } else {
        len = ou_dict_len(o);
        value = object_small_value(ou_dict_get(o, object_small(last)));
    }
    *word = (uint64_t)len << 32 | (uint64_t)value;
    return len == (int64_t)last + 1 && value == (int64_t)((tag + last) % OBJECT_SMALL);
}

static bool object_read_ring(ou_object *o, uint32_t size, uint64_t *word)
{
    uint64_t nodes = 0;
    uint64_t sum = 0;
    bool fine = object_ring_walk(o, &nodes, &sum);
    *word = nodes << 32 | sum;
    return fine && nodes == size / OBJECT_NODE_BYTES && sum == rings_sum(nodes);
}

bool object_read(ou_object *o, uint32_t tag, uint32_t size, uint64_t *word)
{
    int64_t number = 0;
    double real = 0;
    switch ((enum object_type)(tag & OBJECT_TAG_MASK)) {
    case OBJECT_INT:
        *word = ou_int_value(o, &number) == 0 ? (uint64_t)number : 0;
        return number == (int64_t)tag + 1000;
    case OBJECT_FLOAT:
        *word = ou_float_value(o, &real) == 0 ? (uint64_t)(real * 2) : 0;
        return *word == tag;
    case OBJECT_STR:
        return object_read_str(o, tag, size - 32, word);
    case OBJECT_TUPLE:
    case OBJECT_LIST:
    case OBJECT_DICT:
        return object_read_container(o, tag, word);
    case OBJECT_INSTANCE:
        number = object_small_value(ou_attr_get_at(o, NODE_VALUE));
        *word = (uint64_t)number;
        return number == (int64_t)(tag % OBJECT_SMALL);
    case OBJECT_RING:
        return object_read_ring(o, size, word);
    case OBJECT_TYPES:
        break;
    }
    return false;
}

ou_object *object_ring(uint64_t n)
{
    ou_object *first = object_node(object_small(rings_value(0)));
    ou_object *last = first; /* borrowed from the chain, or `first` itself */
    for (uint64_t i = 1; first && i < n; i++) {
        ou_object *node = object_node(object_small(rings_value(i)));
        if (!node || ou_attr_set_at_steal(last, NODE_NEXT, node) != 0) {
            ou_decref(first); /* the chain goes with it */
            return NULL;
        }
        last = node;
    }
    if (first && ou_attr_set_at(last, NODE_NEXT, first) != 0) {
        ou_decref(first);
        return NULL;
    }
    return first;
}

bool object_ring_walk(ou_object *first, uint64_t *nodes, uint64_t *sum)
{
    ou_object *node = ou_incref(first);
    *nodes = 0;
    *sum = 0;
    do {
        int64_t value = object_small_value(ou_attr_get_at(node, NODE_VALUE));
        ou_object *next = ou_attr_get_at(node, NODE_NEXT);
        ou_decref(node);
        if (!next || value < 0) {
            ou_xdecref(next);
            return false;
        }
        *sum += (uint64_t)value;
        ++*nodes;
        node = next;
    } while (node != first);
    ou_decref(node);
    return true;
}
