#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Archives made to do harm: each command ends by itself, in time, tells the truth, and writes
# nothing outside of its target.

load ../lib/common
load hostile

setup()
{
    make_workspace
    make_hostile
    cp "$ARCHIVES"/* "$BACKUPS"
}

teardown()
{
    check_outputs
    remove_workspace
}

@test "list: every archive, once, and JSON that is JSON" {
    remember
    tame cronos list
    assert_equal "$ENDED" 0
    assert_equal "$(grep -c egos_backup_ "$OUT")" "$(wc -l <"$TABLE")"
    tame_json cronos list --json
    assert_equal "$ENDED" 0
    tame cronos list --all
    assert_equal "$ENDED" 0
    unharmed list
}

@test "show: any archive" {
    local name expectation
    remember
    while read -r name expectation; do
        tame cronos show "$name"
        tame_json cronos show "$name" --json
        [[ $expectation != sound ]] || assert_equal "$name $ENDED" "$name 0"
    done <"$TABLE"
    unharmed show
}

@test "versions, find, diff, cat: over all archives at once, and of each" {
    local name expectation first
    first=$(head -n 1 "$TABLE" | cut -d ' ' -f 1)
    remember
    tame cronos versions good
    ((ENDED == 0 || ENDED == 3))
    grep -q added "$OUT"
    tame_json cronos versions good --json
    tame cronos find '*'
    ((ENDED == 0 || ENDED == 3))
    tame_json cronos find good --json
    tame_json cronos find '**/..' --json
    assert_equal "$(<"$OUT")" "[]"
    while read -r name expectation; do
        tame cronos diff "$name" "$first"
        [[ $expectation != sound ]] || assert_equal "$name $ENDED" "$name 0"
        tame cronos cat "$name" good
        ((ENDED <= 1))
        [[ ! -s $OUT || $(<"$OUT") == good ]]
    done <"$TABLE"
    tame_json cronos diff "$first" latest --json
    unharmed history
}

@test "verify: damage is found where it is, and nowhere else" {
    local name expectation
    remember
    while read -r name expectation; do
        tame cronos verify "$name"
        case $expectation in
            sound) assert_equal "$name $ENDED" "$name 0" ;;
            damaged) assert_equal "$name $ENDED" "$name 1" ;;
        esac
        tame cronos verify --against-source "$name"
    done <"$TABLE"
    tame_json cronos verify --all --json
    unharmed verify
}

@test "verify --repair-to: whatever comes of an archive is whole" {
    local name expectation repaired=()
    remember
    while read -r name expectation; do
        tame cronos verify --repair-to "$WORK/outer/repaired-${#repaired[@]}.zip" "$name"
        [[ $expectation != sound ]] || assert_equal "$name $ENDED" "$name 0"
        ((ENDED == 1)) || repaired+=("repaired-${#repaired[@]}")
    done <"$TABLE"
    unharmed repair
    assert_equal "$(find "$WORK/outer" -mindepth 1 | wc -l)" "${#repaired[@]}"
    mv "$WORK/outer"/* "$BACKUPS"
    tame cronos verify "${repaired[@]}"
    assert_equal "$ENDED" 0
}
