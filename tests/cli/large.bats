#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Data of the sizes that break things: too slow for sanitizer builds.

load ../lib/mount

accepted_by_all()
{
    unzip -tqq "$1"
    7z t -bso0 -bsp0 "$1"
    bsdtar -tf "$1" >/dev/null
    python3 -c 'import sys, zipfile
zipfile.ZipFile(sys.argv[1]).infolist()' "$1"
}

@test "a path of 4,000 bytes: created, verified, mounted, restored" {
    gen-tree --long-path 4000 "$ROOT"
    backup x
    run -0 cronos -q verify "$ID"
    mount_backups
    assert_same_tree "$ROOT" "$MNT/$ID" --skip backups --skip logs
    run -0 cronos -q restore "$ID" --to "$WORK/out"
    assert_same_tree "$ROOT" "$WORK/out" --skip backups --skip logs
}

@test "70,000 files in one folder: created, accepted by all, mounted, restored" {
    gen-tree --many 70000 "$ROOT/many"
    backup x
    accepted_by_all "$ARCHIVE"
    mount_backups
    assert_same_tree "$ROOT/many" "$MNT/$ID/many"
    [[ $(find "$MNT/$ID/many" -type f | wc -l) == 70000 ]]
    run -0 cronos -q restore "$ID" --to "$WORK/out"
    assert_same_tree "$ROOT/many" "$WORK/out/many"
}

@test "a sparse file of 5 GiB: created, verified, read through the mount, restored as holes" {
    local size=$((5 << 30)) at
    truncate -s "$size" sparse
    for at in 0 $((size / 2 + 12345)) $((size - 10)); do
        printf 'some bytes' | dd of=sparse bs=1 seek="$at" conv=notrunc status=none
    done
    backup x
    (($(stat -c %s "$ARCHIVE") < 50000000))
    run -0 cronos -q verify "$ID"
    mount_backups
    assert_equal "$(stat -c %s "$MNT/$ID/sparse")" "$size"
    for at in 0 $((size / 2 + 12345)) $((size - 10)); do
        assert_equal "$(tail -c +$((at + 1)) "$MNT/$ID/sparse" | head -c 10)" "some bytes"
    done
    cmp sparse "$MNT/$ID/sparse"
    unmount_backups
    run -0 cronos -q restore "$ID" --to "$WORK/out"
    cmp sparse "$WORK/out/sparse"
    (($(stat -c %b "$WORK/out/sparse") * 512 < 100000000))
    unzip -Zv "$ARCHIVE" sparse | grep -q "uncompressed size: *$size bytes"
}

@test "an archive over 4 GiB: offsets and sizes that need ZIP64 are right" {
    local size=$(((4 << 30) + 54321))
    truncate -s "$size" stored
    printf 'some bytes' | dd of=stored bs=1 seek=$((size - 10)) conv=notrunc status=none
    echo last >zzz-last
    backup x -l 0
    (($(stat -c %s "$ARCHIVE") > size))
    7z t -bso0 -bsp0 "$ARCHIVE"
    assert_equal "$(unzip -p "$ARCHIVE" zzz-last)" last
    mount_backups
    assert_equal "$(cat "$MNT/$ID/zzz-last")" last
    assert_equal "$(tail -c 10 "$MNT/$ID/stored")" "some bytes"
    run -0 cronos -q restore "$ID" zzz-last --to "$WORK/out"
    assert_equal "$(cat "$WORK/out/zzz-last")" last
}
