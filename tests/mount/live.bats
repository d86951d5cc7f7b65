#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The mounted directory is live: backups come and go under the readers' feet.

load ../lib/mount

latest_is()
{
    [[ $(readlink "$MNT/latest") == "$1" ]]
}

listed()
{
    ls "$MNT" | grep -qxF "$1"
}

not_listed()
{
    ! listed "$1"
}

gone()
{
    [[ ! -e $1 ]]
}

@test "a new backup appears without a remount, and latest moves" {
    make_small_tree
    # Retention counts from the present: both backups are of the same hour.
    SOURCE_DATE_EPOCH=1743667200 backup x
    local first=$ID
    mount_backups
    latest_is "$first"
    ls -l "$MNT" >/dev/null
    echo "second version" >a.txt
    SOURCE_DATE_EPOCH=1743670800 backup x
    wait_until 3 latest_is "$ID"
    listed "$ID"
    assert_equal "$(cat "$MNT/latest/a.txt")" "second version"
    assert_equal "$(cat "$MNT/$first/a.txt")" "first version"
}

@test "a name that was looked for in vain is found once it is there" {
    mkdir "$BACKUPS"
    make_small_tree
    mount_backups
    [[ ! -e $MNT/egos_backup_manual_x_20250403_100000 ]]
    SOURCE_DATE_EPOCH=1743667200 backup x
    wait_until 3 test -d "$MNT/egos_backup_manual_x_20250403_100000"
    latest_is "$ID"
}

@test "an unfinished archive is never seen" {
    make_small_tree
    backup x
    mount_backups
    cp "$ARCHIVE" "$BACKUPS/.cronos-1-abcdef.tmp"
    cp "$ARCHIVE" "$BACKUPS/.hidden.zip"
    backup y
    wait_until 3 listed "$ID"
    assert_equal "$(ls -A "$MNT" | wc -l)" 3
}

@test "a deleted backup disappears, latest moves back, and a file open in it reads on to its end" {
    make_small_tree
    head -c 20000000 /dev/urandom >noise
    seq 3000000 >numbers
    SOURCE_DATE_EPOCH=1743667200 backup x
    local first=$ID
    SOURCE_DATE_EPOCH=1743753600 backup x
    mount_backups
    exec 8<"$MNT/$ID/noise" 9<"$MNT/$ID/numbers"
    head -c 1000 <&8 >"$WORK/noise"
    head -c 1000 <&9 >"$WORK/numbers"
    rm "$ARCHIVE"
    wait_until 3 gone "$MNT/$ID"
    wait_until 3 latest_is "$first"
    not_listed "$ID"
    cat <&8 >>"$WORK/noise"
    cat <&9 >>"$WORK/numbers"
    exec 8<&- 9<&-
    cmp noise "$WORK/noise"
    cmp numbers "$WORK/numbers"
}

@test "the last backup deleted: latest goes too" {
    make_small_tree
    backup x
    mount_backups
    cat "$MNT/latest/a.txt" >/dev/null
    rm "$ARCHIVE"
    wait_until 3 gone "$MNT/$ID"
    wait_until 3 not_listed latest
    assert_files "$MNT"
}

@test "an archive replaced by another of the same name: old and new are never mixed" {
    mkdir -p one two
    python3 -c 'print("one " * 500000)' >one/file
    python3 -c 'print("two " * 400000)' >two/file
    mkdir "$BACKUPS"
    (cd one && zip -qr "$BACKUPS/a.zip" .)
    mount_backups
    exec 8<"$MNT/a/file"
    head -c 1000 <&8 >"$WORK/old"
    (cd two && zip -qr "$WORK/a.zip" .)
    mv "$WORK/a.zip" "$BACKUPS/a.zip"
    wait_until 3 cmp -s two/file "$MNT/a/file"
    cat <&8 >>"$WORK/old"
    exec 8<&-
    cmp one/file "$WORK/old"
    cmp two/file "$MNT/a/file"
}

@test "a renamed archive is found under its new name alone" {
    make_small_tree
    mkdir "$BACKUPS"
    zip -q "$BACKUPS/a.zip" a.txt
    mount_backups
    cat "$MNT/a/a.txt"
    mv "$BACKUPS/a.zip" "$BACKUPS/b.zip"
    wait_until 3 listed b
    wait_until 3 not_listed a
    assert_equal "$(cat "$MNT/b/a.txt")" "first version"
}

@test "retention while mounted: what it removes goes from the mount" {
    make_small_tree
    backup x
    local old
    old=$(backdate 40)
    mount_backups
    listed "${old%.zip}"
    cronos -q clean
    wait_until 3 not_listed "${old%.zip}"
    listed "$ID"
}

@test "two archives whose folders would have one name" {
    make_small_tree
    mkdir "$BACKUPS"
    zip -q "$BACKUPS/a.zip" a.txt
    zip -q "$BACKUPS/latest.zip" a.txt
    mount_backups
    assert_files "$MNT" a latest.zip
    assert_equal "$(cat "$MNT/latest.zip/a.txt")" "first version"
}
