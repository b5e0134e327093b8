/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* purge_thread.h - a thread that gives old free memory back, made when there is enough of it.
 */
#ifndef OURO_API_PURGE_THREAD_H
#define OURO_API_PURGE_THREAD_H

/* From now on the thread is made when heap_background_bytes are free. Once a process, when the
 * C library is ready. */
void ou_purge_thread_allow(void);

#endif
