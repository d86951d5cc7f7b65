#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The parallel writer: seekable members, tools of other projects, and ends in the middle, with an
# earlier backup to take over from and without.

load ../lib/common

setup()
{
    make_workspace
    make_small_tree
}

# Three large files: text, noise, and one that is both; and a sparse one.
make_large_files()
{
    seq 600000 >numbers
    head -c 3000000 /dev/urandom >noise
    { seq 200000; head -c 1500000 /dev/urandom; seq 200000; } >mixed
    truncate -s 20000000 sparse
    printf 'some bytes' | dd of=sparse bs=1 seek=12345678 conv=notrunc status=none
}

@test "large members are seekable as SOZip 0.5.0 wants it, in every level" {
    make_large_files
    local level
    for level in 1 6 9 12; do
        backup x -l "$level"
        run -0 check-sozip --least 3 "$ARCHIVE"
        assert_contains "$output" ": 3 seekable"
    done
    backup x -l 0
    run -0 check-sozip "$ARCHIVE"
    assert_contains "$output" ": 0 seekable"
}

@test "the checker of seekable members finds what is wrong with one" {
    seq 600000 >numbers
    backup x
    local index offset
    index=$(grep -abo 'numbers.sozip.idx' "$ARCHIVE" | head -n 1 | cut -d : -f 1)
    offset=$(member_offset "$ARCHIVE" numbers)
    for offset in $((index + 40)) $((index + 60)) $((index + 80)) $((offset + 200000)); do
        cp "$ARCHIVE" "$WORK/bad.zip"
        damage "$WORK/bad.zip" "$offset" 3
        run -1 check-sozip --least 1 "$WORK/bad.zip"
    done
    run -1 check-sozip --least 2 "$ARCHIVE"
}

@test "noise is stored, not compressed" {
    make_large_files
    backup x
    run -0 unzip -Zv "$ARCHIVE" noise
    assert_contains "$output" "none (stored)"
}

@test "libzip's tools read the archive and find the tree in it" {
    make_large_files
    backup x
    mkdir "$WORK/out"
    unzip -q "$ARCHIVE" -d "$WORK/out"
    (cd "$WORK/out" && zip -qry "$WORK/other.zip" .)
    run -0 zipcmp -q "$ARCHIVE" "$WORK/other.zip"
    local number
    number=$(ziptool "$ARCHIVE" name_locate numbers 0 | grep -o '[0-9]*' | tail -n 1)
    ziptool "$ARCHIVE" cat "$number" | cmp - numbers
}

@test "the bytes do not depend on the number of threads, with reuse and without" {
    make_large_files
    gen-tree "$ROOT/awkward"
    backup base
    seq 100 >changed
    local threads
    for threads in 1 2 8; do
        SOURCE_DATE_EPOCH=1743667200 backup x -j "$threads"
        mv "$ARCHIVE" "$WORK/reused-$threads.zip"
        SOURCE_DATE_EPOCH=1743667200 backup x -j "$threads" --full
        mv "$ARCHIVE" "$WORK/full-$threads.zip"
        cmp "$WORK/reused-1.zip" "$WORK/reused-$threads.zip"
        cmp "$WORK/reused-1.zip" "$WORK/full-$threads.zip"
    done
}

# Only what was there before, and that whole.
assert_only_before()
{
    assert_files "$BACKUPS" "$@"
    local file
    for file; do
        unzip -tqq "$BACKUPS/$file"
    done
}

@test "kill -9 at 50 points, with reuse and without: only whole backups, the next create cleans up" {
    truncate -s 60000000 sparse
    seq 100000 >numbers
    backup before
    unzip -tqq "$ARCHIVE"
    cp "$ARCHIVE" "$WORK/before.zip"
    local point status mode listed
    listed=$(cronos -q list)
    for mode in --full --no-progress; do
        for point in {1..25}; do
            status=0
            CRONOS_FAULT=create-write@$((point * 2)):kill cronos -q create x "$mode" 3>&- || status=$?
            assert_equal "$status" 137
            run -0 cronos -q list
            assert_equal "$output" "$listed"
            cmp "$ARCHIVE" "$WORK/before.zip"
        done
    done
    rm sparse
    local first=$ARCHIVE_NAME
    backup after
    assert_no_leftovers
    assert_only_before "$first" "$ARCHIVE_NAME"
}

# In a mount namespace: backups go to a tmpfs of the size that "$3" tells for each of 20 points. The
# directory holds "$2" before and must hold nothing else afterwards.
# shellcheck disable=SC2016  # for the shell in the namespace
full_disk_script='
    need=$1 keep=$2
    for point in {1..20}; do
        mount -t tmpfs -o size=$(((need * point / 21 + 4095) / 4096 * 4))k none "$BACKUPS" || exit 90
        [[ -z $keep ]] || cp "$WORK/$keep" "$BACKUPS/" || exit 91
        status=0
        cronos create x >/dev/null 2>"$WORK/stderr" || status=$?
        ((status == 1)) || { echo "status $status at point $point"; exit 92; }
        grep -qi space "$WORK/stderr" || { cat "$WORK/stderr"; exit 93; }
        [[ $(find "$BACKUPS" -mindepth 1 -printf "%f\n") == "$keep" ]] || exit 94
        umount "$BACKUPS"
    done
'

in_namespace()
{
    local unshare=(unshare --mount --propagation private)
    ((EUID == 0)) || unshare+=(--map-root-user)
    "${unshare[@]}" bash -c "$@"
}

@test "a full disk at 20 points: status 1, the reason, nothing left" {
    make_large_files
    backup x
    local size
    size=$(stat -c %s "$ARCHIVE")
    rm "$ARCHIVE"
    in_namespace "$full_disk_script" bash "$size" ""
}

@test "a full disk at 20 points of taking over: status 1, nothing left, the earlier backup whole" {
    make_large_files
    backup before
    mv "$ARCHIVE" "$WORK/$ARCHIVE_NAME"
    local size
    size=$(stat -c %s "$WORK/$ARCHIVE_NAME")
    full_disk_script=${full_disk_script/need \* point/need + need * point}
    in_namespace "$full_disk_script" bash "$size" "$ARCHIVE_NAME"
}

@test "an I/O error while the archive is written: status 1, told, nothing left" {
    make_large_files
    backup before
    local point status
    for point in 1 2 3; do
        status=0
        CRONOS_FAULT=create-write@$point:eio cronos create x --full 2>"$WORK/stderr" 3>&- || status=$?
        assert_equal "$status" 1
        grep -q "cronos: " "$WORK/stderr"
        assert_only_before "$ARCHIVE_NAME"
    done
}

@test "SIGINT while members are taken over: status 130, nothing is left" {
    seq 3000000 >numbers
    head -c 60000000 /dev/zero | tr '\0' 'x' >letters
    backup before -l 1
    CRONOS_FAULT=create-write@5:int run -130 cronos create x -l 1 -j 1
    assert_only_before "$ARCHIVE_NAME"
}
