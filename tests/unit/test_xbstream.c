/* SPDX-License-Identifier: MIT */
#include "seal/xbstream.h"

#include "base/error.h"
#include "stream.h"

#include <criterion/criterion.h>

/* What the reader says of a stream, one word for each event, or its error. */
static char *tell(const GByteArray *stream, size_t length, XbstreamDialect dialect, GError **error)
{
    autofd int fd = stream_open(stream, length);
    g_autoptr(Xbstream) reader = xbstream_new(fd, dialect);
    g_autoptr(GString) told = g_string_new(NULL);
    XbstreamEvent event;
    for (;;) {
        if (!xbstream_next(reader, &event, error))
            return NULL;
        if (event.kind == XBSTREAM_DONE)
            break;
        g_string_append_printf(told, "%c%s", "PEDRS"[event.kind], event.name);
        if (event.kind == XBSTREAM_RENAME)
            g_string_append_printf(told, ">%s", event.new_name);
        if (event.kind == XBSTREAM_SEEK)
            g_string_append_printf(told, "@%d", (int)event.offset);
        if (event.replaces)
            g_string_append_c(told, '!');
        if (event.kind == XBSTREAM_DATA) {
            g_autofree char *bytes = g_malloc0(event.length + 1);
            size_t half = event.length / 2;
            if (!xbstream_read(reader, bytes, half, error) ||
                !xbstream_read(reader, bytes + half, event.length - half, error))
                return NULL;
            for (size_t i = 0; i < event.length; i++)
                bytes[i] = bytes[i] == '\0' ? '0' : bytes[i];
            g_string_append_printf(told, "@%d=%s", (int)event.offset, bytes);
        }
        g_string_append_c(told, ' ');
    }
    cr_expect_eq(xbstream_bytes(reader), length);
    return g_string_free(g_steal_pointer(&told), FALSE);
}

static void expect_told(const GByteArray *stream, XbstreamDialect dialect, const char *wanted)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *told = tell(stream, stream->len, dialect, &error);
    cr_assert_not_null(told, "%s", error->message);
    cr_expect_str_eq(told, wanted);
}

static void expect_refused(const GByteArray *stream, XbstreamDialect dialect, const char *why)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *told = tell(stream, stream->len, dialect, &error);
    cr_assert_null(told, "not refused for \"%s\": %s", why, told);
    cr_expect_eq(error_status(error), STATUS_ENGINE);
    cr_expect_not_null(strstr(error->message, why), "\"%s\" lacks \"%s\"", error->message, why);
}

Test(xbstream, reads_every_kind_of_chunk)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    stream_data(stream, "a/b", 0, 0, "one", 3);
    stream_data(stream, "c", 0, 0, "x", 1);
    stream_data(stream, "a/b", 0, 3, "two", 3);
    stream_seek(stream, "a/b", 1);
    stream_data(stream, "a/b", 0, 1, "N", 1);
    stream_end(stream, "a/b");
    stream_rename(stream, "a/b", "a/d");
    stream_remove(stream, "a/m#P#*");
    stream_end(stream, "c");
    stream_data(stream, "c", STREAM_REPLACES, 0, "", 0);
    stream_end(stream, "c");
    expect_told(
        stream, XBSTREAM_MARIADB,
        "Pa/b@0=one Pc@0=x Pa/b@3=two Sa/b@1 Pa/b@1=N Ea/b Ra/b>a/d Da/m#P#* Ec Pc!@0= Ec ");
}

static void sparse(GByteArray *out, uint32_t entries, const uint32_t *pairs, const char *sent)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    for (uint32_t i = 0; i < 2 * entries; i++)
        stream_u32(body, pairs[i]);
    stream_bytes(body, sent, strlen(sent));
    stream_head(out, 'S', 0, "t");
    stream_u32(out, entries);
    stream_u64(out, strlen(sent));
    stream_u64(out, 0);
    stream_u32(out, libdeflate_crc32(0, body->data, body->len));
    stream_bytes(out, body->data, body->len);
}

Test(xbstream, fills_the_holes_of_a_sparse_chunk)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    sparse(stream, 4, (const uint32_t[]){2, 3, 0, 0, 1, 2, 3, 0}, "abcde");
    stream_data(stream, "t", 0, 11, "f", 1);
    stream_end(stream, "t");
    expect_told(stream, XBSTREAM_PERCONA, "Pt@0=00abc0de000 Pt@11=f Et ");
}

Test(xbstream, refuses_a_map_that_does_not_fit)
{
    g_autoptr(GByteArray) few = g_byte_array_new();
    sparse(few, 1, (const uint32_t[]){2, 3}, "abcde");
    expect_refused(few, XBSTREAM_PERCONA, "map of holes in t");
    g_autoptr(GByteArray) much = g_byte_array_new();
    sparse(much, 2, (const uint32_t[]){UINT32_MAX, 3, UINT32_MAX, 2}, "abcde");
    expect_refused(much, XBSTREAM_PERCONA, "map of holes in t");
    g_autoptr(GByteArray) hole = g_byte_array_new();
    sparse(hole, 1, (const uint32_t[]){2, 5}, "abcde");
    hole->data[hole->len - 1] ^= 1;
    expect_refused(hole, XBSTREAM_PERCONA, "damaged in t");
}

Test(xbstream, skips_an_unknown_chunk_only_when_it_says_so)
{
    for (unsigned flags = 0; flags <= STREAM_IGNORABLE; flags++) {
        g_autoptr(GByteArray) stream = g_byte_array_new();
        stream_file(stream, "a", "one");
        stream_head(stream, 'Z', flags, "later");
        stream_u64(stream, 2);
        stream_u64(stream, 7);
        stream_u32(stream, libdeflate_crc32(0, "xy", 2));
        stream_bytes(stream, "xy", 2);
        stream_file(stream, "b", "two");
        if (flags == STREAM_IGNORABLE)
            expect_told(stream, XBSTREAM_MARIADB, "Pa@0=one Ea Pb@0=two Eb ");
        else
            expect_refused(stream, XBSTREAM_MARIADB, "unknown type 0x5a");
    }
}

Test(xbstream, knows_no_rename_and_no_remove_of_percona)
{
    g_autoptr(GByteArray) renames = g_byte_array_new();
    stream_rename(renames, "a", "b");
    expect_refused(renames, XBSTREAM_PERCONA, "unknown type 0x52");
    g_autoptr(GByteArray) removes = g_byte_array_new();
    stream_remove(removes, "a");
    expect_refused(removes, XBSTREAM_PERCONA, "unknown type 0x44");
}

/* The files overlap, so that no cut is a whole stream. */
static GByteArray *small_stream(void)
{
    GByteArray *stream = g_byte_array_new();
    stream_data(stream, "log", 0, 0, "redo", 4);
    stream_file(stream, "d/a", "one");
    stream_seek(stream, "log", 2);
    stream_data(stream, "log", 0, 2, "DO", 2);
    stream_rename(stream, "d/a", "d/b");
    stream_remove(stream, "d");
    stream_end(stream, "log");
    return stream;
}

Test(xbstream, refuses_a_stream_cut_at_any_byte)
{
    g_autoptr(GByteArray) stream = small_stream();
    for (size_t length = 0; length < stream->len; length++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *told = tell(stream, length, XBSTREAM_MARIADB, &error);
        cr_assert_null(told, "cut to %zu of %u bytes: %s", length, stream->len, told);
        cr_assert_eq(error_status(error), STATUS_ENGINE);
    }
    expect_told(stream, XBSTREAM_MARIADB,
                "Plog@0=redo Pd/a@0=one Ed/a Slog@2 Plog@2=DO Rd/a>d/b Dd Elog ");
}

/* Only names and flags are not under a checksum: there a flipped bit may pass, never crash. */
Test(xbstream, survives_a_flipped_bit_anywhere)
{
    g_autoptr(GByteArray) stream = small_stream();
    for (size_t at = 0; at < 8 * (size_t)stream->len; at++) {
        stream->data[at / 8] ^= (uint8_t)(1 << at % 8);
        g_autoptr(GError) error = NULL;
        g_autofree char *told = tell(stream, stream->len, XBSTREAM_MARIADB, &error);
        cr_expect((told == NULL) == (error != NULL));
        stream->data[at / 8] ^= (uint8_t)(1 << at % 8);
    }
}

Test(xbstream, says_which_file_has_not_ended)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    stream_data(stream, "shop/orders.ibd", 0, 0, "one", 3);
    stream_file(stream, "shop/db.opt", "x");
    expect_refused(stream, XBSTREAM_MARIADB, "before the end of shop/orders.ibd");
}

Test(xbstream, refuses_hostile_names)
{
    static const struct {
        const char *name;
        size_t length;
        const char *why;
    } names[] = {
        {"", 0, "is empty"},
        {"/etc/passwd", 11, "is absolute"},
        {"..", 2, "component of dots"},
        {"../x", 4, "component of dots"},
        {"a/../x", 6, "component of dots"},
        {"a/..", 4, "component of dots"},
        {"./a", 3, "component of dots"},
        {"a/./b", 5, "component of dots"},
        {"a//b", 4, "empty component"},
        {"a/", 2, "empty component"},
        {"a\nb", 3, "character"},
        {"a\0b", 3, "character"},
        {"a\177", 2, "character"},
        {"a\\b", 3, "character"},
        {"a*b", 3, "has a '*'"},
        {"t.ibd.lz4", 9, "suffix of ours"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        for (const char *type = "PEDRS"; *type != '\0'; type++) {
            g_autoptr(GByteArray) stream = g_byte_array_new();
            stream_head_raw(stream, *type, 0, names[i].name, names[i].length);
            expect_refused(stream, XBSTREAM_MARIADB, names[i].why);
        }
        g_autoptr(GByteArray) target = g_byte_array_new();
        stream_head(target, 'R', 0, "good");
        stream_u32(target, (uint32_t)names[i].length);
        stream_bytes(target, names[i].name, names[i].length);
        expect_refused(target, XBSTREAM_MARIADB, names[i].why);
    }
}

Test(xbstream, shows_nothing_of_a_name_that_was_cut)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    stream_file(stream, "the-one-before", "x");
    stream_head_raw(stream, 'E', 0, "\033[2Jx", 5);
    g_autoptr(GError) error = NULL;
    g_autofree char *told = tell(stream, stream->len - 1, XBSTREAM_MARIADB, &error);
    cr_assert_null(told);
    cr_expect_not_null(strstr(error->message, "ends inside a chunk, after"), "%s", error->message);
}

Test(xbstream, takes_names_that_only_look_hostile)
{
    static const char *const names[] = {"...", "..a",     "a../b", ".hidden",  "#sql-1.ibd",
                                        "a b", "at@002a", "lz4",   "a.lz4.ibd"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GByteArray) stream = g_byte_array_new();
        stream_end(stream, names[i]);
        g_autofree char *wanted = g_strdup_printf("E%s ", names[i]);
        expect_told(stream, XBSTREAM_MARIADB, wanted);
    }
}

Test(xbstream, takes_a_name_of_511_bytes_and_255_in_a_component_and_no_more)
{
    char name[600];
    memset(name, 'n', sizeof name);
    name[255] = '/';
    g_autoptr(GByteArray) longest = g_byte_array_new();
    stream_head_raw(longest, 'E', 0, name, 511);
    g_autoptr(GError) error = NULL;
    g_autofree char *told = tell(longest, longest->len, XBSTREAM_MARIADB, &error);
    cr_expect_not_null(told);
    g_autoptr(GByteArray) longer = g_byte_array_new();
    stream_head_raw(longer, 'E', 0, name, 512);
    expect_refused(longer, XBSTREAM_MARIADB, "a name of 512 bytes");
    g_autoptr(GByteArray) part = g_byte_array_new();
    stream_head_raw(part, 'E', 0, name + 256, 256);
    expect_refused(part, XBSTREAM_MARIADB, "has a component of more than 255 bytes");
}

static void payload_head(GByteArray *out, uint64_t length, uint64_t offset)
{
    stream_head(out, 'P', 0, "t");
    stream_u64(out, length);
    stream_u64(out, offset);
    stream_u32(out, 0);
}

Test(xbstream, refuses_sizes_that_no_engine_sends)
{
    static const uint64_t pairs[][2] = {
        {(1ULL << 30) + 1, 0}, {UINT64_MAX, 0}, {0, UINT64_MAX}, {1, INT64_MAX}};
    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
        g_autoptr(GByteArray) stream = g_byte_array_new();
        payload_head(stream, pairs[i][0], pairs[i][1]);
        expect_refused(stream, XBSTREAM_MARIADB, "more than any engine sends");
    }
}

Test(xbstream, refuses_an_offset_that_does_not_follow)
{
    static const uint64_t offsets[] = {0, 2, 4, 1000};
    for (size_t i = 0; i < G_N_ELEMENTS(offsets); i++) {
        g_autoptr(GByteArray) stream = g_byte_array_new();
        stream_data(stream, "t", 0, 0, "one", 3);
        stream_data(stream, "t", 0, offsets[i], "two", 3);
        expect_refused(stream, XBSTREAM_MARIADB, "but 3 comes next");
    }
}

Test(xbstream, seeks_back_but_not_past_the_end)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    stream_data(stream, "t", 0, 0, "one", 3);
    stream_seek(stream, "t", 1);
    stream_seek(stream, "t", 3);
    stream_end(stream, "t");
    expect_told(stream, XBSTREAM_MARIADB, "Pt@0=one St@1 St@3 Et ");
    stream_seek(stream, "t", 1);
    expect_refused(stream, XBSTREAM_MARIADB, "seeks to 1 in t, which has 0 bytes");
}

Test(xbstream, refuses_more_open_files_than_an_engine_has)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    for (int i = 0; i < 257; i++) {
        g_autofree char *name = g_strdup_printf("f%d", i);
        stream_data(stream, name, 0, 0, "x", 1);
    }
    expect_refused(stream, XBSTREAM_MARIADB, "more than 256 files");
}

/* Pieces larger and smaller than the reader's own buffer, at odd places. */
Test(xbstream, hands_out_large_payloads_unchanged)
{
    enum { LENGTH = 5 << 20 };
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    g_autofree uint8_t *sent = g_malloc(LENGTH);
    g_autofree uint8_t *got = g_malloc(LENGTH);
    stream_fill(rand, sent, LENGTH);
    g_autoptr(GByteArray) stream = g_byte_array_new();
    stream_data(stream, "t", 0, 0, sent, LENGTH);
    stream_end(stream, "t");

    autofd int fd = stream_open(stream, stream->len);
    g_autoptr(Xbstream) reader = xbstream_new(fd, XBSTREAM_MARIADB);
    XbstreamEvent event;
    cr_assert(xbstream_next(reader, &event, NULL));
    for (size_t at = 0; at < LENGTH;) {
        size_t piece = stream_piece(rand, LENGTH - at, 300000);
        cr_assert(xbstream_read(reader, got + at, piece, NULL));
        at += piece;
    }
    cr_expect_eq(memcmp(sent, got, LENGTH), 0);
    cr_assert(xbstream_next(reader, &event, NULL));
    cr_expect_eq(event.kind, XBSTREAM_END);
}

Test(xbstream, refuses_a_payload_with_another_checksum)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    stream_file(stream, "t", "one");
    stream->data[8 + 1 + 1 + 4 + 1 + 8 + 8 + 4] ^= 1;
    expect_refused(stream, XBSTREAM_MARIADB, "damaged in t");
}
