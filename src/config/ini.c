/* SPDX-License-Identifier: MIT */
#include "config/ini.h"

#include "base/files.h"

#include <ini.h>
#include <string.h>

enum {
    LINE_MOST = 1 << 20,
    SECTION_MOST = 49, /* inih cuts longer names, and two sections become one */
};

/* A piece of the text that is being read. */
typedef struct {
    const char *at;
    size_t length;
} Piece;

/* An entry that was seen; those of one section are chained, for the case that it is opened again.
 */
typedef struct {
    guint key;
    unsigned line;
    guint before; /* index + 1 of the one before it in the same section */
} Seen;

/* Where a key was seen last. */
typedef struct {
    guint section;
    unsigned line;
} Place;

typedef struct {
    Piece rest;
    unsigned line;
    const char *name;
    const IniReader *reader;
    GError *failure;

    char section[SECTION_MOST + 1]; /* the one that is open; "" before the first */
    Piece key;                      /* what inih has to deliver for this line */
    Piece value;

    /* To notice a key that is given twice.  A catalog has 400,000 entries, but few different keys:
     * one number for each key and each section, and no text is copied for an entry. */
    GHashTable *section_numbers;
    GHashTable *key_numbers;
    guint open;    /* number of the open section */
    GArray *last;  /* guint for each section: index + 1 of its latest Seen */
    GArray *seen;  /* Seen */
    GArray *place; /* Place for each key */
} Reading;

static void reading_clear(Reading *reading)
{
    g_clear_error(&reading->failure);
    g_hash_table_destroy(reading->section_numbers);
    g_hash_table_destroy(reading->key_numbers);
    g_array_unref(reading->last);
    g_array_unref(reading->seen);
    g_array_unref(reading->place);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reading, reading_clear)

G_GNUC_PRINTF(2, 3)
static gboolean fail_line(Reading *reading, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *sentence = g_strdup_vprintf(format, args);
    va_end(args);
    return fail(&reading->failure, reading->reader->status, "%s:%u: %s", reading->name,
                reading->line, sentence);
}

static gboolean is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static Piece strip(Piece piece)
{
    while (piece.length > 0 && is_blank(piece.at[0])) {
        piece.at++;
        piece.length--;
    }
    while (piece.length > 0 && is_blank(piece.at[piece.length - 1]))
        piece.length--;
    return piece;
}

static gboolean same(Piece piece, const char *text)
{
    return strncmp(text, piece.at, piece.length) == 0 && text[piece.length] == '\0';
}

/* Numbers from 1 in the order of appearance; `fresh` says that this is the first one. */
static guint number_of(GHashTable *numbers, const char *text, gboolean *fresh)
{
    guint number = GPOINTER_TO_UINT(g_hash_table_lookup(numbers, text));
    *fresh = number == 0;
    if (*fresh) {
        number = g_hash_table_size(numbers) + 1;
        g_hash_table_insert(numbers, g_strdup(text), GUINT_TO_POINTER(number));
    }
    return number;
}

static void enter_section(Reading *reading)
{
    gboolean fresh = FALSE;
    reading->open = number_of(reading->section_numbers, reading->section, &fresh);
    if (fresh)
        g_array_set_size(reading->last, reading->open);

    guint at = g_array_index(reading->last, guint, reading->open - 1);
    while (at != 0) { /* opened again: its keys are known */
        const Seen *seen = &g_array_index(reading->seen, Seen, at - 1);
        g_array_index(reading->place, Place, seen->key - 1) = (Place){reading->open, seen->line};
        at = seen->before;
    }
}

/* The line on which the open section had this key before; 0: it is new, and now known. */
static unsigned note_key(Reading *reading, const char *key)
{
    gboolean fresh = FALSE;
    guint number = number_of(reading->key_numbers, key, &fresh);
    if (fresh)
        g_array_set_size(reading->place, number);

    Place *place = &g_array_index(reading->place, Place, number - 1);
    if (place->section == reading->open)
        return place->line;
    *place = (Place){reading->open, reading->line};

    guint *last = &g_array_index(reading->last, guint, reading->open - 1);
    const Seen seen = {number, reading->line, *last};
    g_array_append_val(reading->seen, seen);
    *last = reading->seen->len;
    return 0;
}

static gboolean hand_on(Reading *reading, const char *key, const char *value)
{
    if (reading->reader->entry(reading->section, key, value, reading->line, reading->reader->data,
                               &reading->failure))
        return TRUE;
    g_prefix_error(&reading->failure, "%s:%u: ", reading->name, reading->line);
    return FALSE;
}

/* UTF-8 is known to be valid: 0xC2 with 0x80 to 0x9F are the control characters above ASCII. */
static gboolean check_characters(Reading *reading, Piece line)
{
    for (size_t i = 0; i < line.length; i++) {
        guchar c = (guchar)line.at[i];
        gboolean control = (c < 0x20 && c != '\t') || c == 0x7f;
        if (c == 0xc2 && i + 1 < line.length)
            control = (guchar)line.at[i + 1] < 0xa0;
        if (control)
            return fail_line(reading, "a control character (byte 0x%02x) in column %zu", c, i + 1);
    }
    return TRUE;
}

static gboolean open_section(Reading *reading, Piece line)
{
    const char *bracket = memchr(line.at, ']', line.length);
    if (bracket == NULL)
        return fail_line(reading, "the section has no closing ']'");
    if (bracket + 1 != line.at + line.length)
        return fail_line(reading, "something stands behind the section's ']'" HINT(
                                      "put a comment on a line of its own"));
    const Piece name = {line.at + 1, (size_t)(bracket - line.at) - 1};
    if (name.length == 0)
        return fail_line(reading, "the section has no name");
    if (name.length > SECTION_MOST)
        return fail_line(reading, "the section's name has %zu bytes, more than %d", name.length,
                         SECTION_MOST);
    if (strip(name).length != name.length)
        return fail_line(reading, "blanks around the section's name");

    memcpy(reading->section, name.at, name.length);
    reading->section[name.length] = '\0';
    enter_section(reading);
    return hand_on(reading, NULL, NULL);
}

static gboolean expect_entry(Reading *reading, Piece line)
{
    const char *equals = memchr(line.at, '=', line.length);
    if (equals == NULL)
        return fail_line(reading, "neither a [section] nor a key = value");
    const Piece key = {line.at, (size_t)(equals - line.at)};
    reading->key = strip(key);
    reading->value = strip((Piece){equals + 1, (size_t)(line.at + line.length - equals) - 1});
    if (reading->key.length == 0)
        return fail_line(reading, "a value without a key");
    if (memchr(key.at, ':', key.length) != NULL)
        return fail_line(reading, "a ':' in the key" HINT("only '=' separates key and value"));
    if (reading->section[0] == '\0')
        return fail_line(reading, "a key before the first [section]");
    return TRUE;
}

static gboolean look_at(Reading *reading, Piece line)
{
    if (line.length > LINE_MOST)
        return fail_line(reading, "a line of %zu bytes, more than %d", line.length, LINE_MOST);
    if (!check_characters(reading, line))
        return FALSE;
    const Piece bare = strip(line);
    if (bare.length == 0 || bare.at[0] == '#' || bare.at[0] == ';')
        return TRUE;
    if (bare.at[0] == '[')
        return open_section(reading, bare);
    return expect_entry(reading, bare);
}

/* inih's fgets(): the next line, once it was looked at; NULL at the end and after a failure. */
static char *next_line(char *buffer, int size, void *stream)
{
    Reading *reading = stream;
    if (reading->failure != NULL || reading->rest.length == 0)
        return NULL;

    Piece line = reading->rest;
    const char *newline = memchr(line.at, '\n', line.length);
    if (newline != NULL)
        line.length = (size_t)(newline - line.at);
    size_t used = line.length + (newline != NULL ? 1 : 0);
    reading->rest.at += used;
    reading->rest.length -= used;
    reading->line++;
    if (line.length > 0 && line.at[line.length - 1] == '\r')
        line.length--;

    if (!look_at(reading, line))
        return NULL;
    if (line.length + 2 > (size_t)size) {
        (void)fail_line(reading, "inih has room for %d bytes only", size);
        return NULL;
    }
    memcpy(buffer, line.at, line.length);
    memcpy(buffer + line.length, "\n", 2);
    return buffer;
}

/* inih's handler: 0 is failure. */
static int take(void *user, const char *section, const char *key, const char *value)
{
    Reading *reading = user;
    if (!g_str_equal(section, reading->section) || !same(reading->key, key) ||
        !same(reading->value, value))
        return fail_line(reading, "inih does not read this line as it stands");
    unsigned before = note_key(reading, key);
    if (before != 0)
        return fail_line(reading, "%s is given twice in [%s]: first on line %u", key, section,
                         before);
    return hand_on(reading, key, value);
}

/* How Debian's inih is told to keep to the plain format (a library of its own defaults is not). */
static void set_up_inih(void)
{
    ini_use_stack = false;
    ini_max_line = LINE_MOST + 4;
    ini_initial_alloc = LINE_MOST + 4; /* whole lines at once; untouched memory costs nothing */
    ini_allow_realloc = false;
    ini_allow_multiline = false;
    ini_allow_inline_comments = false;
    ini_allow_no_value = false;
    ini_stop_on_first_error = true;
}

static gboolean check_utf8(Reading *reading)
{
    const Piece all = reading->rest;
    const char *bad = NULL;
    if (g_utf8_validate_len(all.at, all.length, &bad))
        return TRUE;
    reading->line = 1;
    for (const char *at = all.at; at < bad; at++)
        reading->line += *at == '\n' ? 1 : 0;
    return fail_line(reading, *bad == '\0' ? "a NUL byte" : "not valid UTF-8");
}

static void skip_byte_order_mark(Piece *text)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (text->length >= 3 && memcmp(text->at, mark, 3) == 0) {
        text->at += 3;
        text->length -= 3;
    }
}

gboolean ini_read(const char *text, size_t length, const char *name, const IniReader *reader,
                  GError **error)
{
    g_auto(Reading) reading = {
        .rest = {text, length},
        .name = name,
        .reader = reader,
        .section_numbers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .key_numbers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .last = g_array_new(FALSE, TRUE, sizeof(guint)),
        .seen = g_array_new(FALSE, FALSE, sizeof(Seen)),
        .place = g_array_new(FALSE, TRUE, sizeof(Place)),
    };
    skip_byte_order_mark(&reading.rest);
    if (check_utf8(&reading)) {
        set_up_inih();
        int bad = ini_parse_stream(next_line, &reading, take, &reading);
        if (bad != 0 && reading.failure == NULL)
            (void)fail_line(&reading, "inih cannot read this (%d)", bad);
    }
    if (reading.failure == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&reading.failure));
    return FALSE;
}

gboolean ini_read_file(int dir_fd, const char *path, size_t limit, const IniReader *reader,
                       GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GString) text = files_read_text(dir_fd, path, limit, &cause);
    if (text == NULL)
        return fail(error, reader->status, "%s", cause->message);
    return ini_read(text->str, text->len, path, reader, error);
}
