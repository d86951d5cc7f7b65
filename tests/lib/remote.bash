# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# remote.bash - the backup directory on a file server that counts what it is asked for
#
# Load mount.bash first. What mount_backups mounted is taken down before the server.

PATH=${CRONOS_TEST_BUILD:+$CRONOS_TEST_BUILD/tests:}$PATH

teardown()
{
    local status=0
    unmount_backups || status=1
    stop_remote || status=1
    remove_workspace
    return $status
}

# Has what lies in $BACKUPS served by remote-fs (arguments: its options): it is at the same place,
# but far away.
serve_remote()
{
    SERVED=$WORK/served
    mkdir -p "$BACKUPS"
    mv "$BACKUPS" "$SERVED"
    mkdir "$BACKUPS"
    remote-fs -f "$@" "$SERVED" "$BACKUPS" >"$WORK/server.log" 2>&1 3>&- &
    SERVER=$!
    wait_until 20 served_or_dead
    is_served || fail "remote-fs ended before it served:" "$(cat "$WORK/server.log")"
    note_requests
}

# Takes the server away: what it served is at its place again.
stop_remote()
{
    local pid=${SERVER:-} status=0
    [[ -n $pid ]] || return 0
    SERVER=
    if is_served; then
        umount "$BACKUPS" 2>/dev/null || fusermount3 -u "$BACKUPS" || umount -l "$BACKUPS"
    fi
    wait_until 30 process_gone "$pid" || kill -KILL "$pid"
    wait "$pid" || status=$?
    ((status == 0)) || fail "remote-fs ended with status $status:" "$(cat "$WORK/server.log")"
    rmdir "$BACKUPS"
    mv "$SERVED" "$BACKUPS"
}

is_served()
{
    grep -qF " $BACKUPS fuse" /proc/self/mounts
}

served_or_dead()
{
    is_served || process_gone "$SERVER"
}

# Notes what the server was asked for since the last time, for asked to tell.
note_requests()
{
    getfattr --absolute-names --only-values -n user.requests "$BACKUPS" >"$WORK/requests"
}

# Prints how many requests of kind "$1" there were; of "in_flight": how many at once, at most.
asked()
{
    awk -v kind="$1" '$1 == kind { print $2 }' "$WORK/requests"
}
