#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Archives made by other tools, named by the scheme or not, with and without our metadata: they
# list, show, verify and restore.

load ../lib/common
load ../lib/foreign

@test "archives of zip, 7z, bsdtar and Python, named by the scheme: list, verify, restore" {
    make_foreign_archives scheme
    local tool
    run --separate-stderr -0 cronos list --json
    assert_equal "$(json "$output" 'sorted(b["name"] for b in j)')" \
        '["7z", "bsdtar", "python", "python-stream", "zip", "zip-no-extra"]'
    for tool in "${FOREIGN_TOOLS[@]}"; do
        assert_restores_like_source "$(foreign_id scheme "$tool")" "$tool"
    done
}

@test "archives of zip, 7z, bsdtar and Python, under names of their own: list --all, restore" {
    make_foreign_archives own
    local tool
    run --separate-stderr -0 cronos list --json
    assert_equal "$output" "[]"
    run --separate-stderr -0 cronos list --all --json
    assert_equal "$(json "$output" 'len(j)')" "${#FOREIGN_TOOLS[@]}"
    for tool in "${FOREIGN_TOOLS[@]}"; do
        assert_restores_like_source "$(foreign_id own "$tool")" "$tool"
    done
}

@test "a backup_metadata.json in an archive of another tool is its metadata" {
    make_foreign_archives scheme metadata
    local tool
    for tool in "${FOREIGN_TOOLS[@]}"; do
        run --separate-stderr -0 cronos show "$(foreign_id scheme "$tool")" --json
        assert_equal "$(json "$output" 'j["metadata"]["ticket"]')" 42
        assert_restores_like_source "$(foreign_id scheme "$tool")" "$tool"
        [[ -f $WORK/out-$tool/backup_metadata.json ]]
    done
}

@test "an archive without metadata is shown all the same" {
    make_foreign_archives scheme
    run --separate-stderr -0 cronos show "$(foreign_id scheme zip)" --json
    (($(json "$output" 'j["files"]') > 10))
}

@test "a self-extracting archive, one with a comment, and one with ZIP64 records" {
    make_small_tree
    mkdir -p "$BACKUPS"
    zip -qr "$WORK/plain.zip" a.txt src
    (printf '#!/bin/sh\nexit 0\n' && cat "$WORK/plain.zip") >"$BACKUPS/sfx.zip"
    cp "$WORK/plain.zip" "$BACKUPS/comment.zip"
    printf 'a comment PK\005\006 that looks like an end record' | zip -qz "$BACKUPS/comment.zip"
    zip -qr -fz "$BACKUPS/zip64.zip" a.txt src
    local name
    for name in sfx comment zip64; do
        run -0 cronos -q verify "$name.zip"
        run -0 cronos -q restore "$name.zip" --to "$WORK/$name"
        assert_same_tree src "$WORK/$name/src" --mtime s
    done
}

@test "names in an archive made on DOS are read as CP437" {
    mkdir -p "$BACKUPS"
    python3 - "$BACKUPS/dos.zip" <<'END'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as out:
    info = zipfile.ZipInfo("H_TTE.TXT", (1994, 5, 6, 7, 8, 10))
    info.create_system = 0
    out.writestr(info, "dos\r\n")
data = open(sys.argv[1], "rb").read().replace(b"H_TTE.TXT", b"H\x8eTTE.TXT")
open(sys.argv[1], "wb").write(data)
END
    run -0 cronos -q restore dos --to "$WORK/out"
    [[ -f $WORK/out/HÄTTE.TXT ]]
    assert_equal "$(date -r "$WORK/out/HÄTTE.TXT" +%FT%T)" 1994-05-06T07:08:10
}

@test "of duplicate names the last wins" {
    mkdir -p "$BACKUPS"
    python3 -W ignore -c 'import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as out:
    for text in ("one", "two", "three"):
        out.writestr("name", text)' "$BACKUPS/twice.zip"
    run -0 cronos -q restore twice --to "$WORK/out"
    assert_equal "$(cat "$WORK/out/name")" three
}
