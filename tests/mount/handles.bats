#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Inode numbers that are the same in each mount, and file handles that hold, for export by NFS.
# Opening a handle takes root's rights.

load ../lib/mount

numbers()
{
    find "$MNT" "$MNT/.versions" "$MNT/.snapshots" -printf '%p %i\n' | sort
}

drop_caches()
{
    echo 2 >/proc/sys/vm/drop_caches
}

gone()
{
    [[ ! -e $1 ]]
}

some_backups()
{
    gen-tree --files 20 "$ROOT/tree"
    make_small_tree
    SOURCE_DATE_EPOCH=1743667200 backup x
    echo "second version" >a.txt
    SOURCE_DATE_EPOCH=1743753600 backup x
    tar cf "$BACKUPS/foreign.tar" -C "$ROOT" src
}

@test "inode numbers are the same in each mount, whatever came and went" {
    some_backups
    mount_backups
    numbers >"$WORK/one"
    unmount_backups
    zip -q "$BACKUPS/a.zip" a.txt
    SOURCE_DATE_EPOCH=1743840000 backup later
    mount_backups
    cat "$MNT/a/a.txt" "$MNT/$ID/a.txt" >/dev/null
    numbers >"$WORK/more"
    rm "$ARCHIVE" "$BACKUPS/a.zip"
    unmount_backups
    mount_backups
    numbers >"$WORK/two"
    cmp "$WORK/one" "$WORK/two"
    # "latest" led elsewhere meanwhile.
    assert_equal "$(comm -23 "$WORK/one" "$WORK/more" | cut -d' ' -f1)" "$MNT/latest"
}

@test "an archive that was away for a while has its old numbers" {
    some_backups
    mount_backups
    find "$MNT/$ID" -printf '%i %p\n' >"$WORK/one"
    mv "$ARCHIVE" "$WORK/away"
    wait_until 3 gone "$MNT/$ID"
    mv "$WORK/away" "$ARCHIVE"
    wait_until 3 test -d "$MNT/$ID"
    find "$MNT/$ID" -printf '%i %p\n' >"$WORK/two"
    cmp "$WORK/one" "$WORK/two"
    diff -r "$ROOT/src" "$MNT/$ID/src"
}

@test "handles of everything open again: caches dropped, and in another mount" {
    ((EUID == 0)) || return 0
    some_backups
    mount_backups -o versions=visible
    file-handles take "$MNT" >"$WORK/handles"
    assert_contains "$(<"$WORK/handles")" "$MNT/.versions/src/deep/long.txt/"
    assert_contains "$(<"$WORK/handles")" "$MNT/.snapshots/@GMT-"
    drop_caches
    assert_equal "$(file-handles check "$MNT" <"$WORK/handles")" ""
    unmount_backups
    mount_backups -o versions=visible
    # Deepest first: nothing above is known to the kernel.
    assert_equal "$(tac "$WORK/handles" | file-handles check "$MNT")" ""
}

@test "handles of an archive that was deleted are stale, or of what was in it" {
    ((EUID == 0)) || return 0
    some_backups
    mount_backups
    file-handles take "$MNT" "$ID" "$ID/a.txt" "$ID/src/deep" latest \
        ".snapshots/@GMT-2025.04.04-08.00.00" >"$WORK/handles"
    exec 8<"$MNT/$ID/src/main.c"
    rm "$ARCHIVE"
    wait_until 3 gone "$MNT/$ID"
    drop_caches
    # As long as one of its files is in use, they may open, as what they were.
    file-handles check "$MNT" <"$WORK/handles" >"$WORK/stale"
    assert_equal "$(grep -v ESTALE "$WORK/stale")" ""
    exec 8<&-
    all_stale()
    {
        drop_caches
        [[ $(file-handles check "$MNT" <"$WORK/handles" | grep -c ' ESTALE$') == 5 ]]
    }
    wait_until 3 all_stale
    # Another archive under the name it had.
    SOURCE_DATE_EPOCH=1743753600 backup x
    wait_until 3 test -d "$MNT/$ID"
    cat "$MNT/$ID/a.txt" >/dev/null
    all_stale
    unmount_backups
    mount_backups
    all_stale
}
