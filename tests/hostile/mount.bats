#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# One mount of all hostile archives: everything in it is listed and read, and the daemon lives.

load ../lib/mount
load hostile

setup()
{
    make_workspace
    MNT=$WORK/mnt
    mkdir "$MNT"
    make_hostile
    cp "$ARCHIVES"/* "$BACKUPS"
}

@test "every archive is listed, and read to any depth" {
    local name expectation
    remember
    mount_backups
    tame ls -l "$MNT"
    assert_equal "$ENDED" 0
    assert_equal "$(grep -c egos_backup_ "$OUT")" "$(($(wc -l <"$TABLE") + 1))"
    run -0 "$HOSTILE/read-all" "$MNT"/egos_*
    while read -r name expectation; do
        [[ $expectation != sound ]] || grep -q "^${name%.zip} folders=" <<<"$output" ||
            fail "can not be listed:" "$(grep "^${name%.zip}" <<<"$output")"
    done <"$TABLE"
    unharmed mount
    check_outputs
}

@test "the versions of all of it" {
    remember
    mount_backups -o versions=visible
    tame env LC_ALL=C ls -lab "$MNT/.versions"
    ((ENDED == 0))
    grep -q good "$OUT"
    tame find "$MNT/.versions" -maxdepth 3 -printf '%y\n'
    ((ENDED <= 1))
    run -0 cat "$MNT"/.versions/good/*
    [[ -z ${output//good/} ]]
    unharmed versions
    check_outputs
    is_mounted || fail "the daemon ended:" "$(cat "$WORK/daemon.log")"
}

@test "links lead where their text says, never where an archive put them" {
    mount_backups
    local folder
    folder=$(echo "$MNT"/*link-then-file*)
    assert_equal "$(cat "$folder/l/through")" x
    [[ -d $folder/l && ! -L $folder/l ]]
    folder=$(echo "$MNT"/*parent-paths*)
    assert_equal "$(stat -c %i "$folder/..")" "$(stat -c %i "$MNT")"
    assert_files "$CANARY" hello
}

@test "nothing can be changed" {
    local folder name
    mount_backups
    folder=$(echo "$MNT"/*links-outward*)
    for name in "$MNT" "$folder"; do
        run touch "$name/new"
        ((status != 0))
        run mkdir "$name/new"
        ((status != 0))
        run rm -rf "$name/good"
        run chmod 777 "$name"
        ((status != 0))
    done
    assert_equal "$(cat "$folder/good")" good
}

@test "four readers at once, while archives come and go" {
    local i status pids=()
    mount_backups
    for i in 1 2 3 4; do
        "$HOSTILE/read-all" --changing "$MNT"/*_{names,size,link,bomb,duplicates}* \
            >"$WORK/reader-$i.log" 2>&1 3>&- &
        pids+=($!)
    done
    for i in 1 2 3; do
        rm -f "$BACKUPS"/*_{names,bomb}-*
        cp "$ARCHIVES"/*_{names,bomb}-* "$BACKUPS"
        truncate -s 100 "$BACKUPS"/*_duplicates_*
        cp "$ARCHIVES"/*_duplicates_* "$BACKUPS"
    done
    for i in 1 2 3 4; do
        status=0
        wait "${pids[i - 1]}" || status=$?
        ((status == 0)) || fail "reader $i: status $status" "$(cat "$WORK/reader-$i.log")"
    done
    is_mounted || fail "the daemon ended:" "$(cat "$WORK/daemon.log")"
}
