/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * stops.h - when the world stood while timed phases ran, for a timeline (--pauses FILE).
 */
#ifndef ENGINE_STOPS_H
#define ENGINE_STOPS_H

/* A timed phase begins or has ended. Main thread, runtime started. 0, or -1: no memory. */
int stops_begin(void);
void stops_end(void);

/* Writes `start_ns,length_ns` lines; 0 is the beginning of the first timed phase, the last line
 * is a stop of no length at the end of the last one. 0 or a negative errno. */
int stops_write(const char *path);

#endif
