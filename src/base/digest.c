/* SPDX-License-Identifier: MIT */
#include "base/digest.h"

#include "base/cancel.h"
#include "base/error.h"
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

struct Digest {
    EVP_MD_CTX *context;
};

/* OpenSSL fails here only without memory or without SHA-256; with neither can we go on. */
static void insist(int result)
{
    if (result != 1)
        g_error("OpenSSL cannot compute SHA-256");
}

Digest *digest_new(void)
{
    Digest *digest = g_new0(Digest, 1);
    digest->context = EVP_MD_CTX_new();
    insist(digest->context != NULL);
    insist(EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL));
    return digest;
}

void digest_add(Digest *digest, const void *data, size_t length)
{
    insist(EVP_DigestUpdate(digest->context, data, length));
}

void digest_end(Digest *digest, uint8_t sum[DIGEST_BYTES])
{
    insist(EVP_DigestFinal_ex(digest->context, sum, NULL));
    insist(EVP_DigestInit_ex(digest->context, NULL, NULL));
}

void digest_free(Digest *digest)
{
    EVP_MD_CTX_free(digest->context);
    g_free(digest);
}

void digest_to_hex(const uint8_t sum[DIGEST_BYTES], char hex[DIGEST_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        hex[2 * i] = digits[sum[i] >> 4];
        hex[2 * i + 1] = digits[sum[i] & 15];
    }
    hex[DIGEST_HEX] = '\0';
}

/* -1: neither a digit nor one of the six letters, small. */
static int value_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

gboolean digest_from_hex(const char *hex, uint8_t sum[DIGEST_BYTES])
{
    if (strnlen(hex, DIGEST_HEX + 1) != DIGEST_HEX)
        return FALSE;
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        int high = value_of(hex[2 * i]);
        int low = value_of(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return FALSE;
        sum[i] = (uint8_t)(high << 4 | low);
    }
    return TRUE;
}

char *digest_text(const void *text, size_t length)
{
    g_autoptr(Digest) digest = digest_new();
    uint8_t sum[DIGEST_BYTES];
    digest_add(digest, text, length);
    digest_end(digest, sum);

    char *hex = g_malloc(DIGEST_HEX + 1);
    digest_to_hex(sum, hex);
    return hex;
}

gboolean digest_file(int dir_fd, const char *path, uint8_t sum[DIGEST_BYTES], uint64_t *size,
                     GError **error)
{
    /* a pipe that somebody put there must not keep us waiting for a writer */
    autofd int fd = openat(dir_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return fail(error, STATUS_VERIFY, "cannot open %s: %s", path, g_strerror(errno));
    if (!S_ISREG(status.st_mode))
        return fail(error, STATUS_VERIFY, "%s is not a regular file", path);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);

    enum { BLOCK = 1 << 18 };
    g_autofree uint8_t *block = g_malloc(BLOCK);
    g_autoptr(Digest) digest = digest_new();
    uint64_t total = 0;
    uint64_t forgotten = 0;
    for (;;) {
        if (!cancel_check(error))
            return FALSE;
        ssize_t got = files_read(fd, block, BLOCK);
        if (got < 0)
            return fail(error, STATUS_VERIFY, "cannot read %s: %s", path, g_strerror(errno));
        if (got == 0)
            break;
        digest_add(digest, block, (size_t)got);
        total += (uint64_t)got;
        files_forget(fd, total, &forgotten);
    }
    digest_end(digest, sum);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (size != NULL)
        *size = total;
    return TRUE;
}
