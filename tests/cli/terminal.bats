#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What people see on a terminal: progress, questions.

load ../lib/common

@test "create shows a progress bar on a terminal, and none elsewhere or with --no-progress" {
    head -c 30000000 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >big
    run -0 on-terminal "" cronos create x -l 9
    assert_contains "$output" %
    assert_contains "$output" $'\r'
    run -0 on-terminal "" cronos --no-progress create x
    refute_contains "$output" %
    run --separate-stderr -0 cronos create x
    refute_contains "$stderr" $'\r'
    refute_contains "$stderr" $'\e'
}

@test "overwrite asks on a terminal; no is no, yes is yes" {
    make_small_tree
    backup x
    echo changed >a.txt
    run on-terminal n cronos restore "$ID" --strategy overwrite
    ((status != 0))
    assert_contains "$output" "[y/N]"
    assert_equal "$(cat a.txt)" changed
    run -0 on-terminal y cronos restore "$ID" --strategy overwrite
    assert_equal "$(cat a.txt)" "first version"
}

@test "--yes answers, and without a terminal nothing is asked" {
    make_small_tree
    backup x
    echo changed >a.txt
    run -0 on-terminal "" cronos restore "$ID" --strategy overwrite --yes
    refute_contains "$output" "[y/N]"
    assert_equal "$(cat a.txt)" "first version"
    echo changed >a.txt
    run --separate-stderr -0 cronos restore "$ID" --strategy overwrite </dev/null
    refute_contains "$stderr" "[y/N]"
    assert_equal "$(cat a.txt)" "first version"
}
