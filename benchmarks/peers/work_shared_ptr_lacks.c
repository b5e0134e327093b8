/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* work_shared_ptr_lacks.c - what C++ programs on shared_ptr cannot do; see engine/below.h. */
#include "engine/below.h"
#include "engine/operations.h"

const bool below_counts = true; /* all garbage: there is none */

const char *below_lacks(const struct phase *p)
{
    const struct op_form *form = p->row->form[FORM_OBJECT];
    if (form == &object_weak_cache) {
        return "a weak_ptr calls nobody when its object dies";
    }
    if (form == &object_rings || p->cyclic) {
        return "without a collector rings are never freed";
    }
    return p->finalizer ? "a destructor cannot keep its object alive" : NULL;
}

uint64_t below_slack(uint64_t largest)
{
    (void)largest;
    return 0;
}
