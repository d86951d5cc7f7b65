#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# restore into targets that others, or odd file systems, have a hand in.

load ../lib/common

teardown()
{
    [[ -z ${PID:-} ]] || kill -KILL "$PID" 2>/dev/null || true
    remove_workspace
}

# Restores over the project until the fault point "$1", where it stands still as process PID.
stop_at()
{
    CRONOS_FAULT=$1@1:stop cronos -q restore "$ID" --strategy overwrite -y --no-restore-point \
        >"$WORK/output" 2>&1 3>&- &
    PID=$!
    wait_until 20 is_stopped "$PID"
}

is_stopped()
{
    [[ $(</proc/"$1"/stat) == *') T '* ]]
}

go_on()
{
    local status=0
    kill -CONT "$PID"
    wait "$PID" || status=$?
    PID=
    return $status
}

# The owner of a new link was set by its name: who may write in the folder could have put another
# file there, and was given it.
@test "root gives away no file that was put in the place of a new link" {
    mkdir theirs
    ln -s nowhere theirs/link
    give_to_user theirs
    backup x
    ln -sfn elsewhere theirs/link
    echo secret >"$WORK/secret"
    touch -d '2001-02-03 04:05:06' "$WORK/secret"
    stop_at restore-after-symlink
    local new
    new=$(find theirs -name '.cronos-restore-*')
    mv "$new" "$WORK/aside"
    ln "$WORK/secret" "$new"
    go_on
    assert_equal "$(stat -c '%u %Y' "$WORK/secret")" "$EUID $(date -d '2001-02-03 04:05:06' +%s)"
    assert_equal "$(readlink theirs/link)" nowhere
}
