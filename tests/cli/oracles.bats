#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The tools of other projects accept, and bring back, what create writes.

load ../lib/common

accepted_by_all()
{
    unzip -tqq "$1"
    7z t -bso0 -bsp0 "$1"
    bsdtar -tf "$1" >/dev/null
    python3 -c 'import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    bad = archive.testzip()
sys.exit(f"damaged: {bad}" if bad else 0)' "$1"
}

@test "an awkward tree: unzip, 7z, bsdtar and Python's zipfile accept the archive" {
    gen-tree "$ROOT/tree"
    gen-tree --long-path 3000 "$ROOT/long"
    backup
    accepted_by_all "$ARCHIVE"
}

@test "every level gives an archive that all accept, with the same content" {
    gen-tree --plain --files 30 "$ROOT/tree"
    local level
    for level in 0 1 6 9 10 12; do
        backup "level$level" -l "$level"
        accepted_by_all "$ARCHIVE"
    done
}

@test "unzip brings the tree back: content, modes, links, times to the second" {
    gen-tree --plain "$ROOT/tree"
    backup
    mkdir "$WORK/out"
    (cd "$WORK/out" && unzip -qq -^ "$ARCHIVE")
    assert_same_tree "$ROOT/tree" "$WORK/out/tree" --mtime s --no-link-times --no-owners
}

@test "bsdtar brings the tree back: content, modes, links, times to the second" {
    gen-tree --plain "$ROOT/tree"
    backup
    mkdir "$WORK/out"
    bsdtar -xpf "$ARCHIVE" -C "$WORK/out"
    assert_same_tree "$ROOT/tree" "$WORK/out/tree" --mtime s --no-owners
}

@test "7z brings the content back" {
    gen-tree --plain "$ROOT/tree"
    rm -r "$ROOT/tree/links" "$ROOT/tree/modes"
    backup
    mkdir "$WORK/out"
    7z x -bso0 -bsp0 -o"$WORK/out" "$ARCHIVE"
    assert_same_tree "$ROOT/tree" "$WORK/out/tree" --mtime none --no-owners --no-modes
}

@test "Python's zipfile reads names, sizes and content as they are on disk" {
    gen-tree --plain "$ROOT/tree"
    backup
    python3 - "$ROOT" "$ARCHIVE" <<'END'
import os, stat, sys, zipfile
root = sys.argv[1]
with zipfile.ZipFile(sys.argv[2]) as archive:
    seen = set()
    for info in archive.infolist():
        if info.filename == "backup_metadata.json":
            continue
        path = os.path.join(root, info.filename)
        seen.add(os.path.normpath(path))
        status = os.lstat(path)
        assert info.external_attr >> 16 == status.st_mode, path
        if stat.S_ISREG(status.st_mode):
            assert archive.read(info) == open(path, "rb").read(), path
            assert not info.flag_bits & 8, "data descriptor: " + path
        elif stat.S_ISLNK(status.st_mode):
            assert archive.read(info) == os.readlink(os.fsencode(path)), path
wanted = {os.path.join(folder, name)
          for folder, folders, files in os.walk(os.path.join(root, "tree"))
          for name in folders + files} | {os.path.join(root, "tree")}
assert seen == wanted, (seen ^ wanted)
END
}

@test "names that are UTF-8 say so, and others keep their bytes without saying so" {
    touch "ä.txt" $'\xe4.txt' plain.txt
    backup
    python3 - "$ARCHIVE" <<'END'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    flags = {info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437"):
             bool(info.flag_bits & 0x800) for info in archive.infolist()}
assert flags["ä.txt".encode()] is True, flags
assert flags[b"\xe4.txt"] is False, flags
assert flags[b"plain.txt"] is False, flags
END
}
