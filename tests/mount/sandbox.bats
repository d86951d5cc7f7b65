#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What serves has given up the right to do anything else, and what keeps it cleans up after it.

load ../lib/mount

# A sanitizer's own work needs the rights that are given up: such builds say so, and keep them.
locks_down()
{
    ! grep -q "sandbox: off, built with a sanitizer" "$WORK/daemon.log"
}

assert_probe()
{
    grep -qF "sandbox-probe: $1: $2" "$WORK/daemon.log" || fail "expected: $1: $2" \
        "$(cat "$WORK/daemon.log")"
}

# Prints the value of a field of the serving process's status.
status_field()
{
    awk -v name="$1:" '$1 == name { print $2 }' "/proc/$(serving_process)/status"
}

logged()
{
    grep -qF "$1" "$WORK/daemon.log"
}

@test "locked down: no writing, no reading elsewhere, no sockets, no programs, no processes" {
    make_small_tree
    backup x
    CRONOS_DEBUG=sandbox-probe mount_backups
    diff -r --no-dereference "$ROOT/src" "$MNT/$ID/src"
    assert_probe "read a backup" allowed
    locks_down || return 0
    assert_probe "open for writing" "Operation not permitted"
    assert_probe "read elsewhere" "Permission denied"
    assert_probe "look elsewhere" "Operation not permitted"
    assert_probe socket "Operation not permitted"
    assert_probe send "Operation not permitted"
    assert_probe lock "Operation not permitted"
    assert_probe signal "Operation not permitted"
    assert_probe "local socket" "Operation not permitted"
    assert_probe execve "Operation not permitted"
    assert_probe fork "Operation not permitted"
    assert_probe unlink "Operation not permitted"
    refute_contains "$(cat "$WORK/daemon.log")" "sandbox: without"
    assert_equal "$(status_field NoNewPrivs)" 1
    assert_equal "$(status_field Seccomp)" 2
    # At most CAP_DAC_READ_SEARCH: root's archives may be other users'.
    (((16#$(status_field CapPrm) & ~4) == 0))
}

@test "every thread is locked down" {
    make_small_tree
    backup x
    mount_backups
    cat "$MNT/$ID/a.txt" >/dev/null
    locks_down || return 0
    local task
    for task in "/proc/$(serving_process)/task"/*; do
        assert_equal "$(awk '$1 == "Seccomp:" { print $2 }' "$task/status")" 2
    done
}

@test "nosandbox: nothing is given up, and the log says so" {
    make_small_tree
    backup x
    CRONOS_DEBUG=sandbox-probe mount_backups -o nosandbox
    logged "sandbox: off, as asked for"
    assert_probe "open for writing" allowed
    assert_probe execve allowed
    assert_equal "$(status_field NoNewPrivs)" 0
    cat "$MNT/$ID/a.txt"
}

@test "the options that need rights later: clone_fd, log_file" {
    make_small_tree
    backup x
    mount_backups -o "clone_fd,log_file=$WORK/new/log,max_threads=4"
    diff -r --no-dereference "$ROOT/src" "$MNT/$ID/src"
    refute_contains "$(cat "$WORK/daemon.log")" clone
    wait_until 20 grep -q "mounted $BACKUPS" "$WORK/new/log"
    unmount_backups
    grep -q "unmounted" "$WORK/new/log"
}

@test "a log file that is moved away is made anew, and what is said until the end is in it" {
    make_small_tree
    backup x
    damage "$ARCHIVE" "$(($(member_offset "$ARCHIVE" src/deep/long.txt) + 20))" 4
    mount_backups -o "log_file=$WORK/log"
    wait_until 20 grep -q "mounted $BACKUPS" "$WORK/log"
    mv "$WORK/log" "$WORK/log.1"
    run cat "$MNT/$ID/src/deep/long.txt"
    ((status != 0))
    wait_until 20 grep -q "long.txt" "$WORK/log"
    unmount_backups
    grep -q "unmounted" "$WORK/log"
    refute_contains "$(cat "$WORK/log.1")" long.txt
}

@test "archives that come later are read, also in a time zone of their own" {
    mkdir "$BACKUPS"
    TZ=Asia/Kolkata mount_backups
    make_small_tree
    (cd "$ROOT" && zip -qX "$BACKUPS/late.zip" a.txt)
    wait_until 3 test -d "$MNT/late"
    assert_equal "$(TZ=Asia/Kolkata stat -c %y "$MNT/late/a.txt" | cut -c 1-16)" \
        "$(stat -c %y "$ROOT/a.txt" | cut -c 1-16)"
}

@test "the serving process dies: the mount goes, the log says why, the status is 1" {
    make_small_tree
    backup x
    mount_backups
    local pid=$DAEMON status=0
    cat "$MNT/$ID/a.txt" >/dev/null
    kill -KILL "$(serving_process)"
    DAEMON=
    wait "$pid" || status=$?
    assert_equal "$status" 1
    not_mounted
    logged "the serving process was killed"
}

@test "the keeper is killed: the serving process does not outlive it" {
    make_small_tree
    backup x
    mount_backups
    local keeper=$DAEMON server
    server=$(serving_process)
    DAEMON=
    kill -KILL "$keeper"
    wait "$keeper" || true
    wait_until 20 process_gone "$server"
    if ((EUID == 0)); then umount "$MNT"; else fusermount3 -u "$MNT"; fi
}

@test "a mount that lies below another of the same place is not taken for it" {
    ((EUID == 0)) || return 0
    make_small_tree
    backup x
    mkdir "$WORK/below"
    touch "$WORK/below/mark"
    mount --bind "$WORK/below" "$MNT"
    mount_backups
    umount "$MNT"
    daemon_ended
    [[ -e $MNT/mark ]]
    umount "$MNT"
}
