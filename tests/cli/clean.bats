#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Retention: by days, by number, together and apart, by hand and after create.

load ../lib/common

setup()
{
    make_workspace
    make_small_tree
    backup x
    NEW=$ARCHIVE_NAME
    zip -q "$BACKUPS/foreign.zip" a.txt
    touch -d "400 days ago" "$BACKUPS/foreign.zip"
    touch "$BACKUPS/notes.txt"
}

# foreign.zip, notes.txt and the backups in "$@" are there, and nothing else.
assert_left()
{
    assert_files "$BACKUPS" foreign.zip notes.txt "$@"
}

@test "by days: older ones go, younger and foreign ones stay" {
    local d29 d31 d90
    d29=$(backdate 29) d31=$(backdate 31) d90=$(backdate 90 auto)
    run --separate-stderr -0 cronos clean
    assert_left "$NEW" "$d29"
    assert_contains "$output" "$d31"
    assert_contains "$output" "$d90"
}

@test "by number: the oldest beyond it go" {
    local d1 d2 d3
    d1=$(backdate 1) d2=$(backdate 2) d3=$(backdate 3)
    run --separate-stderr -0 cronos clean --retention-days 0 --max-backups 2
    assert_left "$NEW" "$d1"
    assert_contains "$output" "$d2"
    assert_contains "$output" "$d3"
}

@test "by days and by number together" {
    local d1 d2
    d1=$(backdate 1) d2=$(backdate 2)
    backdate 3
    backdate 50
    run --separate-stderr -0 cronos clean --retention-days 10 --max-backups 3
    assert_left "$NEW" "$d1" "$d2"
}

@test "the age counts from the name, not from the file's time" {
    local d60
    d60=$(backdate 60)
    touch "$BACKUPS/$d60"
    touch -d "100 days ago" "$BACKUPS/$NEW"
    run -0 cronos clean
    assert_left "$NEW"
}

@test "the newest are kept whatever their age" {
    local d60 d61
    rm "$BACKUPS/$NEW"
    ARCHIVE=$WORK/kept.zip
    cronos -q create y >/dev/null
    mv "$BACKUPS"/egos_backup_manual_y_* "$ARCHIVE"
    d60=$(backdate 60) d61=$(backdate 61)
    run -0 cronos clean
    assert_left "$d60"
    cp "$BACKUPS/$d60" "$BACKUPS/$d61"
    printf 'backup: { keep_minimum = 2; };\n' >"$WORK/c.conf"
    run -0 cronos -c "$WORK/c.conf" clean --max-backups 1
    assert_left "$d60" "$d61"
}

@test "a dry run names the rules and removes nothing" {
    local d31
    d31=$(backdate 31)
    run --separate-stderr -0 cronos clean -n
    assert_left "$NEW" "$d31"
    local removed_line kept_line
    removed_line=$(grep -F "$d31" <<<"$output")
    kept_line=$(grep -F "$NEW" <<<"$output")
    assert_contains "$removed_line" days
    [[ -n $kept_line ]]
    refute_contains "$output" foreign.zip
    run --separate-stderr -0 cronos clean --dry-run --json
    json "$output" j >/dev/null
    assert_left "$NEW" "$d31"
}

@test "after create, automatically" {
    local d31
    d31=$(backdate 31)
    backup next
    assert_left "$NEW" "$ARCHIVE_NAME"
    grep -qF "$d31" "$ROOT/logs/egos_system.log"
}

@test "max_backups after create: the new one is kept, the oldest goes" {
    printf 'backup: { max_backups = 2; };\n' >"$WORK/c.conf"
    local d1
    d1=$(backdate 1)
    backup next -c "$WORK/c.conf"
    assert_left "$NEW" "$ARCHIVE_NAME"
    [[ ! -e $BACKUPS/$d1 ]]
}

@test "a restore point is made without retention" {
    printf 'backup: { max_backups = 1; };\n' >"$WORK/c.conf"
    echo changed >a.txt
    run -0 cronos -q -c "$WORK/c.conf" restore "$NEW" --strategy overwrite -y
    [[ -e $BACKUPS/$NEW ]]
    assert_equal "$(cat a.txt)" "first version"
}

# Copies $ARCHIVE under the name of a backup made at "$1" (YYYYMMDD_HHMMSS); prints the new name.
made_at()
{
    cp "$ARCHIVE" "$BACKUPS/egos_backup_auto_y_$1.zip"
    printf 'egos_backup_auto_y_%s.zip\n' "$1"
}

# What a dry run says of the backup "$1", with the options "$2"...
rule_of()
{
    local name=$1
    shift
    json "$(cronos -q clean -n --json "$@")" \
        "[(b['remove'], b['rule']) for b in j if b['file_name'] == '$name'][0]"
}

@test "the newest of each day, week and month are kept, and the rules say so" {
    local early late before monday january
    early=$(made_at 20240229_093000)
    late=$(made_at 20240229_233000)
    before=$(made_at 20240226_120000)
    monday=$(made_at 20240225_120000)
    january=$(made_at 20231231_235959)
    assert_equal "$(rule_of "$late")" '[true, "older than 30 days"]'
    assert_equal "$(rule_of "$late" --retention-days 0 --max-backups 1 --keep-daily 1)" \
        '[true, "beyond the newest"]'
    assert_equal "$(rule_of "$late" --keep-daily 2)" '[false, "daily 2024-02-29"]'
    assert_equal "$(rule_of "$early" --keep-daily 9)" '[true, "older than 30 days"]'
    assert_equal "$(rule_of "$late" --keep-weekly 2 --keep-monthly 2)" \
        '[false, "weekly 2024-W09, monthly 2024-02"]'
    assert_equal "$(rule_of "$before" --keep-weekly 9)" '[true, "older than 30 days"]'
    assert_equal "$(rule_of "$monday" --keep-weekly 3)" '[false, "weekly 2024-W08"]'
    assert_equal "$(rule_of "$january" --keep-weekly 9 --keep-monthly 3)" \
        '[false, "weekly 2023-W52, monthly 2023-12"]'
    run --separate-stderr -0 cronos clean --max-backups 1 --keep-weekly 3 --keep-monthly 3
    assert_left "$NEW" "$late" "$monday" "$january"
    assert_contains "$(grep -F "$monday" <<<"$output")" "weekly 2024-W08"
}

@test "configured days, weeks and months hold for create, too" {
    local first second third
    first=$(made_at 20240229_100000)
    second=$(made_at 20240228_100000)
    third=$(made_at 20240227_100000)
    printf 'backup: { keep_daily = 3; keep_weekly = 1; };\n' >"$WORK/c.conf"
    run --separate-stderr -0 cronos -c "$WORK/c.conf" clean -n --keep-daily 2
    assert_contains "$(grep -F "$second" <<<"$output")" "would remove"
    backup next -c "$WORK/c.conf"
    assert_left "$NEW" "$ARCHIVE_NAME" "$first" "$second"
    [[ ! -e $BACKUPS/$third ]]
}

@test "nothing to remove, an empty and a missing directory are no errors" {
    run -0 cronos clean
    assert_left "$NEW"
    rm -r "$BACKUPS"
    run --separate-stderr -0 cronos clean
    assert_contains "$stderr" "no backups in $BACKUPS"
    [[ ! -e $BACKUPS ]]
    mkdir "$BACKUPS"
    run -0 cronos clean
}

@test "clean and create wait for each other" {
    backdate 31
    exec 8<"$BACKUPS"
    flock 8
    run -124 timeout 1 cronos -q clean 8<&-
    run -124 timeout 1 cronos -q create y 8<&-
    [[ $(find "$BACKUPS" -name 'egos_backup*' | wc -l) == 2 ]]
    exec 8<&-
    run -0 cronos -q clean
    assert_left "$NEW"
}

# What a killed restore had unpacked lay in the default place for good.
@test "clean removes what dead restores left in the default place, and that alone" {
    local restores=$BACKUPS/restores folder
    local dead=.cronos-restore-01234567-0123456789abcdef
    local working=.cronos-restore-01234567-fedcba9876543210
    local shared=.cronos-restore-76543210-0123456789abcdef
    for folder in "$dead/src" "$working" "$shared" .cronos-restore-notes; do
        mkdir -p "$restores/$folder"
    done
    chmod 700 "$restores/$dead" "$restores/$working"
    chmod 770 "$restores/$shared"
    echo half >"$restores/$dead/src/a.txt"
    exec 8<"$restores/$working"
    flock 8
    run -0 cronos clean -n 8<&-
    [[ -e $restores/$dead/src/a.txt ]]
    run -0 cronos clean 8<&-
    exec 8<&-
    assert_files "$restores" "$working" "$shared" .cronos-restore-notes
}

@test "left-over temporaries of dead processes are removed by clean" {
    local leftover=$BACKUPS/.cronos-999999999-abc123.tmp
    touch "$leftover"
    # A dry run removed them, too.
    run -0 cronos clean -n
    [[ -e $leftover ]]
    run -0 cronos clean
    assert_left "$NEW"
}
