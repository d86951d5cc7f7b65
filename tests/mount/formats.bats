#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Archives of every other format: the mounted tree equals the source, and so does what is restored.

load ../lib/mount

# What every format can hold: its command packs the working directory into "$1".
declare -A PACK=(
    [tar]='tar -cf "$1" .'
    [tar.gz]='tar -czf "$1" .'
    [tar.bz2]='tar -cjf "$1" .'
    [tar.xz]='tar -cJf "$1" .'
    [tar.zst]='tar -c --zstd -f "$1" .'
    [cpio]='find . | LC_ALL=C sort | cpio -o -H newc --quiet >"$1"'
    [iso]='xorrisofs -quiet -R -o "$1" .'
    [7z]='7z a -snl -bso0 -bsp0 "$1" .'
)

# The methods of ZIP members that the native reader leaves to libarchive.
ZIP_METHODS=(BZip2 LZMA PPMd)

# Makes $WORK/source: files of many sizes, folders, links, times of whole seconds.
make_source()
{
    mkdir -p "$WORK/source/folder/below" "$WORK/source/empty"
    python3 - "$WORK/source" <<'END'
import os, random, sys
chance = random.Random(8)
for size in (0, 1, 700, 4096, 65537, 300000, 1500001):
    data = b"".join(b"%d " % chance.randrange(1 << 20) for _ in range(size // 6 + 1))[:size]
    for folder in ("", "folder", "folder/below"):
        with open(os.path.join(sys.argv[1], folder, f"size-{size}"), "wb") as out:
            out.write(data[::-1] if folder else data)
END
    chmod 751 "$WORK/source/folder"
    chmod 604 "$WORK/source/size-700"
    find "$WORK/source" -exec touch -d @1700000000 {} +
}

# The mounted and the restored "$1" equal the source; $2...: options of dump-tree.
assert_equals_source()
{
    local name=$1
    shift
    assert_same_tree "$WORK/source" "$MNT/$name" --no-owners --mtime s "$@"
    run --separate-stderr -0 cronos -q restore "$name" --to "$WORK/out-$name"
    assert_same_tree "$WORK/source" "$WORK/out-$name" --no-owners --mtime s "$@"
}

@test "tar and its compressed forms, cpio, ISO 9660 and 7z equal their source" {
    make_source
    ln -s folder/size-700 "$WORK/source/link"
    mkdir -p "$BACKUPS"
    local kind
    for kind in "${!PACK[@]}"; do
        (cd "$WORK/source" && bash -c "${PACK[$kind]}" pack "$BACKUPS/as-${kind//./-}.$kind")
    done
    mount_backups
    for kind in "${!PACK[@]}"; do
        assert_equals_source "as-${kind//./-}" --no-link-times
    done
}

@test "ZIP members by bzip2, LZMA and PPMd equal their source" {
    make_source
    mkdir -p "$BACKUPS"
    local method
    for method in "${ZIP_METHODS[@]}"; do
        (cd "$WORK/source" && 7z a -tzip -mm="$method" -bso0 -bsp0 "$BACKUPS/$method.zip" .)
    done
    mount_backups
    for method in "${ZIP_METHODS[@]}"; do
        assert_equals_source "$method"
    done
}

@test "encrypted ZIP members are read with the passphrase, and refused without" {
    make_source
    mkdir -p "$BACKUPS"
    (cd "$WORK/source" && 7z a -tzip -mem=AES256 -psesame -bso0 -bsp0 "$BACKUPS/aes.zip" .)
    mount_backups
    run cat "$MNT/aes/size-700"
    ((status != 0))
    unmount_backups
    echo sesame >"$WORK/passphrase"
    chmod 600 "$WORK/passphrase"
    mount_backups -o passphrase_file="$WORK/passphrase"
    assert_same_tree "$WORK/source" "$MNT/aes" --no-owners --mtime s
}
