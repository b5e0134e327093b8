// expect: clean, ouro: leaks: 3 blocks of 999 bytes from leak_list\(.*
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* At the end of the process debug mode lists who made the blocks that are still in use. */
#include "misuse/misuse.h"

__attribute__((noinline)) static void *make(void)
{
    return ou_malloc(333);
}

int main(void)
{
    static void *kept[3];
    misuse_start_as("heap_mode=debug,heap_leak_sites=1000");
    for (int i = 0; i < 3; i++) {
        ou_free(make());
        kept[i] = make();
    }
    return kept[0] == kept[1];
}
