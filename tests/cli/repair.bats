#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# verify --repair-to: what is whole in a damaged archive, into a new one.

load ../lib/common
load ../lib/foreign

setup()
{
    make_workspace
    NEW=$WORK/new.zip
}

# A tree of all kinds, with awkward names and a file that is larger than a chunk, and its backup.
make_backup()
{
    make_small_tree
    echo odd >$'tab\tname'
    echo bytes >$'not-\xff-utf8'
    chmod 750 src/main.c
    chmod 700 empty-folder
    head -c 1500000 /dev/urandom | base64 >large.txt
    touch -d @1700000000.123456789 a.txt src
    backup x
}

# Prints where the central directory of the archive $1 begins, and how long it is.
directory_range()
{
    unzip -Zv "$1" | awk '
        /bytes long,$/ { for (i = 1; i < NF; i++) if ($i == "is") bytes = $(i + 1) }
        /^ *is [0-9]+ \(/ { print $2, bytes; exit }'
}

zero_directory()
{
    local start length
    read -r start length < <(directory_range "$1")
    head -c "$length" /dev/zero |
        dd of="$1" bs=64K seek="$start" oflag=seek_bytes conv=notrunc status=none
}

# repair STATUS [ARGUMENT...]: what comes of it is whole, and the old archive as it was.
repair()
{
    local wanted=$1 before
    shift
    before=$(sha256sum <"$ARCHIVE")
    rm -f "$NEW"
    run --separate-stderr -"$wanted" cronos verify --repair-to "$NEW" "$@"
    assert_equal "$output" "$NEW"
    assert_equal "$(sha256sum <"$ARCHIVE")" "$before"
    assert_no_leftovers "$WORK"
    unzip -tqq "$NEW"
    cp "$NEW" "$BACKUPS/repaired.zip"
    cronos -q verify repaired
}

# The new archive pleases everybody, and has each name once.
assert_sound()
{
    python3 -c 'import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    assert archive.testzip() is None
    names = archive.namelist()
    assert len(names) == len(set(names)) > 0' "$NEW"
    7z t -bso0 -bsp0 "$NEW"
    bsdtar -xOf "$NEW" >"$WORK/all"
}

# Every file in $WORK/out is what it is in the tree "$1"; none is missing, if "$2" is "all".
assert_same_files()
{
    local differences
    differences=$(diff -rq --no-dereference -x backups -x logs "$1" "$WORK/out" |
        if [[ ${2:-} == all ]]; then cat; else sed "\\,^Only in $1[:/],d"; fi)
    [[ -z $differences ]] || fail "$differences"
    [[ -n $(ls "$WORK/out") ]]
}

# Restores the new archive to $WORK/out.
restore_new()
{
    rm -rf "$WORK/out"
    cronos -q restore repaired --to "$WORK/out"
}

@test "a whole archive: a copy with all that is in it" {
    make_backup
    repair 0 "$ID"
    assert_contains "$stderr" salvaged
    restore_new
    assert_same_tree "$ROOT" "$WORK/out" --skip backups --skip logs
    assert_equal "$(unzip -Z1 "$NEW" | sort)" "$(unzip -Z1 "$ARCHIVE" | sort)"
    assert_equal "$(json "$(unzip -z "$NEW" | tail -n +2)" \
        '[j["cronos"].pop("salvaged"), j["cronos"].pop("seal") and j]')" \
        "$(json "$(unzip -z "$ARCHIVE" | tail -n +2)" '[True, j["cronos"].pop("seal") and j]')"
    check-sozip --least 1 "$NEW"
    assert_sound
    # The latest one is the default.
    repair 0
}

@test "cut in half: what lies before the cut, the rest is told of" {
    make_backup
    cut_in_half "$ARCHIVE"
    run -1 cronos verify "$ID"
    repair 3 "$ID"
    assert_contains "$stderr" "the file ends before the member does"
    assert_contains "$stderr" "more members nothing is left"
    restore_new
    # Modes and links are gone with the directory; names and bytes are not.
    rm -f link "$WORK/out/link"
    assert_same_files "$ROOT"
    assert_sound
    assert_contains "$stderr" 0644
}

@test "the central directory zeroed: every member is found" {
    make_backup
    zero_directory "$ARCHIVE"
    repair 0 "$ID"
    assert_contains "$stderr" "without a central header"
    restore_new
    assert_equal "$(cat "$WORK/out/link")" src/main.c
    rm link "$WORK/out/link"
    assert_same_files "$ROOT" all
    assert_equal "$(stat -c %Y "$WORK/out/a.txt")" 1700000000
    # What is larger than a chunk can still be read from anywhere.
    check-sozip --least 1 "$NEW"
    assert_sound
}

@test "the end record cut off: the directory is found without it" {
    make_backup
    truncate -s -30 "$ARCHIVE"
    run -1 cronos verify "$ID"
    assert_contains "$output" --repair-to
    repair 0 "$ID"
    restore_new
    assert_same_files "$ROOT" all
    assert_equal "$(stat -c %a "$WORK/out/src/main.c")" 750
}

@test "one member's bytes flipped: it is lost, and named, also in JSON and in the log" {
    make_backup
    damage "$ARCHIVE" "$(($(member_offset "$ARCHIVE" large.txt) + 100000))" 3
    repair 3 "$ID"
    assert_contains "$stderr" large.txt
    assert_equal "$(grep -c large.txt <<<"$stderr")" 1
    grep -q "not salvaged: large.txt" logs/egos_system.log
    restore_new
    rm large.txt
    assert_same_files "$ROOT" all
    rm "$NEW"
    run --separate-stderr -3 cronos -q verify --repair-to "$NEW" --json
    assert_equal "$(json "$output" '[j["path"], j["salvaged"], len(j["lost"]), j["lost"][0][:11],
        j["complete"], j["uncertain"], j["unnamed_lost"]]')" \
        "[\"$NEW\", $(unzip -Z1 "$NEW" | wc -l), 1, \"large.txt: \", false, false, 0]"
}

@test "a member's seek index flipped: the member is whole without it" {
    make_backup
    damage "$ARCHIVE" "$(($(LC_ALL=C grep -abo '\.large\.txt\.sozip\.idx' "$ARCHIVE" |
        head -n 1 | cut -d : -f 1) + 60))" 3
    repair 0 "$ID"
    assert_contains "$stderr" "left without its seek index"
    restore_new
    cmp large.txt "$WORK/out/large.txt"
}

@test "a part of the file lost: members behind it keep their modes and times" {
    local at
    make_backup
    at=$(($(member_offset "$ARCHIVE" large.txt) + 100000))
    { head -c "$at" "$ARCHIVE" && tail -c +$((at + 4097)) "$ARCHIVE"; } >"$WORK/shorter.zip"
    mv "$WORK/shorter.zip" "$ARCHIVE"
    repair 3 "$ID"
    assert_contains "$stderr" large.txt
    restore_new
    assert_same_tree "$ROOT" "$WORK/out" --skip backups --skip logs --skip large.txt
}

@test "archives of other tools: whole, without a directory, cut in half" {
    local tool
    mkdir -p "$BACKUPS" "$WORK/source/folder/empty"
    cd "$WORK/source"
    seq 20000 >folder/numbers
    echo words >folder/words
    chmod 750 folder/words
    head -c 30000 /dev/urandom >noise
    cd "$ROOT"
    for tool in zip 7z bsdtar python zip-stream; do
        ARCHIVE=$BACKUPS/$tool.zip
        if [[ $tool == zip-stream ]]; then
            (cd "$WORK/source" && zip -qr - . | cat) >"$ARCHIVE"
        else
            (cd "$WORK/source" && pack_with "$tool" "$ARCHIVE")
        fi
        repair 0 "$tool"
        restore_new
        assert_same_files "$WORK/source" all
        assert_equal "$(stat -c %a "$WORK/out/folder/words")" 750
        zero_directory "$ARCHIVE"
        repair 0 "$tool"
        restore_new
        assert_same_files "$WORK/source" all
        [[ $tool == 7z ]] || continue
        cut_in_half "$ARCHIVE"
        repair 3 "$tool"
        restore_new
        assert_same_files "$WORK/source"
    done
}

@test "an archive within the archive is not taken apart" {
    mkdir inner
    echo inner >inner/deep.txt
    (cd inner && zip -qr0 ../inner.zip .)
    rm -r inner
    zip -q0 outer.zip inner.zip
    echo text >z.txt
    backup x -l 0
    zero_directory "$ARCHIVE"
    repair 0 "$ID"
    assert_equal "$(unzip -Z1 "$NEW" | sort | paste -sd ' ')" \
        "backup_metadata.json inner.zip outer.zip z.txt"
}

@test "nothing to be salvaged: status 1, and no archive" {
    make_small_tree
    backup x
    seq 10000 >"$ARCHIVE"
    run --separate-stderr -1 cronos verify --repair-to "$NEW" "$ID"
    assert_error_line "nothing could be salvaged"
    assert_equal "$output" ""
    [[ ! -e $NEW ]]
    run --separate-stderr -1 cronos verify --repair-to "$NEW" "$ID" --json
    assert_equal "$(json "$output" 'j["path"]')" null
    assert_no_leftovers "$WORK"
}

@test "never onto something that is there, least of all the archive itself" {
    make_small_tree
    backup x
    echo mine >"$NEW"
    run --separate-stderr -1 cronos verify --repair-to "$NEW"
    assert_error_line "exists already"
    assert_equal "$(cat "$NEW")" mine
    run --separate-stderr -1 cronos verify --repair-to "$ARCHIVE"
    assert_error_line "itself"
    run --separate-stderr -1 cronos verify --repair-to "$WORK/no/such/new.zip"
    assert_error_line "no such file"
    run --separate-stderr -1 cronos verify --repair-to "$WORK/other.zip" nonesuch
    [[ ! -e $WORK/other.zip ]]
    cronos -q verify
}

@test "into the backup directory itself, and relative to where one stands" {
    make_small_tree
    backup x
    run --separate-stderr -0 cronos verify --repair-to backups/repaired.zip "$ID"
    assert_equal "$output" "$BACKUPS/repaired.zip"
    run -0 cronos -q verify repaired
    cd src
    run --separate-stderr -0 cronos -C "$ROOT" verify --repair-to here.zip "$ID"
    assert_equal "$output" "$ROOT/src/here.zip"
    assert_no_leftovers
}

@test "--repair-to takes one ID, and goes with no other way to verify" {
    make_small_tree
    backup x
    run --separate-stderr -2 cronos verify --repair-to "$NEW" --all
    run --separate-stderr -2 cronos verify --repair-to "$NEW" --sample 5%
    run --separate-stderr -2 cronos verify --repair-to "$NEW" --against-source
    run --separate-stderr -2 cronos verify --repair-to "$NEW" "$ID" latest
    run --separate-stderr -2 cronos verify --repair-to ""
    run --separate-stderr -2 cronos verify --repair-to
    [[ ! -e $NEW ]]
}

@test "only ZIP archives" {
    mkdir -p "$BACKUPS"
    make_small_tree
    tar -cf "$BACKUPS/old.tar" a.txt
    run --separate-stderr -1 cronos verify --repair-to "$NEW" old
    assert_error_line "only ZIP"
    truncate -s 520 "$BACKUPS/old.tar"
    run -1 cronos verify old
    refute_contains "$output" --repair-to
    [[ ! -e $NEW ]]
}

@test "a kill or a full disk leaves no half of an archive" {
    local fault
    make_small_tree
    backup x
    for fault in after-create before-sync before-rename; do
        run -137 env CRONOS_FAULT=$fault cronos -q verify --repair-to "$NEW"
        [[ ! -e $NEW ]]
        run --separate-stderr -1 env CRONOS_FAULT=$fault:enospc cronos -q verify --repair-to "$NEW"
        [[ ! -e $NEW ]]
    done
    repair 0 "$ID"
}

@test "more lost members than a log has room for: all named, ten thousand logged" {
    mkdir -p "$BACKUPS"
    python3 - "$BACKUPS/false.zip" <<'END'
import struct, sys
with open(sys.argv[1], "wb") as file:
    for number in range(10007):
        name = b"%d" % number
        file.write(struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 0, 1, 4, 4, len(name), 0)
                   + name + b"data")
END
    run --separate-stderr -1 cronos -q verify --repair-to "$NEW" false --json
    assert_equal "$(grep -c "checksum mismatch" <<<"$output")" 10007
    assert_equal "$(grep -c "member not salvaged: " logs/egos_system.log)" 10000
    grep -q "and 7 more members not salvaged" logs/egos_system.log
}
