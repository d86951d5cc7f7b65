#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Reuse on file systems that share blocks: a second backup takes little more room than what changed.
# Each test runs in a mount namespace of its own, whose mounts end with it.

load ../lib/common

setup()
{
    make_workspace
    ((EUID == 0)) || fail "mounting a file system image needs root"
}

# Runs the shell text "$2" on a new file system of the type "$1" on $WORK/image, with a project in it.
on_image()
{
    truncate -s 600M "$WORK/image.raw"
    "mkfs.$1" -q "$WORK/image.raw"
    mkdir -p "$WORK/image"
    unshare --mount --propagation private bash -c '
        mount -o loop "$WORK/image.raw" "$WORK/image" && mkdir "$WORK/image/project" &&
            cd "$WORK/image/project" && eval "$1"' bash "$2"
}

# Two large files, one of which deflate shrinks; and a small change in between.
# shellcheck disable=SC2016  # for the shell in the namespace
script='
    used()
    {
        sync -f .
        df --output=used -B 1024 . | tail -n 1
    }
    base64 -w 0 /dev/urandom | head -c 60000000 >text
    head -c 40000000 /dev/urandom >noise
    seq 100000 >numbers
    until (($(date +%s%N) > $(stat -c %Z numbers) * 1000000000 + 1100000000)); do sleep 0.02; done
    first=$(cronos -q create first) || exit 90
    before=$(used)
    echo changed >numbers
    second=$(cronos -q create second) || exit 91
    after=$(used)
    unzip -tqq "$second" || exit 92
    check-sozip --least 1 "$second" || exit 93
    cronos -q verify --all || exit 94
    size=$(($(stat -c %s "$second") / 1024))
    echo "archive: $size KiB, taken from the disk: $((after - before)) KiB"
    ((size > 80000)) || exit 95
    ((after - before < 8000)) || exit 96
    SOURCE_DATE_EPOCH=1743667200 cronos -q create same >/dev/null || exit 97
    mv backups/egos_backup_manual_same_* ../reused.zip
    SOURCE_DATE_EPOCH=1743667200 cronos -q create same --full >/dev/null || exit 98
    cmp backups/egos_backup_manual_same_* ../reused.zip || exit 99
'

@test "XFS: the large members of a second backup are shared with the first" {
    run on_image xfs "$script"
    assert_equal "$status" 0
}

@test "Btrfs: the large members of a second backup are shared with the first" {
    run on_image btrfs "$script"
    assert_equal "$status" 0
}
