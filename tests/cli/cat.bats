#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# cat: the bytes of one file, of any archive, and nothing of what is damaged.

load ../lib/common

@test "a file comes out byte for byte, named in any way" {
    make_small_tree
    head -c 3000000 /dev/urandom >noise
    backup x
    local path
    for path in a.txt src/deep/long.txt noise; do
        cronos cat "$ID" "$path" | cmp "$path"
    done
    cronos cat latest ./src//main.c | cmp src/main.c
    (cd / && cronos -C "$ROOT" cat latest "$ROOT/src/main.c") | cmp src/main.c
    run --separate-stderr -0 cronos cat latest empty-file
    assert_equal "$output$stderr" ""
}

@test "folders, links and what is not there are refused by name" {
    make_small_tree
    backup x
    run --separate-stderr -1 cronos cat latest src
    assert_error_line '"src" is a folder'
    run --separate-stderr -1 cronos cat latest .
    assert_error_line 'is a folder'
    run --separate-stderr -1 cronos cat latest link
    assert_error_line '"link" is a symbolic link to "src/main.c"'
    run --separate-stderr -1 cronos cat latest nonesuch
    assert_error_line "\"nonesuch\" is not in $ARCHIVE_NAME"
    run --separate-stderr -1 cronos cat latest a.txt/below
    assert_error_line "is not in"
    run --separate-stderr -1 cronos cat nonesuch a.txt
    assert_error_line "no backup"
    run --separate-stderr -2 cronos cat latest
    assert_error_line "PATH"
}

@test "archives of every kind" {
    mkdir -p "$BACKUPS" one
    seq 100000 >one/numbers
    (cd one && zip -qr "$BACKUPS/a.zip" . && tar -czf "$BACKUPS/b.tar.gz" . &&
        tar -cf "$BACKUPS/c.tar" . && 7z a -bso0 -bsp0 "$BACKUPS/d.7z" . &&
        zip -qr -Z bzip2 "$BACKUPS/e.zip" .)
    local id
    for id in a b c d e; do
        cronos cat "$id" numbers | cmp one/numbers
    done
}

@test "damage: nothing of a small file, no end of a large one, status 1" {
    make_small_tree
    head -c 100000 /dev/urandom >small
    head -c 5000000 /dev/urandom >large
    backup x
    damage "$ARCHIVE" "$(($(member_offset "$ARCHIVE" small) + 5000))" 8
    damage "$ARCHIVE" "$(($(member_offset "$ARCHIVE" large) + 4900000))" 8
    run --separate-stderr -1 cronos cat latest small
    assert_equal "$output" ""
    assert_error_line small
    cronos cat latest large >"$WORK/large" 2>"$WORK/errors" && fail "damage was not seen"
    (($(stat -c %s "$WORK/large") < 4900000))
    cmp -n "$(stat -c %s "$WORK/large")" large "$WORK/large"
    grep -q large "$WORK/errors"
    cronos cat latest a.txt | cmp a.txt
}

@test "a reader that leaves ends it without a word; a full disk is told" {
    seq 1000000 >numbers
    backup x
    run --separate-stderr -0 bash -c 'cronos cat latest numbers | head -n 1'
    assert_equal "$output$stderr" 1
    run --separate-stderr -0 bash -c 'trap "" PIPE; cronos cat latest numbers | head -n 1'
    assert_equal "$output$stderr" 1
    run --separate-stderr -1 bash -c 'cronos cat latest numbers >/dev/full'
    assert_error_line "standard output: No space left"
}
