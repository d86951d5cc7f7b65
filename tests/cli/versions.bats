#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# versions: what became of a path over all backups.

load ../lib/common
load ../lib/history

@test "a file that is added, changed, removed and comes back: newest first, each run of backups once" {
    make_history
    run --separate-stderr -0 cronos versions a.txt
    assert_equal "$output" "\
egos_backup_manual_x_20250403_150000.zip  added    file  4 B  2024-05-06 12:00:00  2
egos_backup_manual_x_20250403_140000.zip  removed                                  1
egos_backup_manual_x_20250403_110000.zip  changed  file  4 B  2024-05-06 12:00:00  3
egos_backup_manual_x_20250403_100000.zip  added    file  4 B  2024-05-06 10:00:00  1"
    assert_equal "$stderr" ""
}

@test "a path that is file, folder and link by turns: each change of kind is told" {
    make_history
    run --separate-stderr -0 cronos versions ./notes/
    assert_equal "$(awk '{ print $1, $2, $3, $4 }' <<<"$output" | sed 's/.*_\([0-9]*\)\.zip/\1/')" "\
160000 became a link
150000 became a file
120000 became a folder
100000 added file 6"
    run --separate-stderr -0 cronos versions notes --json
    assert_equal "$(json "$output" '[(v["event"], v["kind"], v["size_bytes"], v["backups"])
        for v in j]')" \
        '[["changed", "link", 5, 1], ["changed", "file", 6, 1], ["changed", "folder", null, 3], ["added", "file", 6, 2]]'
    run --separate-stderr -0 cronos versions notes/inner
    assert_equal "$(awk '{ print $2, $NF }' <<<"$output")" $'removed 2\nadded 3'
}

@test "every path, held against what Python's zipfile finds" {
    make_history
    make_odd_backups
    brute_force versions
}

@test "the metadata that create added has no versions, and a file of that name has" {
    make_small_tree
    backup x
    run --separate-stderr -1 cronos versions backup_metadata.json
    assert_error_line 'no backup holds "backup_metadata.json"'
    echo '{}' >backup_metadata.json
    backup y
    run --separate-stderr -0 cronos versions backup_metadata.json
    assert_contains "$output" "$ARCHIVE_NAME  added"
}

@test "nothing there: status 1; a damaged backup: named, passed over, status 3" {
    run --separate-stderr -1 cronos versions a.txt
    assert_error_line 'no backup holds "a.txt"'
    make_history
    run --separate-stderr -1 cronos versions nonesuch
    assert_error_line 'no backup holds "nonesuch"'
    run --separate-stderr -1 cronos versions a.txt/below
    run --separate-stderr -2 cronos versions
    cut_in_half "$BACKUPS/egos_backup_manual_x_20250403_140000.zip"
    run --separate-stderr -3 cronos versions a.txt
    assert_error_line egos_backup_manual_x_20250403_140000.zip
    assert_equal "$(awk '{ print $2, $NF }' <<<"$output")" $'changed 5\nadded 1'
}

@test "absolute paths below the root, and any current directory" {
    make_history
    cd /
    run --separate-stderr -0 cronos -C "$ROOT" versions "$ROOT/src/main.c"
    assert_equal "$(awk '{ print $2, $NF }' <<<"$output")" "added 7"
}
