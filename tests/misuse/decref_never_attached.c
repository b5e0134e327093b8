// expect: ouro: panic: object: decref of 0x[0-9a-f]+ \(type list, count 2\) by a thread
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A thread that the runtime does not know drops a reference. */
#include "misuse/misuse.h"

static void *drop(void *o)
{
    ou_decref(o);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    misuse_start();
    ou_object *list = ou_list_new(0);
    ou_incref(list);
    pthread_create(&thread, NULL, drop, list);
    pthread_join(thread, NULL);
    return misuse_survived();
}
