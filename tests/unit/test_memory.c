/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include "sample.h"

#include <malloc.h>

#define MIB(n) (UINT64_C(n) << 20)

#ifndef LSNCHAIN_SANITIZED /* its malloc takes the place of glibc's */
/* glibc's count of blocks that go back by themselves, with one more of a mebibyte. */
static size_t blocks_with_one_more(void)
{
    char *block = g_malloc(MIB(1));
    block[0] = 1; /* or it would be optimized away */
    size_t blocks = mallinfo2().hblks;
    g_free(block);
    return blocks;
}

Test(memory, of_a_large_block_goes_back_even_after_the_first_was_freed)
{
    memory_keep_little();
    cr_expect_gt(blocks_with_one_more(), mallinfo2().hblks);
    cr_expect_gt(blocks_with_one_more(), mallinfo2().hblks);
}
#endif

Test(memory, of_this_host_is_known)
{
    cr_expect_gt(memory_available(), MIB(1));
}

Test(memory, of_a_control_group_is_what_the_nearest_limit_leaves)
{
    char *root = sample_directory();
    sample_write(root, "system.slice/memory.max", "max\n");
    sample_write(root, "system.slice/a.service/cgroup.procs", "");
    cr_expect_eq(memory_left_in_group(root, "system.slice/a.service"), UINT64_MAX);
    cr_expect_eq(memory_left_in_group(root, ""), UINT64_MAX);

    sample_write(root, "system.slice/a.service/memory.max", "1073741824\n");
    sample_write(root, "system.slice/a.service/memory.current", "943718400\n");
    cr_expect_eq(memory_left_in_group(root, "system.slice/a.service"), MIB(124));
    sample_write(
        root, "system.slice/a.service/memory.stat",
        "anon 524288000\nfile 419430400\ninactive_file 314572800\nactive_file 104857600\n");
    cr_expect_eq(memory_left_in_group(root, "system.slice/a.service"), MIB(524));

    sample_write(root, "system.slice/memory.max", "1048576000\n");
    sample_write(root, "system.slice/memory.current", "1048576001\n");
    cr_expect_eq(memory_left_in_group(root, "system.slice/a.service"), 0);
    sample_remove(root);
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
