// expect: ouro: panic: frame: pop without a frame
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A frame is left that was not entered. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    ou_frame_push("f", 0);
    ou_frame_pop();
    ou_frame_pop();
    return misuse_survived();
}
