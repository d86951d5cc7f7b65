# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# mount.bash - mounting in bats tests: readiness noticed, early death too, and a clean end demanded
#
# mount_backups runs cronosfs in the foreground, so that its exit status is seen: a crash, a leak or
# a race that a sanitizer finds makes unmount_backups fail.

load ../lib/common

setup()
{
    make_workspace
    MNT=$WORK/mnt
    mkdir "$MNT"
    [[ -c /dev/fuse ]] || fail "/dev/fuse is missing: the mount can not be tested"
}

teardown()
{
    local status=0
    unmount_backups || status=1
    if is_mounted; then
        umount -l "$MNT" 2>/dev/null || fusermount3 -u -z "$MNT"
        fail "left mounted: $MNT" || status=1
    fi
    remove_workspace
    return $status
}

is_mounted()
{
    local mounts
    IFS= read -r -d '' mounts </proc/self/mounts || true
    [[ $mounts == *" $MNT fuse"* ]]
}

not_mounted()
{
    ! is_mounted
}

mounted_or_dead()
{
    is_mounted || ! kill -0 "$DAEMON"
}

# Mounts $BACKUPS on $MNT; arguments are passed on to cronosfs.
mount_backups()
{
    cronosfs -f "$@" "$BACKUPS" "$MNT" >"$WORK/daemon.log" 2>&1 3>&- &
    DAEMON=$!
    wait_until 20 mounted_or_dead
    is_mounted || fail "cronosfs ended before it served:" "$(cat "$WORK/daemon.log")"
}

# Prints the process that serves: the one started keeps watch over it.
serving_process()
{
    pgrep -P "$DAEMON" -x cronosfs
}

# Unmounts as users do, and demands that the daemon ends, with status 0.
unmount_backups()
{
    local status=0
    [[ -n ${DAEMON:-} ]] || return 0
    if is_mounted && ! cronos umount "$MNT"; then
        status=1
        umount -l "$MNT" 2>/dev/null || fusermount3 -u -z "$MNT"
    fi
    daemon_ended || status=1
    return $status
}

# Waits for the daemon's end (it is killed after 30 s) and returns its status.
daemon_ended()
{
    local pid=$DAEMON status=0
    DAEMON=
    wait_until 30 process_gone "$pid" || kill -KILL "$pid"
    wait "$pid" || status=$?
    ((status == 0)) || fail "cronosfs ended with status $status:" "$(cat "$WORK/daemon.log")"
}

# A zombie has gone: what is left of it is its status, for wait.
process_gone()
{
    local state
    { read -r _ _ state _ <"/proc/$1/stat"; } 2>/dev/null || return 0
    [[ $state == Z ]]
}
