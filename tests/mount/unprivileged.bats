#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A user without privileges does all of it on files of their own, mounting through fusermount3.

load ../lib/mount

@test "the whole procedure as an unprivileged user" {
    gen-tree --files 30 "$ROOT/tree"
    echo "first version" >"$ROOT/a.txt"
    give_to_user "$WORK"
    run --separate-stderr -0 as_user bash -ec '
        cd "$ROOT"
        archive=$(cronos -q create "my project")
        name=${archive##*/}
        cronos -q list | grep -qF "$name"
        cronos -q show latest >/dev/null
        cronos -q verify latest >/dev/null
        cronos mount "$1"
        grep -F " $1 fuse.cronosfs " /proc/self/mounts >/dev/null
        diff -r --no-dereference tree "$1/${name%.zip}/tree"
        diff <(dump-tree tree) <(dump-tree "$1/latest/tree")
        cronos umount "$1"
        if grep -qF " $1 " /proc/self/mounts; then exit 1; fi
        echo changed >a.txt
        cronos -q restore latest --strategy overwrite --yes >/dev/null
        grep -q "first version" a.txt
        cronos -q restore "$name" --to "$WORK/out" >/dev/null
        diff <(dump-tree tree) <(dump-tree "$WORK/out/tree")
        cronos -q clean >/dev/null
        cronos -q config >/dev/null
    ' bash "$MNT"
    assert_equal "$stderr" ""
}

@test "SIGTERM ends an unprivileged mount, also with a file held open" {
    make_small_tree
    backup x
    give_to_user "$WORK"
    run --separate-stderr -0 as_user bash -ec '
        cronosfs -f "$BACKUPS" "$1" &
        daemon=$!
        for attempt in {1..500}; do
            grep -qF " $1 fuse" /proc/self/mounts && break
            sleep 0.02
        done
        exec 8<"$1/latest/a.txt"
        kill -TERM "$daemon"
        wait "$daemon"
        ! grep -qF " $1 " /proc/self/mounts
    ' bash "$MNT"
}

@test "a mount point that is not the user's: status 1 and the reason" {
    if ((EUID != 0)); then
        run -1 cronosfs "$WORK" /
        return
    fi
    make_small_tree
    backup x
    give_to_user "$ROOT"
    chmod 755 "$MNT"
    run --separate-stderr as_user cronosfs "$BACKUPS" "$MNT"
    assert_equal "$status" 1
    assert_contains "$stderr" "$MNT"
}
