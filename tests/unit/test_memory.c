/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <criterion/criterion.h>
#include <glib.h>

#define MIB(n) (UINT64_C(n) << 20)

Test(memory, of_this_host_is_known)
{
    cr_expect_gt(memory_available(), MIB(1));
}

Test(memory, is_taken_as_far_as_the_host_has_it)
{
    static const struct {
        uint64_t wanted, available, within;
    } cases[] = {
        {MIB(512), MIB(4096), MIB(512)}, {MIB(512), MIB(400), MIB(300)},
        {MIB(512), MIB(40), MIB(96)}, /* less gets no engine anywhere */
        {MIB(64), MIB(40), MIB(64)},     {MIB(512), 0, MIB(512)},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        cr_expect_eq(memory_within(cases[i].wanted, cases[i].available), cases[i].within, "%zu", i);
}
