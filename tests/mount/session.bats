#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Start-up, its errors, options, and the end of a mount.

load ../lib/mount

# cronosfs without -f: it must return, and serve when it has.
daemonize()
{
    local status=0
    timeout 30 "$@" >"$WORK/start.out" 2>"$WORK/start.err" 3>&- || status=$?
    return $status
}

# Unmounts $MNT and waits until the daemon, which is no child of ours, has gone.
end_daemon()
{
    cronos umount "$MNT"
    not_mounted
    wait_until 20 no_daemon
}

no_daemon()
{
    ! pgrep -f "cronosfs.*$MNT" >/dev/null
}

# Sets HELPER: the helper as installed; in a build directory, what the installation would link.
find_helper()
{
    HELPER=$(command -v mount.fuse.cronosfs) && return
    HELPER=$WORK/mount.fuse.cronosfs
    ln -s "$(command -v cronosfs)" "$HELPER"
}

assert_start_fails()
{
    local wanted=$1 text=$2
    shift 2
    run --separate-stderr timeout 30 "$@"
    assert_equal "$status" "$wanted"
    assert_equal "$output" ""
    assert_error_line "$text"
    not_mounted
}

@test "the parent leaves when the mount serves, quietly, with status 0" {
    make_small_tree
    backup x
    daemonize cronosfs "$BACKUPS" "$MNT"
    is_mounted
    assert_equal "$(cat "$MNT/$ID/a.txt")" "first version"
    [[ ! -s $WORK/start.out && ! -s $WORK/start.err ]]
    end_daemon
}

@test "started with stdin, stdout and stderr closed, it serves all the same" {
    make_small_tree
    backup x
    timeout 30 cronosfs "$BACKUPS" "$MNT" <&- >&- 2>&- 3>&-
    assert_equal "$(cat "$MNT/$ID/a.txt")" "first version"
    cp "$ARCHIVE" "$BACKUPS/later.zip"
    wait_until 3 test -d "$MNT/later/src"
    end_daemon
}

@test "cronos mount and umount: the configured directory, or another" {
    make_small_tree
    backup x
    daemonize cronos mount "$MNT"
    assert_equal "$(cat "$MNT/$ID/a.txt")" "first version"
    end_daemon
    mkdir "$WORK/other"
    cp "$ARCHIVE" "$WORK/other/"
    daemonize cronos mount "$WORK/other" "$MNT"
    assert_equal "$(cat "$MNT/$ID/a.txt")" "first version"
    end_daemon
}

@test "a relative backup directory and mount point" {
    make_small_tree
    backup x
    cd "$WORK"
    daemonize cronosfs project/backups mnt
    assert_equal "$(cat "$MNT/$ID/a.txt")" "first version"
    end_daemon
}

@test "umount of what is no mount: status 1 and the reason" {
    run --separate-stderr -1 cronos umount "$MNT"
    assert_error_line "$MNT"
}

@test "start-up errors reach the terminal and the exit status" {
    mkdir "$BACKUPS"
    assert_start_fails 1 nonesuch cronosfs "$WORK/nonesuch" "$MNT"
    assert_start_fails 1 nonesuch cronosfs "$BACKUPS" "$WORK/nonesuch"
    assert_start_fails 1 "" cronosfs "$BACKUPS" /dev/null
    touch "$WORK/file"
    assert_start_fails 1 "" cronosfs "$WORK/file" "$MNT"
    assert_start_fails 1 "" cronosfs "$BACKUPS" "$WORK/file"
    assert_start_fails 2 "" cronosfs "$BACKUPS"
    assert_start_fails 2 "" cronosfs
    assert_start_fails 2 "" cronosfs "$BACKUPS" "$MNT" surplus
    assert_start_fails 2 frobnicate cronosfs -o frobnicate "$BACKUPS" "$MNT"
    assert_start_fails 2 cache_mb cronosfs -o cache_mb=lots "$BACKUPS" "$MNT"
    assert_start_fails 2 "" cronosfs --frobnicate "$BACKUPS" "$MNT"
}

@test "a mount over the backup directory itself is refused" {
    mkdir "$BACKUPS"
    assert_start_fails 2 "$BACKUPS" cronosfs "$BACKUPS" "$BACKUPS"
    assert_start_fails 2 "$BACKUPS" cronosfs "$BACKUPS" "$ROOT"
}

# Both served, one below the other, and it took two to unmount.
@test "a second mount on the same place is refused" {
    make_small_tree
    backup x
    mount_backups
    run --separate-stderr -1 cronos mount "$MNT"
    assert_error_line "is a mount of cronosfs already"
    assert_equal "$(grep -c " $MNT fuse" /proc/self/mounts)" 1
    assert_equal "$(cat "$MNT/$ID/a.txt")" "first version"
}

@test "SIGTERM and SIGINT unmount cleanly, with status 0" {
    make_small_tree
    backup x
    local signal
    for signal in TERM INT; do
        mount_backups
        cat "$MNT/$ID/a.txt"
        kill "-$signal" "$DAEMON"
        daemon_ended
        not_mounted
    done
}

@test "SIGTERM while a file is held open: the mount goes, the daemon ends" {
    make_small_tree
    head -c 5000000 /dev/urandom >noise
    backup x
    mount_backups
    exec 8<"$MNT/$ID/noise"
    head -c 10 <&8 >/dev/null
    kill -TERM "$DAEMON"
    daemon_ended
    not_mounted
    exec 8<&-
}

# Writes the tar "$1" of a file of 30 GiB and one behind it, in a gzip file that is long enough.
make_long()
{
    python3 - "$1" <<'END'
import gzip, sys, tarfile
MIB = 1 << 20
large, small = tarfile.TarInfo("large"), tarfile.TarInfo("small")
large.size = 30 * 1024 * MIB
with open(sys.argv[1], "wb") as out:
    out.write(gzip.compress(large.tobuf()))
    out.write(gzip.compress(bytes(64 * MIB)) * (large.size // MIB // 64))
    out.write(gzip.compress(small.tobuf() + bytes(1024)))
    out.truncate(64 * MIB)
END
}

# The process "$1" has worked for two tenths of a second.
has_worked()
{
    local fields
    read -ra fields <"/proc/$1/stat"
    ((fields[13] >= 20))
}

@test "SIGTERM while an archive is decoded: the daemon ends, and the reader is told" {
    mkdir "$BACKUPS"
    make_long "$BACKUPS/long.tar.gz"
    mount_backups
    local reader status=0
    stat "$MNT/long/small" >/dev/null 2>&1 3>&- &
    reader=$!
    wait_until 20 has_worked "$(serving_process)"
    kill -TERM "$DAEMON"
    daemon_ended
    not_mounted
    wait "$reader" || status=$?
    assert_equal "$status" 1
}

@test "umount as root uses it: the daemon ends with status 0" {
    make_small_tree
    backup x
    mount_backups
    if ((EUID == 0)); then umount "$MNT"; else fusermount3 -u "$MNT"; fi
    daemon_ended
}

@test "uid=, gid= and umask= say how files look" {
    make_small_tree
    backup x
    mount_backups -o uid=12345,gid=23456,umask=077
    assert_equal "$(stat -c '%u:%g %a' "$MNT/$ID/a.txt")" "12345:23456 600"
    assert_equal "$(stat -c '%u:%g %a' "$MNT/$ID/src")" "12345:23456 700"
}

@test "the mount is read-only and says what it is" {
    make_small_tree
    backup x
    mount_backups
    local line
    line=$(grep -F " $MNT " /proc/self/mounts)
    assert_contains "$line" fuse.cronosfs
    assert_contains "$line" " ro,"
    assert_contains "$line" "$BACKUPS"
}

@test "the helper mounts as mount(8) calls it, with fstab's options" {
    make_small_tree
    backup x
    find_helper
    daemonize "$HELPER" "$BACKUPS" "$MNT" -o ro,noauto,nofail,_netdev,x-systemd.automount
    assert_equal "$(cat "$MNT/$ID/a.txt")" "first version"
    end_daemon
    daemonize "$HELPER" "$BACKUPS" "$MNT" -o rw,nosuid,nodev,noatime,user,cache_mb=8
    assert_equal "$(cat "$MNT/$ID/a.txt")" "first version"
    end_daemon
}

@test "mount -t fuse.cronosfs and a line of fstab" {
    if ((EUID != 0)); then
        # mount(8) gives such mounts to root alone; the helper itself is tested above.
        run mount -t fuse.cronosfs "$WORK" "$MNT"
        ((status != 0))
        return
    fi
    make_small_tree
    backup x
    find_helper
    export HELPER MNT
    # mount(8) looks for its helpers in /sbin: this one is shown to it there, in a mount namespace
    # of its own.
    run --separate-stderr -0 unshare --mount --propagation private bash -c '
        set -e
        mkdir "$WORK/upper" "$WORK/work"
        mount -t tmpfs none "$WORK/upper"
        mkdir "$WORK/upper/u" "$WORK/upper/w"
        sbin=$(readlink -f /sbin)
        mount -t overlay -o "lowerdir=$sbin,upperdir=$WORK/upper/u,workdir=$WORK/upper/w" \
            none "$sbin"
        ln -s "$HELPER" "$sbin/mount.fuse.cronosfs"
        mount -t fuse.cronosfs "$BACKUPS" "$MNT"
        cat "$MNT/latest/a.txt"
        umount "$MNT"
        printf "%s %s fuse.cronosfs noauto,cache_mb=16 0 0\n" "$BACKUPS" "$MNT" >"$WORK/fstab"
        mount -T "$WORK/fstab" "$MNT"
        cat "$MNT/latest/a.txt"
        umount "$MNT"'
    assert_equal "$output" "$(printf 'first version\nfirst version')"
}

@test "an idle mount opens no archive: 1,000 archives mount at once" {
    make_small_tree
    backup x
    python3 - "$ARCHIVE" "$BACKUPS" <<'END'
import os, sys, time
for number in range(1000):
    stamp = time.strftime("%Y%m%d_%H%M%S", time.gmtime(1_600_000_000 + number * 3600))
    os.link(sys.argv[1], os.path.join(sys.argv[2], f"egos_backup_auto_x_{stamp}.zip"))
END
    mount_backups
    [[ $(ls -l "$MNT" | grep -c egos_backup) == 1002 ]]
    # Descriptors, less those of the archives, are few.
    (($(find "/proc/$(serving_process)/fd" -lname "$BACKUPS/*.zip" | wc -l) == 0))
    find "$MNT" -maxdepth 2 >/dev/null
    diff -r "$ROOT/src" "$MNT/latest/src"
}

@test "mounted by root, the kernel reads 256 KiB ahead" {
    mkdir "$BACKUPS"
    mount_backups
    local device
    device=$(stat -c '%Hd:%Ld' "$MNT")
    ((EUID == 0)) || return 0
    assert_equal "$(<"/sys/class/bdi/$device/read_ahead_kb")" 256
}
