#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Files put into the page cache before they are asked for: seen only in that fewer requests come.

load ../lib/mount

# Prints how many requests of kind "$1" the daemon has shown (it runs with -d).
requests()
{
    grep -c "opcode: $1 " "$WORK/daemon.log" || true
}

stores()
{
    grep -c "NOTIFY: code=4" "$WORK/daemon.log" || true
}

# $1 files of some hundred bytes, all different, in $ROOT/files.
make_files()
{
    mkdir "$ROOT/files"
    python3 - "$ROOT/files" "$1" <<'END'
import os, sys
for number in range(int(sys.argv[2])):
    with open(os.path.join(sys.argv[1], f"file-{number:05}"), "w") as out:
        out.write(f"{number} " * (50 + number % 300))
END
}

@test "a folder read through in order takes a fraction of the READs" {
    make_files 1000
    backup x
    mount_backups -d
    ls -l "$MNT/$ID/files" >/dev/null
    cat "$MNT/$ID"/files/* | cmp - <(cat "$ROOT"/files/*)
    (($(requests READ) < 300)) || fail "$(requests READ) READs for 1000 files"
    diff -r "$ROOT/files" "$MNT/$ID/files"
}

@test "a walk through folder after folder takes fewer READs than there are folders" {
    python3 - "$ROOT" <<'END'
import os, sys
for folder in range(60):
    os.mkdir(os.path.join(sys.argv[1], f"folder-{folder:02}"))
    for number in range(10):
        with open(os.path.join(sys.argv[1], f"folder-{folder:02}", f"{number}"), "w") as out:
            out.write(f"{folder} {number} " * 100)
END
    backup x
    mount_backups -d
    mkdir "$WORK/out"
    tar cf - -C "$MNT/$ID" . | tar xf - -C "$WORK/out"
    diff -r --exclude backups --exclude logs "$ROOT" "$WORK/out"
    (($(requests READ) < 60)) || fail "$(requests READ) READs for 60 folders of 10 files"
    # Who lists much and reads little is given little.
    local before
    before=$(stores)
    find "$MNT/$ID" -name 5 -exec head -qc 1 {} + >/dev/null
    assert_equal "$(stores)" "$before"
}

@test "who reads one file, or files here and there, is given no other" {
    make_files 200
    backup x
    mount_backups -d
    ls -l "$MNT/$ID/files" >/dev/null
    cat "$MNT/$ID/files/file-00010" >/dev/null
    assert_equal "$(stores)" 0
    local number
    for number in 00100 00050 00150 00020 00120 00070; do
        cat "$MNT/$ID/files/file-$number"
    done | cmp - <(cd "$ROOT/files" && cat file-00{100,050,150,020,120,070})
    assert_equal "$(stores)" 0
    assert_equal "$(requests READ)" 7
}

@test "what is pushed is right, of every size, also for several readers at once" {
    gen-tree --plain --files 80 "$ROOT/tree"
    backup x
    mount_backups
    local reader pids=()
    for reader in {1..4}; do
        tar cf - -C "$MNT/$ID" tree 3>&- | tar df - -C "$ROOT" 3>&- &
        pids+=($!)
    done
    for reader in "${pids[@]}"; do wait "$reader"; done
    assert_same_tree "$ROOT/tree" "$MNT/$ID/tree"
}

@test "a damaged member in the middle: EIO for it alone, and its neighbours right" {
    make_files 100
    backup x
    damage "$ARCHIVE" "$(($(member_offset "$ARCHIVE" files/file-00040) + 5))" 3
    mount_backups
    local name failed=
    for name in "$ROOT"/files/*; do
        cmp -s "$name" "$MNT/$ID/files/${name##*/}" || failed+="${name##*/} "
    done
    assert_equal "$failed" "file-00040 "
}

@test "SIGTERM while folders are read through: the daemon ends" {
    make_files 2000
    backup x
    mount_backups
    local reader pids=()
    for reader in {1..3}; do
        (while cat "$MNT/$ID"/files/*; do :; done >/dev/null 2>&1) 3>&- &
        pids+=($!)
    done
    wait_until 10 cmp -s "$ROOT/files/file-00100" "$MNT/$ID/files/file-00100"
    kill -TERM "$DAEMON"
    daemon_ended
    not_mounted
    for reader in "${pids[@]}"; do wait "$reader" || true; done
}

@test "one thread serves alone: nothing is pushed, and all is read" {
    make_files 50
    backup x
    mount_backups -d -s
    diff -r "$ROOT/files" "$MNT/$ID/files"
    assert_equal "$(stores)" 0
}

@test "an archive replaced while its folder is read through: old and new are never mixed" {
    make_files 300
    backup x
    mount_backups
    exec 8<"$MNT/$ID/files"
    cat /dev/fd/8/file-0000? >"$WORK/old"
    sed -i 's/ /_/g' "$ROOT"/files/*
    rm -rf "$WORK/new"
    mkdir "$WORK/new"
    (cd "$ROOT" && zip -qr "$WORK/new/a.zip" files)
    mv "$WORK/new/a.zip" "$ARCHIVE"
    wait_until 3 cmp -s "$ROOT/files/file-00299" "$MNT/$ID/files/file-00299"
    cat /dev/fd/8/file-* >"$WORK/old"
    exec 8<&-
    refute_contains "$(head -c 3000 "$WORK/old")" _
    refute_contains "$(tail -c 3000 "$WORK/old")" _
    cat "$MNT/$ID"/files/* | cmp - <(cat "$ROOT"/files/*)
}
