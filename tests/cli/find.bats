#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# find: which backups hold what matches.

load ../lib/common
load ../lib/history

# The backups, by their hours, that hold what matches; arguments as of find.
hours_of()
{
    cronos -q find "$@" >"$WORK/found"
    awk '{ hour = substr($1, length($1) - 9, 2)
           if (hour != last) printf "%s%s", last ? " " : "", hour
           last = hour }' "$WORK/found"
}

@test "every member, held against what Python's zipfile finds" {
    make_history
    make_odd_backups
    cronos find '*' >"$WORK/found"
    diff <(brute_force find) "$WORK/found"
}

@test "patterns: a name at any depth, a path from the top, folders, sets" {
    make_history
    assert_equal "$(hours_of a.txt)" "16 15 13 12 11 10"
    assert_equal "$(hours_of inner)" "14 13 12"
    assert_equal "$(hours_of '*.gz')" "14"
    assert_equal "$(hours_of notes/)" "14 13 12"
    run --separate-stderr -0 cronos find /main.c
    assert_equal "$output$stderr" "cronos: nothing matches"
    assert_equal "$(hours_of 'src/**/long.*')" "16 15 14 13 12 11 10"
    run --separate-stderr -0 cronos find 'notes/*'
    assert_equal "$(awk '{ print $2 }' <<<"$output" | xargs)" \
        "notes/inner notes/other.tar.gz notes/inner notes/inner"
    assert_equal "$(hours_of "$ROOT/a.txt")" "16 15 13 12 11 10"
    assert_equal "$(hours_of "$ROOT/notes/*.gz")" "14"
    run --separate-stderr -0 cronos find "$ROOT/main.c"
    assert_equal "$output$stderr" "cronos: nothing matches"
    run --separate-stderr -2 cronos find '[z'
    run --separate-stderr -2 cronos find ''
    run --separate-stderr -2 cronos find
}

# It read as if the pattern were wrong.
@test "where there is no backup at all, that is said" {
    run --separate-stderr -0 cronos find a.txt
    assert_equal "$stderr" "cronos: nothing matches: no backups in $BACKUPS"
    run --separate-stderr -1 cronos versions a.txt
    assert_error_line "no backup holds \"a.txt\": no backups in $BACKUPS"
    mkdir "$BACKUPS"
    touch "$BACKUPS/foreign.zip"
    run --separate-stderr -0 cronos find a.txt
    assert_contains "$stderr" "no backups in $BACKUPS"
}

@test "--since and --until: times and dates, both ends included, and ages" {
    make_history
    assert_equal "$(hours_of a.txt --since 20250403_120000)" "16 15 13 12"
    assert_equal "$(hours_of a.txt --until 20250403_120000)" "12 11 10"
    assert_equal "$(hours_of a.txt --since=20250403_110000 --until=20250403_130000)" "13 12 11"
    assert_equal "$(hours_of a.txt --since 2025-04-03 --until 2025-04-03)" "16 15 13 12 11 10"
    assert_equal "$(hours_of a.txt --since 2025-04-04)" ""
    assert_equal "$(hours_of a.txt --until 2025-04-02)" ""
    assert_equal "$(hours_of a.txt --until 1w)" "16 15 13 12 11 10"
    backup now
    assert_equal "$(cronos find a.txt --since 2h | wc -l)" 1
    run --separate-stderr -2 cronos find a.txt --since yesterday
    assert_error_line "--since: "
    run --separate-stderr -2 cronos find a.txt --until 2025-02-30
    assert_error_line "--until: "
}

@test "JSON: facts of each member" {
    make_history
    run --separate-stderr -0 cronos find a.txt --until 20250403_110000 --json
    assert_equal "$(json "$output" '[list(j[0].items()) == [
        ("backup", "egos_backup_manual_x_20250403_110000.zip"),
        ("created_at", "20250403_110000"), ("path", "a.txt"), ("kind", "file"), ("size_bytes", 4),
        ("mtime_utc", "2024-05-06T10:00:00Z"), ("crc32", "4dacc1a2")], len(j)]')" "[true, 2]"
    run --separate-stderr -0 cronos find nonesuch --json
    assert_equal "$output" "[]"
}

@test "a damaged backup: named, passed over, status 3" {
    make_history
    cut_in_half "$BACKUPS/egos_backup_manual_x_20250403_120000.zip"
    run --separate-stderr -3 cronos find a.txt
    assert_error_line egos_backup_manual_x_20250403_120000.zip
    assert_equal "${#lines[@]}" 5
}
