/* SPDX-License-Identifier: MIT */
/*
 * filename: how the server writes an identifier as a file name (its character set `filename`).
 *
 * Digits, ASCII letters and '_' stand for themselves.  Letters that have a case get '@' and two
 * characters of their own, chosen by the server so that the case of the letter is the case of a
 * character; all others are '@' and four hexadecimal digits.  The table was asked of MariaDB 10.11
 * by CONVERT(... USING filename), and a test compares it with a running server.
 */
#include "engine/tables.h"

#include <string.h>

/* Two characters for each code point from `first` on; ".." where it has none. */
static const struct {
    gunichar first;
    const char *codes;
} letters[] = {
    /* clang-format off */
    {0x00c0,
     "0G0H0I0J0K0L0M0N0O0P0Q0R0S0T0U0V0W0X0Y0Z1G1H1I..1K1L1M1N1O1P1Q1j0g0h0i0j0k0l0m0n"
     "0o0p0q0r0s0t0u0v0w0x0y0z1g1h1i..1k1l1m1n1o1p1q1r1S1s1T1t1U1u1V1v1W1w1X1x1Y1y1Z1z"
     "2G2g2H2h2I2i2J2j2K2k2L2l2M2m2N2n2O2o2P2p2Q2q2R2r2S2s2T2t2U2u2V2v..2w2X2x2Y2y2Z2z"
     "3g3H3h3I3i3J3j3K3k3L3l3M3m3N3n3O3o3p3Q3q3R3r3S3s3T3t3U3u3V3v3W3w3X3x3Y3y3Z3z4G4g"
     "4H4h4I4i4J4j4K4k4L4l4M4m4N4n4O4o4P4p4Q4q4R4r4S4s1R4T4t4U4u4V4v4wgaQfHahaIaiaRfJa"
     "jaTfUfKakalaZbWfYfMamaJgMgnaSgRgOaoapaqaYgHhraKhSasaTataUauaVhVavaYhwaxaYayaJiZa"
     "zaLiMiGbgbHbhbTiIbibjbkbNbnbmb..........Ob..obPb..pbQb..qbRbrbSbsbTbtbUbubVbvbWb"
     "wbXbxbYbybzbGcgcHchcIcicJcjcKckcLclcMcmcNcncOcocpcQc..qcRcrcNa..ScscTctcUcucVcvc"
     "WcwcXcxcYcycZczcGdgdHdhdIdidJdjdKdkdLdldMdmdNdndOdodPdpdQdqdRdrdRasdTdtdUdudVdvd"
     "WdwdXdxdYdydZdzdGegeHeheiejekelemeneOePepePaQereseVi............................"
     "nfofpfqfrfsftfufvfwfxfyfzfgghgigjgkglgmgngogpgqgrgsgtgugvgwgxgygzgghhhihjhkhlhmh"
     "nhohphqhrhshthuhvhwhxhyhzhgihiiijikiliminioipiqirisitiuiviwixiyizigjhjijjjkjljmj"
     "njojpjqjrjsjtjujvjwjxjyjzjgkhkik"},
    {0x0386,
     "6G..6H6I6J..7S..7T7U5y6L7W6N6O6P6Q6R7X6T8W6V6W6X6Y6Z8I7H..8Y7K7L8H7N7O7P7Q7R6g6h"
     "6i6j6k6l6m6n6o6p6q6r6s6t6u6v6w6x6y6z7g7h7i7j7k7l7m7n7o7p7q7r7s7t7u..7w7x7Y7Z8G8h"
     "8i8j..8k8L8l8M8m8N8n8O8o8P8p8Q8q8R8r8S8s8T8t8U8u8V8v8w8x8y8z..9g9h..9i....9j9k9L"
     "9M9NS1T1U1V1W1X1Y1Z1G2H2I2J2K2L2M2N2G0H0I0J0K0L0M0N0O0P0Q0R0S0T0U0V0W0X0Y0Z0G1H1"
     "I1J1K1L1M1N1O1P1Q1R1g0h0i0j0k0l0m0n0o0p0q0r0s0t0u0v0w0x0y0z0g1h1i1j1k1l1m1n1o1p1"
     "q1r1s1t1u1v1w1x1y1z1g2h2i2j2k2l2m2n2O2o2P2p2Q2q2R2r2S2s2T2t2U2u2V2v2W2w2X2x2Y2y2"
     "Z2z2G3g3H3h3I3i3J3j3K3k3................M3m3N3n3O3o3P3p3Q3q3R3r3S3s3T3t3U3u3V3v3"
     "W3w3X3x3Y3y3Z3z3G4g4H4h4I4i4J4j4K4k4L4l4M4m4N4n4O4o4P4p4Q4q4R4r4S4s4T4U4u4V4v4W4"
     "w4X4x4Y4y4Z4z4G5g5..I5i5J5j5K5k5L5l5M5m5N5n5O5o5P5p5Q5q5R5r5S5s5T5t5U5u5V5v5W5w5"
     "X5x5Y5y5Z5z5G6g6H6h6I6i6............P6p6Q6q6R6r6S6s6T6t6U6u6V6v6W6w6............"
     "......................................................H7I7J7K7L7M7N7O7P7Q7R7S7T7"
     "U7V7W7X7Y7Z7G8H8I8J8K8L8M8N8O8P8Q8R8S8T8U8V8W8X8......................h7i7j7k7l7"
     "m7n7o7p7q7r7s7t7u7v7w7x7y7z7g8h8i8j8k8l8m8n8o8p8q8r8s8t8u8v8w8x8"},
    {0x1e00,
     "GlglHlhlIlilJljlKlklLlllMlmlNlnlOlolPlplQlqlRlrlSlslTltlUlulVlvlWlwlXlxlYlylZlzl"
     "GmgmHmhmImimJmjmKmkmLmlmMmmmNmnmOmomPmpmQmqmRmrmSmsmTmtmUmumVmvmWmwmXmxmYmymZmzm"
     "GngnHnhnIninJnjnKnknLnlnMnmnNnnnGponPnpnQnqnRnrnSnsnTntnUnunVnvnWnwnXnxnYnynZnzn"
     "GogoHohoIoioJojoKokoLoloMomoNonoOoooPopoQoqoRoroSosoTotoUouovowoxoyozogp........"
     "LplpMpmpNpnpOpopPpppQpqpRprpSpspTptpUpupVpvpWpwpXpxpYpypZpzpGqgqHqhqIqiqJqjqKqkq"
     "LqlqMqmqNqnqOqoqPqpqQqqqRqrqSqsqTqtqUquqVqvqWqwqXqxqYqyqZqzqGrgrHrhrIrirJrjrKrkr"
     "LrlrMrmrNrnrOrorPrpr............gshsisjskslsmsnsGsHsIsJsKsLsMsNsospsqsrsssts...."
     "OsPsQsRsSsTs....yszsgthtitjtktltYsZsGtHtItJtKtLtmtntotptqtrtstttMtNtOtPtQtRtStTt"
     "utvtwtxtytzt....UtVtWtXtYtZt....kulumunuoupuquru..Lu..Nu..Pu..Ruwuxuyuzugvhvivjv"
     "WuXuYuZuGvHvIvJvkvlvmvnvovpvqvrvsvtvuvvvwvxv....gwhwiwjwkwlwmwnwGwHwIwJwKwLwMwNw"
     "owpwqwrwswtwuwvwOwPwQwRwSwTwUwVwwwxwywzwgxhxixjxWwXwYwZwGxHxIxJxkxlxmxnxox..qxrx"
     "KxLxKvLvNx..........sxtxux..wxxxMvNvOvPvTx......yxzxgyhy....kylyYxZxQvRv........"
     "nyoypyqyrysytyuyNyOyUvVvSy..........xyyy....hzizSvTvWvXvYy"},
    {0x2160,
     "G9H9I9J9K9L9M9N9O9P9Q9R9S9T9U9V9g9h9i9j9k9l9m9n9o9p9q9r9s9t9u9v9"},
    {0x24b6,
     "@A@B@C@D@E@F@G@H@I@J@K@L@M@N@O@P@Q@R@S@T@U@V@W@X@Y@Z@a@b@c@d@e@f@g@h@i@j@k@l@m@n"
     "@o@p@q@r@s@t@u@v@w@x@y@z"},
    {0xff21,
     "A@B@C@D@E@F@G@H@I@J@K@L@M@N@O@P@Q@R@S@T@U@V@W@X@Y@Z@............a@b@c@d@e@f@g@h@"
     "i@j@k@l@m@n@o@p@q@r@s@t@u@v@w@x@y@z@"},
    /* clang-format on */
};

static const char *find_letter(gunichar c)
{
    for (size_t i = 0; i < G_N_ELEMENTS(letters); i++) {
        size_t n = strlen(letters[i].codes) / 2;
        if (c < letters[i].first || c - letters[i].first >= n)
            continue;
        const char *code = letters[i].codes + 2 * (size_t)(c - letters[i].first);
        return *code != '.' ? code : NULL;
    }
    return NULL;
}

static gboolean is_plain(gunichar c)
{
    return c < 0x80 && (g_ascii_isalnum((char)c) || c == '_');
}

/* Names of devices on Windows, where such a file could not be opened; so on every system. */
static gboolean is_device(const char *identifier)
{
    static const char *const names[] = {
        "CON",  "PRN",  "AUX",  "NUL",  "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7",
        "COM8", "COM9", "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_ascii_strcasecmp(names[i], identifier) == 0)
            return TRUE;
    }
    return FALSE;
}

char *engine_file_name(const char *identifier)
{
    GString *name = g_string_new(NULL);
    g_autofree char *valid = g_utf8_make_valid(identifier, -1);
    for (const char *at = valid; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        const char *letter = find_letter(c);
        if (is_plain(c))
            g_string_append_c(name, (char)c);
        else if (letter != NULL)
            g_string_append_printf(name, "@%.2s", letter);
        else
            g_string_append_printf(name, "@%04x", c);
    }
    if (is_device(identifier))
        g_string_append(name, "@@@");
    return g_string_free(name, FALSE);
}
