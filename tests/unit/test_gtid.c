/* SPDX-License-Identifier: MIT */
#include "model/gtid.h"

#include <criterion/criterion.h>

#define A "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define B "4e11fa47-71ca-11e1-9e33-c80aa9429562"

/* "": nothing is lacking. */
static void expect_lacking(const char *whole, const char *part, const char *lacking)
{
    g_autofree char *got = gtid_lacking(whole, part);
    cr_expect_str_eq(got != NULL ? got : "", lacking, "%s without %s: %s", whole, part,
                     got != NULL ? got : "nothing");
}

Test(gtid, a_server_that_went_on_has_all_that_the_backup_had)
{
    expect_lacking(A ":1-10", A ":1-10", "");
    expect_lacking(A ":1-10", A ":1-7", "");
    expect_lacking(A ":1-10," B ":1-3", B ":2-3", "");
    expect_lacking(A ":1-3:5-9", A ":6", "");
    expect_lacking("0-1-100", "0-1-100", "");
    expect_lacking("0-1-101,1-2-5", "0-1-100", "");
}

Test(gtid, a_server_that_was_put_back_lacks_some)
{
    expect_lacking(A ":1-9", A ":1-10", A ":10");
    expect_lacking(A ":1-10", A ":1-10," B ":1", B ":1");
    expect_lacking(A ":1-3:5-9", A ":1-9", A ":9");
    expect_lacking("0-1-99", "0-1-100", "0:100");
    expect_lacking("0-1-100", "0-1-100,1-1-1", "1:1");
}

Test(gtid, a_server_that_counts_no_more_says_nothing)
{
    expect_lacking("", "0-1-1", "");
    expect_lacking("", A ":1", "");
}

Test(gtid, a_new_primary_goes_on_in_the_domain_of_the_old_one)
{
    expect_lacking("0-2-101", "0-1-100", "");
}

Test(gtid, a_tag_is_a_source_of_its_own)
{
    expect_lacking(A ":1-5:audit:1-9", A ":1-5:audit:1-9", "");
    expect_lacking(A ":1-9", A ":audit:1-2", A ":audit:2");
    expect_lacking(A ":audit:1-2:4", A ":audit:4", "");
}

Test(gtid, letters_may_be_large_and_a_long_set_broken_into_lines)
{
    expect_lacking("3E11FA47-71CA-11E1-9E33-C80AA9429562:1-10,\n" B ":1-3", B ":3, " A ":1", "");
}

Test(gtid, nothing_is_said_of_what_is_not_understood)
{
    expect_lacking("who knows", A ":1", "");
    expect_lacking(A ":1-9", "0-1", "");
    expect_lacking(A ":1-9", A, "");
    expect_lacking(A ":1-9", A ":0", "");
    expect_lacking(A ":1-9", A ":1-x", "");
    expect_lacking("", "", "");
}
