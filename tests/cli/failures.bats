#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What goes wrong around cronos: a clear message, the right status, and nothing lost.

load ../lib/common

# Runs the shell text "$1" with a file system of 4 MiB on $WORK/small, as any user.
on_small_disk()
{
    local unshare=(unshare --mount --propagation private)
    ((EUID == 0)) || unshare+=(--map-root-user)
    mkdir -p "$WORK/small"
    "${unshare[@]}" bash -c 'mount -t tmpfs -o size=4m none "$1" && cd "$1" && eval "$2"' \
        bash "$WORK/small" "$1"
}

@test "an unreadable file: named, the backup is made, status 3" {
    make_small_tree
    echo secret >secret.txt
    mkdir locked
    echo inside >locked/inside
    chmod 000 secret.txt
    chmod 000 locked
    give_to_user "$ROOT"
    run --separate-stderr -3 as_user cronos -C "$ROOT" create x
    assert_contains "$stderr" secret.txt
    assert_contains "$stderr" locked
    assert_contains "$stderr" "Permission denied"
    assert_equal "$(unzip -p "$output" a.txt)" "first version"
    unzip -tqq "$output"
    refute_contains "$(unzip -Z1 "$output")" secret.txt
    run -3 as_user cronos -C "$ROOT" create x --json
}

@test "a read-only backup directory: status 1, the reason, nothing left" {
    make_small_tree
    backup x
    give_to_user "$ROOT"
    chmod 555 "$BACKUPS"
    run --separate-stderr -1 as_user cronos -C "$ROOT" create y
    assert_equal "$output" ""
    assert_error_line "$BACKUPS"
    assert_contains "$stderr" "Permission denied"
    assert_files "$BACKUPS" "$ARCHIVE_NAME"
    run -0 as_user cronos -C "$ROOT" list
    run -0 as_user cronos -q -C "$ROOT" restore "$ID" --to "$ROOT/out"
}

@test "a full disk while the archive is written: status 1, the reason, nothing left, the old stay" {
    make_small_tree
    mkdir "$WORK/big"
    head -c 8000000 /dev/urandom >"$WORK/big/noise"
    printf 'backup: { directory = "%s"; };\n' "$WORK/small" >"$WORK/c.conf"
    run --separate-stderr on_small_disk '
        first=$(cronos -q -c "$WORK/c.conf" -C "$ROOT" create first) || exit 90
        cronos -c "$WORK/c.conf" -C "$WORK/big" create second && exit 91
        [[ $? == 1 ]] || exit 92
        [[ $(find . -mindepth 1 -printf "%f\n") == "${first##*/}" ]] || exit 93
        unzip -tqq "$first" || exit 94
    '
    assert_equal "$status" 0
    assert_error_line space
}

@test "a full disk while restoring: status 1, the reason, nothing half restored" {
    head -c 8000000 /dev/urandom >noise
    backup x
    run --separate-stderr on_small_disk '
        cronos -C "$ROOT" restore latest --to "$WORK/small/out" && exit 91
        [[ $? == 1 ]] || exit 92
        [[ -z $(find . -mindepth 1) ]] || exit 93
    '
    assert_equal "$status" 0
    assert_error_line free
}

@test "a full disk while overwriting: the file that did not fit is as it was before" {
    run --separate-stderr on_small_disk '
        mkdir project
        head -c 2500000 /dev/urandom >project/noise
        printf "backup: { directory = \"%s\"; };\n" "$WORK/backups" >project/cronos.conf
        cronos -q -C project create x || exit 90
        head -c 2400000 /dev/urandom >project/noise
        sum=$(sha256sum <project/noise)
        cronos -C project restore latest --strategy overwrite -y --no-restore-point && exit 91
        [[ $(sha256sum <project/noise) == "$sum" ]] || exit 92
        [[ -z $(find project -name ".cronos-*") ]] || exit 93
    '
    assert_equal "$status" 0
    assert_error_line space
}

@test "an interrupt ends create at once, with nothing left" {
    make_small_tree
    seq 3000000 >numbers
    backup before
    local signal
    for signal in INT TERM; do
        # bash has its background processes ignore SIGINT.
        env --default-signal=INT cronos create x -l 12 -j 1 >"$WORK/log" 2>&1 3>&- &
        local pid=$! status=0
        wait_until 20 has_temporary
        kill "-$signal" "$pid"
        wait "$pid" || status=$?
        ((status != 0))
        assert_files "$BACKUPS" "$ARCHIVE_NAME"
    done
}

has_temporary()
{
    [[ -n $(find "$BACKUPS" -name '.cronos-*') ]]
}

@test "a missing /dev/fuse: status 1 and the reason" {
    make_small_tree
    backup x
    mkdir "$WORK/mnt"
    local unshare=(unshare --mount --propagation private)
    ((EUID == 0)) || unshare+=(--map-root-user)
    run --separate-stderr -1 "${unshare[@]}" bash -c '
        set -e
        mkdir "$2" && touch "$2/null"
        mount --bind /dev/null "$2/null"
        mount --rbind "$2" /dev
        cronos mount "$1"' bash "$WORK/mnt" "$WORK/dev"
    assert_error_line /dev/fuse
}

@test "files that vanish from a huge folder while it is walked do not stop create" {
    gen-tree --many 3000 "$ROOT/many"
    (cd "$ROOT/many" && ls | shuf --random-source=<(yes) | xargs -n 50 rm -f) 3>&- &
    local remover=$!
    run --separate-stderr cronos create x
    wait "$remover"
    ((status == 0 || status == 3))
    unzip -tqq "$output"
}

@test "stdout that can not be written is an error" {
    make_small_tree
    run --separate-stderr cronos create x --json >/dev/null
    run bash -c 'cronos list --json >/dev/full'
    assert_equal "$status" 1
    # The reason was lost where something had been said on stderr meanwhile.
    run --separate-stderr -1 bash -c 'cronos create x >/dev/full'
    assert_error_line "standard output: No space left on device"
}
