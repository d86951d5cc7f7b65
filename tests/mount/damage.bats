#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Damage is EIO where it lies, told in the log, and harms nothing beside it.

load ../lib/mount

@test "a damaged archive: EIO for its folder only, and the reason in an attribute" {
    make_small_tree
    SOURCE_DATE_EPOCH=1743667200 backup good
    local good=$ID
    SOURCE_DATE_EPOCH=1743753600 backup bad
    cut_in_half "$ARCHIVE"
    mount_backups
    run -0 ls -l "$MNT"
    run ls "$MNT/$ID/"
    assert_contains "$output" "Input/output error"
    run cat "$MNT/$ID/a.txt"
    assert_contains "$output" "Input/output error"
    run -0 getfattr --only-values -n user.cronos.error "$MNT/$ID"
    [[ -n $output ]]
    diff -r --no-dereference "$ROOT/src" "$MNT/$good/src"
    grep -qF "$ARCHIVE_NAME" "$WORK/daemon.log"
}

@test "a damaged member: EIO for it alone, and its name in the log" {
    make_small_tree
    head -c 50000 /dev/urandom >noise
    seq 1000000 >numbers
    tac numbers >large
    backup x
    damage "$ARCHIVE" "$(($(member_offset "$ARCHIVE" noise) + 20000))" 1
    damage "$ARCHIVE" "$(($(member_offset "$ARCHIVE" large) + 600000))" 4
    damage "$ARCHIVE" "$(($(member_offset "$ARCHIVE" src/deep/long.txt) + 20))" 4
    mount_backups
    local name
    for name in noise large src/deep/long.txt; do
        run bash -c 'cat "$1" >/dev/null' bash "$MNT/$ID/$name"
        assert_contains "$output" "Input/output error"
    done
    cmp numbers "$MNT/$ID/numbers"
    assert_equal "$(cat "$MNT/$ID/a.txt")" "first version"
    grep -q "long.txt" "$WORK/daemon.log"
}

@test "a damaged large member that is stored: no copy of it succeeds, however often it is read" {
    local size name
    for size in 600000 2000000 5242880; do head -c "$size" /dev/urandom >"noise-$size"; done
    backup x
    for name in noise-*; do
        damage "$ARCHIVE" "$(($(member_offset "$ARCHIVE" "$name") + 300000))" 8
    done
    mount_backups
    for name in noise-* noise-*; do
        run cp "$MNT/$ID/$name" "$WORK/copy"
        ((status != 0)) || fail "a copy of $name succeeds"
        run dd if="$MNT/$ID/$name" of=/dev/null bs=4k status=none
        ((status != 0)) || fail "dd of $name succeeds"
    done
}

@test "a damaged archive that is replaced by a whole one serves again" {
    make_small_tree
    backup x
    cp "$ARCHIVE" "$WORK/whole.zip"
    cut_in_half "$ARCHIVE"
    mount_backups
    run ls "$MNT/$ID/"
    assert_contains "$output" "Input/output error"
    mv "$WORK/whole.zip" "$ARCHIVE"
    wait_until 3 cmp a.txt "$MNT/$ID/a.txt"
}

@test "hostile names: nothing leads out of the mount" {
    mkdir -p "$BACKUPS"
    python3 -W ignore - "$BACKUPS/hostile.zip" <<'END'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as out:
    for name in ("../up", "/absolute", "a/../../up2", "./dot", "a//b", "..", "/", "", "c/./d",
                 "file", "file/below", "dir/", "dir", "\\back", "C:/drive", "x" * 300, "n\0ul"):
        out.writestr(zipfile.ZipInfo(name), name)
END
    mount_backups
    run -0 find "$MNT/hostile" -ls
    refute_contains "$output" "/../"
    [[ $(stat -c %i "$MNT/hostile/..") == $(stat -c %i "$MNT") ]]
}

@test "an archive cut while it is mounted: errors, and the daemon serves on" {
    make_small_tree
    head -c 3000000 /dev/urandom >noise
    SOURCE_DATE_EPOCH=1743667200 backup good
    local good=$ID
    SOURCE_DATE_EPOCH=1743753600 backup bad
    mount_backups
    ls -lR "$MNT/$ID" >/dev/null
    cut_in_half "$ARCHIVE"
    run bash -c 'cat "$1"/* "$1"/src/* >/dev/null' bash "$MNT/$ID"
    ((status != 0))
    diff -r --no-dereference "$ROOT/src" "$MNT/$good/src"
    cmp noise "$MNT/$good/noise"
}
