#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Archives made to do harm, restored to a new place: nothing is written outside of it, and nothing is
# left of what fails.

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

# Removes what was restored, if anything was; a file named "good" in it must be so.
assert_good_and_remove()
{
    [[ -e $1 || -L $1 ]] || return 0
    [[ ! -f $1/good || $(<"$1/good") == good ]] || fail "not good: $(<"$1/good")"
    chmod -R u+rwX "$1"
    rm -r "$1"
}

@test "restore to a new location: nothing outside of it, nothing left of what fails" {
    local name expectation
    remember
    while read -r name expectation; do
        tame cronos restore "$name" --to "$WORK/outer/target"
        case $expectation in
            sound) assert_equal "$name $ENDED" "$name 0" ;;
            damaged) assert_equal "$name $ENDED" "$name 1" ;;
        esac
        ((ENDED != 1)) || assert_files "$WORK/outer" ""
        ((ENDED == 1)) || assert_files "$WORK/outer" target
        assert_good_and_remove "$WORK/outer/target"
    done <"$TABLE"
    unharmed restore
}

@test "restore without verification: the same" {
    local name
    remember
    while read -r name _; do
        # Nothing but verification keeps a user from having the ten gigabytes.
        [[ $name != *_bomb-overlapping_* ]] || continue
        tame cronos restore "$name" --no-verify --to "$WORK/outer/target"
        ((ENDED != 1)) || assert_files "$WORK/outer" ""
        assert_good_and_remove "$WORK/outer/target"
    done <"$TABLE"
    unharmed restore
}

@test "a restore of ten gigabytes that nobody wanted can be stopped" {
    local name
    name=$(grep -o '^[^ ]*_bomb-overlapping_[^ ]*' "$TABLE")
    remember
    run timeout -s INT 0.3 cronos restore "$name" --no-verify --to "$WORK/outer/target"
    assert_equal "$status" 124
    unharmed interrupted
    [[ ! -e $WORK/outer/target ]]
}
