#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Backups on the other side of a network: what counts is how often the file server is asked, and how
# many requests are under way at once. Answers come so late that the work between two requests does
# not matter, with a sanitizer neither.

load ../lib/mount
load ../lib/remote

# Makes the backup $ID and, of it, as many as make $1 in all.
make_backups()
{
    make_small_tree
    SOURCE_DATE_EPOCH=1743667200 backup x
    python3 - "$ARCHIVE" "$1" <<'END'
import os, sys, time
archive, count = sys.argv[1], int(sys.argv[2])
for number in range(1, count):
    stamp = time.strftime("%Y%m%d_%H%M%S", time.localtime(1743667200 + 60 * number))
    os.link(archive, os.path.join(os.path.dirname(archive), f"egos_backup_auto_y_{stamp}.zip"))
END
}

# Makes a foreign archive of $1 empty files, whose names have 60 bytes; sets ID.
make_large_archive()
{
    mkdir -p "$BACKUPS"
    ID=large
    python3 - "$BACKUPS/$ID.zip" "$1" <<'END'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as out:
    for number in range(int(sys.argv[2])):
        out.writestr(zipfile.ZipInfo(f"{number:060}"), b"")
END
}

@test "1,000 backups are listed by one request to open and one to read each, many at a time" {
    make_backups 1000
    cronos list >"$WORK/near"
    serve_remote -o ro,delay_ms=10
    cronos list >"$WORK/far"
    note_requests
    cmp "$WORK/near" "$WORK/far"
    assert_equal "$(wc -l <"$WORK/far")" 1000
    assert_equal "$(asked list) $(asked open) $(asked read)" "1 1000 1000"
    (($(asked attributes) <= 2)) || fail "$(asked attributes) requests for attributes"
    (($(asked in_flight) >= 6 && $(asked in_flight) <= 16)) || fail "$(asked in_flight) at once"
}

@test "what is looked up in many backups takes one request to read each, many at a time" {
    make_backups 100
    local command
    for command in "versions src/main.c" "find main.c" "list --sizes"; do
        # shellcheck disable=SC2086  # several words
        cronos $command >"$WORK/near"
        serve_remote -o ro,delay_ms=50
        # shellcheck disable=SC2086
        cronos $command >"$WORK/far"
        note_requests
        stop_remote
        cmp "$WORK/near" "$WORK/far"
        if [[ $command == "list --sizes" ]]; then
            assert_equal "$(asked open) $(asked read)" "200 200"
        else
            assert_equal "$(asked open) $(asked read)" "100 100"
        fi
        (($(asked in_flight) >= 6)) || fail "$command: $(asked in_flight) at once"
    done
}

@test "damaged backups far away are told as ever, in the order of the list" {
    make_backups 40
    local name
    for name in "$BACKUPS"/*_auto_y_*[05]00.zip; do
        cp --remove-destination "$ARCHIVE" "$name"
        cut_in_half "$name"
    done
    cronos list >"$WORK/near"
    assert_equal "$(grep -c damaged: "$WORK/near")" 7
    serve_remote -o ro,delay_ms=5
    cronos list | cmp - "$WORK/near"
}

@test "a folder opened: one request to open, one to read; all of it listed: one a link; a file: one" {
    make_backups 2
    serve_remote -o ro
    mount_backups
    ls -l "$MNT" >/dev/null
    note_requests
    ls "$MNT/$ID" >/dev/null
    note_requests
    assert_equal "$(asked open) $(asked read)" "1 1"
    ls -lR "$MNT/$ID" >/dev/null
    note_requests
    # The target of the one symbolic link.
    assert_equal "$(asked attributes) $(asked open) $(asked read)" "0 0 1"
    cmp "$ROOT/src/main.c" "$MNT/$ID/src/main.c"
    note_requests
    assert_equal "$(asked attributes) $(asked open) $(asked read)" "0 0 1"
}

@test "a central directory of some hundred kilobytes takes one more request to read" {
    make_large_archive 3000
    serve_remote -o ro
    mount_backups
    note_requests
    assert_equal "$(find "$MNT/$ID/" -type f | wc -l)" 3000
    note_requests
    assert_equal "$(asked open) $(asked read)" "1 2"
}

@test "a larger one is asked for in pieces, several at a time" {
    make_large_archive 12000
    serve_remote -o ro,delay_ms=20
    mount_backups
    note_requests
    assert_equal "$(find "$MNT/$ID/" -type f | wc -l)" 12000
    note_requests
    (($(asked in_flight) >= 4)) || fail "$(asked in_flight) at once"
}

@test "one file read in a folder of many: nothing is read for nobody" {
    mkdir "$ROOT/files"
    python3 - "$ROOT/files" <<'END'
import os, sys
for number in range(200):
    with open(os.path.join(sys.argv[1], f"{number:03}"), "w") as out:
        out.write(f"{number} " * 100)
END
    backup x
    serve_remote -o ro
    mount_backups
    ls -l "$MNT/$ID/files" >/dev/null
    note_requests
    cmp "$ROOT/files/117" "$MNT/$ID/files/117"
    note_requests
    assert_equal "$(asked open) $(asked read)" "0 1"
}

@test "backups are made, verified, restored and removed where rename can not refuse to replace" {
    make_small_tree
    serve_remote
    SOURCE_DATE_EPOCH=1743667200 backup x
    SOURCE_DATE_EPOCH=1743667200 backup x
    assert_files "$SERVED" egos_backup_manual_x_20250403_10000{0,1}.zip
    note_requests
    (($(asked sync) >= 4)) || fail "$(asked sync) requests to sync, for two backups"
    cronos -q verify --all
    mount_backups
    diff -r --no-dereference "$ROOT/src" "$MNT/latest/src"
    unmount_backups
    cronos -q restore latest --to "$WORK/out"
    assert_same_tree "$ROOT/src" "$WORK/out/src"
    cronos -q restore latest
    assert_same_tree "$ROOT/src" "$(echo "$SERVED"/restores/*/src)"
    cronos -q clean --max-backups 1
    assert_files "$SERVED" egos_backup_manual_x_20250403_100001.zip restores
}
