/* SPDX-License-Identifier: MIT
 * zip-name.c - names in CP437, Unicode path fields, backslashes
 *
 * The CP437 table is here, since iconv's tables may not be installed and loading them while an
 * archive is parsed would need the right to open files. */
#include "core/zip/zip-name.h"

#include <libdeflate.h>

#define MADE_BY_HPFS 6u

static const guint16 cp437[128] = {
    0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8, 0x00ef,
    0x00ee, 0x00ec, 0x00c4, 0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9,
    0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192, 0x00e1, 0x00ed, 0x00f3, 0x00fa,
    0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab, 0x00bb,
    0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551, 0x2557,
    0x255d, 0x255c, 0x255b, 0x2510, 0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f,
    0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559,
    0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580,
    0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4, 0x03a6, 0x0398, 0x03a9, 0x03b4,
    0x221e, 0x03c6, 0x03b5, 0x2229, 0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248,
    0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0,
};

static gboolean is_ascii(const char *bytes, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        if ((guint8)bytes[i] >= 0x80)
            return FALSE;
    }
    return TRUE;
}

/* 4.6.9: version 1, CRC-32 of the header's name, UTF-8. A field left over from before a renaming
 * does not match and is not taken. */
static void take_unicode_path(const CronosZipHeader *header, CronosZipName *name)
{
    gsize length = 0;
    const guint8 *at = cronos_zip_extra_find(header->name + header->name_length,
                                             header->extra_length, ZIP_EXTRA_UNICODE_PATH, &length);

    if (at == NULL || length <= 5 || at[0] != 1 ||
        zip_get32(at + 1) != libdeflate_crc32(0, header->name, header->name_length) ||
        !g_utf8_validate_len((const char *)at + 5, length - 5, NULL))
        return;
    name->offset += (guint32)((const char *)at + 5 - name->bytes);
    name->bytes = (const char *)at + 5;
    name->length = length - 5;
}

static void move_to_arena(CronosZipName *name, GByteArray *arena)
{
    guint32 offset = arena->len;

    if (name->bytes == NULL)
        return;
    g_byte_array_append(arena, (const guint8 *)name->bytes, (guint)name->length);
    name->bytes = NULL;
    name->offset = offset;
}

static void decode_cp437(CronosZipName *name, GByteArray *arena)
{
    guint32 offset = arena->len;

    for (gsize i = 0; i < name->length; i++) {
        guint8 byte = (guint8)name->bytes[i];
        char utf8[6];
        int n = g_unichar_to_utf8(byte < 0x80 ? byte : cp437[byte - 0x80], utf8);

        g_byte_array_append(arena, (const guint8 *)utf8, (guint)n);
    }
    name->bytes = NULL;
    name->offset = offset;
    name->length = arena->len - offset;
}

static gboolean contains(const CronosZipName *name, const GByteArray *arena, char byte)
{
    const char *bytes = name->bytes ? name->bytes : (const char *)arena->data + name->offset;

    return name->length > 0 && memchr(bytes, byte, name->length) != NULL;
}

static void replace(CronosZipName *name, GByteArray *arena, char from, char to)
{
    move_to_arena(name, arena);
    for (gsize i = 0; i < name->length; i++) {
        if (arena->data[name->offset + i] == (guint8)from)
            arena->data[name->offset + i] = (guint8)to;
    }
}

void cronos_zip_name_decode(const CronosZipHeader *header, const guint8 *directory,
                            GByteArray *arena, CronosZipName *out_name)
{
    guint8 made_by = cronos_zip_header_made_by(header);
    gboolean dos =
        made_by == ZIP_MADE_BY_DOS || made_by == ZIP_MADE_BY_VFAT || made_by == MADE_BY_HPFS;
    gboolean utf8 = (cronos_zip_header_flags(header) & ZIP_FLAG_UTF8) != 0;

    out_name->bytes = (const char *)header->name;
    out_name->offset = (guint32)(header->name - directory);
    out_name->length = header->name_length;
    out_name->repaired = FALSE;
    if (!utf8 && header->extra_length > 0)
        take_unicode_path(header, out_name);
    if (dos && !utf8 && !is_ascii(out_name->bytes, out_name->length) &&
        !g_utf8_validate_len(out_name->bytes, out_name->length, NULL))
        decode_cp437(out_name, arena);
    if ((dos || made_by == ZIP_MADE_BY_NTFS) && contains(out_name, arena, '\\') &&
        !contains(out_name, arena, '/'))
        replace(out_name, arena, '\\', '/');
    if (contains(out_name, arena, '\0')) {
        replace(out_name, arena, '\0', '_');
        out_name->repaired = TRUE;
    }
}
