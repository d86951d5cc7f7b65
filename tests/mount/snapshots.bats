#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# .snapshots: a link for each backup, named as Samba's shadow_copy2 names snapshots.

load ../lib/mount

# 10:00 of two days in Berlin, where the tests are.
FIRST=1743667200 SECOND=1743753600

two_backups()
{
    make_small_tree
    SOURCE_DATE_EPOCH=$FIRST backup x
    ONE=$ID
    echo "second version" >a.txt
    SOURCE_DATE_EPOCH=$SECOND backup x
    TWO=$ID
}

gone()
{
    [[ ! -L $1 ]]
}

@test "a link for each backup, named by its time in UTC, that leads to its folder" {
    two_backups
    zip -q "$BACKUPS/foreign.zip" a.txt
    mount_backups
    assert_files "$MNT/.snapshots" @GMT-2025.04.03-08.00.00 @GMT-2025.04.04-08.00.00
    assert_equal "$(readlink "$MNT/.snapshots/@GMT-2025.04.03-08.00.00")" "../$ONE"
    assert_equal "$(stat -c %s "$MNT/.snapshots/@GMT-2025.04.04-08.00.00")" $((3 + ${#TWO}))
    assert_equal "$(cat "$MNT/.snapshots/@GMT-2025.04.03-08.00.00/a.txt")" "first version"
    assert_equal "$(cat "$MNT/.snapshots/@GMT-2025.04.04-08.00.00/a.txt")" "second version"
    assert_equal "$(stat -L -c %i "$MNT/.snapshots/@GMT-2025.04.04-08.00.00")" \
        "$(stat -c %i "$MNT/$TWO")"
    assert_equal "$(find "$MNT" "$MNT/.snapshots" -maxdepth 1 -printf '%i\n' | sort | uniq -d)" ""
}

@test "other ways to write a time, other times and other names are not there" {
    two_backups
    mount_backups
    local name
    for name in @GMT-2025.04.03-10.00.00 @GMT-2025.4.3-8.0.0 "@GMT-2025.04.03- 8.00.00" \
        @GMT-2025.04.03-08.00.00x @GMT-2025.04.03-07.59.60 @GMT- x "$ONE" latest; do
        gone "$MNT/.snapshots/$name" || fail "found: $name"
    done
    run stat "$MNT/.snapshots/$(printf 'n%.0s' {1..256})"
    assert_contains "$output" "too long"
}

@test "hidden by default, listed if visible, not there if off" {
    two_backups
    mount_backups
    assert_files "$MNT" "$ONE" "$TWO" latest
    [[ -d $MNT/.snapshots ]]
    unmount_backups
    mount_backups -o versions=visible
    assert_files "$MNT" .snapshots .versions "$ONE" "$TWO" latest
    assert_equal "$(ls -iA "$MNT" | sed -n 's/ *\([0-9]*\) .snapshots/\1/p')" \
        "$(stat -c %i "$MNT/.snapshots")"
    unmount_backups
    mount_backups -o versions=off
    [[ ! -e $MNT/.snapshots ]]
}

@test "listing opens no archive" {
    two_backups
    mount_backups
    touch -a -d "3 days ago" "$ARCHIVE"
    local before
    before=$(stat -c %X "$ARCHIVE")
    ls -l "$MNT/.snapshots/" >/dev/null
    assert_equal "$(stat -c %X "$ARCHIVE")" "$before"
}

@test "of backups of the same second the newest is there; where it goes, the other one" {
    two_backups
    local older=${ARCHIVE/_x_/_older_} link=$MNT/.snapshots/@GMT-2025.04.04-08.00.00
    cp "$ARCHIVE" "$older"
    touch -d "1 hour ago" "$older"
    mount_backups
    assert_files "$MNT/.snapshots" @GMT-2025.04.03-08.00.00 @GMT-2025.04.04-08.00.00
    assert_equal "$(readlink "$link")" "../$TWO"
    rm "$ARCHIVE"
    leads_to_older()
    {
        [[ $(readlink "$link") == "../${TWO/_x_/_older_}" ]]
    }
    wait_until 3 leads_to_older
}

@test "snapshots come and go with their backups" {
    two_backups
    mount_backups
    ls "$MNT/.snapshots" >/dev/null
    echo "third version" >a.txt
    SOURCE_DATE_EPOCH=$((SECOND + 1)) backup x
    wait_until 3 test -L "$MNT/.snapshots/@GMT-2025.04.04-08.00.01"
    assert_equal "$(cat "$MNT/.snapshots/@GMT-2025.04.04-08.00.01/a.txt")" "third version"
    rm "$BACKUPS/$ONE.zip"
    wait_until 3 gone "$MNT/.snapshots/@GMT-2025.04.03-08.00.00"
    assert_files "$MNT/.snapshots" @GMT-2025.04.04-08.00.00 @GMT-2025.04.04-08.00.01
}

@test "nothing can be written there" {
    two_backups
    mount_backups
    local command
    for command in "touch $MNT/.snapshots/new" "mkdir $MNT/.snapshots/d" \
        "rm $MNT/.snapshots/@GMT-2025.04.03-08.00.00" "rmdir $MNT/.snapshots"; do
        run $command
        assert_equal "$status" 1
        assert_contains "$output" "Read-only file system"
    done
}
