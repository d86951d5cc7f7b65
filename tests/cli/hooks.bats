#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Hooks, as whoever runs create meets them: what goes where, and how it all ends.

load ../lib/common

setup()
{
    make_workspace
    make_small_tree
}

configure()
{
    printf 'hooks:\n{\n%s\n};\n' "$1" >cronos.conf
}

@test "what hooks print goes to stderr; stdout has the archive alone" {
    configure 'before_create = "echo from before"; after_create = "echo from after: $CRONOS_ARCHIVE";'
    run --separate-stderr -0 cronos create x
    [[ -f $output ]]
    assert_contains "$stderr" "from before"
    assert_contains "$stderr" "from after: $output"
    run --separate-stderr -0 cronos create x --json
    assert_equal "$(json "$output" 'j["hook_error"]')" null
    run --separate-stderr -0 cronos create x --dry-run
    refute_contains "$stderr" "from"
}

@test "a before_create that fails: no backup, status 1, and on_failure knows why" {
    configure 'before_create = "exit 7"; on_failure = "echo told: $CRONOS_STATUS: $CRONOS_ERROR";'
    run --separate-stderr -1 cronos -q create x
    assert_equal "$output" ""
    assert_error_line "cronos.conf:3: the hook before_create ended with status 7"
    assert_contains "$stderr" "told: failed: $ROOT/cronos.conf:3: the hook before_create"
    [[ ! -e $BACKUPS ]]
}

@test "an after_create that fails: the backup stays, status 3, also under -q" {
    configure 'after_create = "exit 7"; on_failure = "echo told";'
    run --separate-stderr -3 cronos -q create x
    [[ -f $output ]]
    assert_error_line "the hook after_create ended with status 7; the backup is made"
    refute_contains "$stderr" told
    run -3 cronos -q create x --json
    cronos -q verify --all
}

@test "a hook that hangs is ended, and what it started, too" {
    configure 'before_create = "sleep 1000 & echo $! >../child; wait"; timeout_seconds = 1;'
    run --separate-stderr -1 cronos -q create x
    assert_error_line "the hook before_create took longer than 1 second and was ended"
    wait_until 20 is_gone "$(<"$WORK/child")"
    [[ ! -e $BACKUPS ]]
}

# Whether the process "$1" is dead, reaped or not.
is_gone()
{
    [[ ! -e /proc/$1/status ]] || grep -q '^State:[[:space:]]*[ZX]' "/proc/$1/status"
}

@test "a hook that leaves a child behind holds nothing up" {
    local child
    configure 'before_create = "sleep 1000 & echo $! >../child";'
    run --separate-stderr -0 cronos -q create x 3>&-
    [[ -f $output ]]
    child=$(<"$WORK/child")
    [[ $(<"/proc/$child/comm") == sleep ]]
    kill "$child"
}

@test "SIGINT ends the hook that runs, and on_failure is told" {
    local pid status=0
    configure 'before_create = "sleep 1000 & echo $! >../child; : >../started; wait";
        on_failure = "echo $CRONOS_STATUS >../failure";'
    # A background job of this shell would ignore SIGINT.
    python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' cronos -q create x 3>&- &
    pid=$!
    wait_until 20 test -e "$WORK/started"
    kill -INT "$pid"
    wait "$pid" || status=$?
    assert_equal "$status" 130
    wait_until 20 is_gone "$(<"$WORK/child")"
    assert_equal "$(<"$WORK/failure")" cancelled
    [[ ! -e $BACKUPS ]]
}

@test "a hook does not outlive the program that is killed" {
    local pid status=0
    configure 'before_create = "true"; on_failure = "echo $$ >../hook; : >../started; sleep 1000";'
    : >backups
    python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' cronos -q create x 3>&- &
    pid=$!
    wait_until 20 test -e "$WORK/started"
    kill -KILL "$pid"
    wait "$pid" || status=$?
    assert_equal "$status" 137
    wait_until 20 is_gone "$(<"$WORK/hook")"
}

@test "hooks of a file in the root that others can write are refused, with the reason" {
    configure 'before_create = ": >../was-run"; on_failure = ": >../was-run";'
    chmod g+w cronos.conf
    run --separate-stderr -2 cronos -q create x
    assert_equal "$output" ""
    assert_error_line "cronos.conf:3: hooks.before_create: no command is run from this file"
    assert_contains "$stderr" "$ROOT/cronos.conf can be written by its group"
    assert_contains "$stderr" "--config"
    [[ ! -e $BACKUPS && ! -e $WORK/was-run ]]
    run --separate-stderr -0 cronos config
    assert_contains "$stderr" "can be written by its group"
    run --separate-stderr -0 cronos -q list
    assert_equal "$stderr" ""
    run --separate-stderr -0 cronos -q -c cronos.conf create x
    [[ -f $output && -e $WORK/was-run ]]
}
