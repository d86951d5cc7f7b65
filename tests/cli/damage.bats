#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Damaged archives: told as such, never restored, never in the way of the good ones.

load ../lib/common

setup()
{
    make_workspace
    make_small_tree
    head -c 300000 /dev/urandom >noise
    SOURCE_DATE_EPOCH=1743667200 backup good
    GOOD=$ID
    SOURCE_DATE_EPOCH=1743670800 backup bad
}

@test "an archive cut in half: listed as damaged with the reason, not verified, not restored" {
    cut_in_half "$ARCHIVE"
    run --separate-stderr -0 cronos list
    assert_contains "$(grep -F "$ARCHIVE_NAME" <<<"$output")" damaged
    refute_contains "$(grep -F "$GOOD" <<<"$output")" damaged
    run --separate-stderr -0 cronos list --json
    assert_contains "$(json "$output" 'json.dumps(j[0])')" damaged
    run --separate-stderr -1 cronos verify "$ID"
    assert_error_line "$ARCHIVE_NAME"
    run --separate-stderr -1 cronos show "$ID"
    assert_error_line "$ARCHIVE_NAME"
    run --separate-stderr -1 cronos restore "$ID" --to "$WORK/out"
    assert_error_line "$ARCHIVE_NAME"
    [[ ! -e $WORK/out ]]
    run -0 cronos -q restore "$GOOD" --to "$WORK/out"
}

@test "a damaged member stops restore before anything is written" {
    damage "$ARCHIVE" "$(($(member_offset "$ARCHIVE" noise) + 100000))" 1
    echo changed >a.txt
    run --separate-stderr -1 cronos restore "$ID" --strategy overwrite -y
    assert_error_line noise
    assert_equal "$(cat a.txt)" changed
    [[ -z $(find "$BACKUPS" -name '*restore_point*') ]]
    run --separate-stderr -1 cronos restore "$ID" --to "$WORK/out"
    assert_error_line noise
    [[ ! -e $WORK/out ]]
    assert_no_leftovers "$WORK"
    run --separate-stderr -1 cronos restore "$ID" src --to "$WORK/out"
    [[ ! -e $WORK/out ]]
}

@test "--no-verify: what is whole can be had, and no damaged file is left" {
    damage "$ARCHIVE" "$(($(member_offset "$ARCHIVE" noise) + 100000))" 1
    run --separate-stderr -0 cronos restore "$ID" src a.txt --no-verify --to "$WORK/out"
    assert_same_tree src "$WORK/out/src"
    run --separate-stderr cronos restore "$ID" --no-verify --to "$WORK/out2"
    ((status == 1 || status == 3))
    assert_contains "$stderr" noise
    [[ ! -e $WORK/out2/noise ]]
}

@test "--keep-going: the damaged member is named, the rest is restored, status 3" {
    damage "$ARCHIVE" "$(($(member_offset "$ARCHIVE" noise) + 100000))" 1
    run --separate-stderr -1 cronos restore "$ID" --to "$WORK/out"
    assert_error_line "--keep-going"
    run --separate-stderr -3 cronos restore "$ID" --to "$WORK/out" --keep-going
    assert_equal "$output" "$WORK/out"
    assert_error_line noise
    assert_same_tree "$ROOT" "$WORK/out" --skip backups --skip logs --skip noise
    run --separate-stderr -3 cronos restore "$ID" --to "$WORK/out2" -k --no-verify --json
    assert_contains "$(json "$output" 'j["failed"][0]')" noise
    [[ ! -e $WORK/out2/noise && -e $WORK/out2/a.txt ]]
    echo mine >noise
    echo changed >a.txt
    run --separate-stderr -3 cronos restore "$ID" -k --strategy overwrite -y
    assert_equal "$(cat noise a.txt)" "mine
first version"
}

@test "an archive that is not one: empty, zeros, text" {
    : >"$ARCHIVE"
    run --separate-stderr -0 cronos list
    assert_contains "$(grep -F "$ARCHIVE_NAME" <<<"$output")" damaged
    run --separate-stderr -1 cronos verify "$ID"
    head -c 100000 /dev/zero >"$ARCHIVE"
    run --separate-stderr -1 cronos verify "$ID"
    seq 10000 >"$ARCHIVE"
    run --separate-stderr -1 cronos show "$ID"
    run --separate-stderr -1 cronos restore "$ID" --to "$WORK/out"
    [[ ! -e $WORK/out ]]
}

@test "cut at many places: never a crash, never a success" {
    local size length
    size=$(stat -c %s "$ARCHIVE")
    cp "$ARCHIVE" "$WORK/whole.zip"
    for length in 1 21 22 30 100 1000 $((size / 3)) $((size - 100)) $((size - 23)) $((size - 22)) \
        $((size - 2)) $((size - 1)); do
        head -c "$length" "$WORK/whole.zip" >"$ARCHIVE"
        run --separate-stderr cronos verify "$ID"
        assert_equal "$status" 1
        assert_contains "$stderr" "$ARCHIVE_NAME"
    done
}

@test "verify --all and create go on beside a damaged archive" {
    cut_in_half "$ARCHIVE"
    run --separate-stderr -1 cronos verify --all
    assert_contains "$output" "$GOOD"
    backup next
    run -0 cronos -q verify "$ID"
}
