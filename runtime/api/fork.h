/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* fork.h - installs the fork handlers of the runtime; after the heap's, whose locks are inside.
 */
#ifndef OURO_API_FORK_H
#define OURO_API_FORK_H

void ou_fork_wire(void);

#endif
