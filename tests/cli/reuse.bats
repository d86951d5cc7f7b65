#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Reuse: a later backup takes over what has not changed, never anything stale or damaged, and is the
# same archive, byte for byte, that compressing everything again would give.

load ../lib/common

setup()
{
    make_workspace
    make_small_tree
    seq 400000 >numbers
    head -c 2500000 /dev/urandom >noise
    settle
}

# The value "$2" of the next backup's JSON result; further arguments go to create.
create_json()
{
    local expression=$1
    shift
    json "$(cronos -q create "${@:-x}" --json)" "$expression"
}

reused_of_next()
{
    create_json 'j["reused_members"]' "$@"
}

# The backup made next, with reuse, has the very bytes of one made without.
assert_same_as_full()
{
    SOURCE_DATE_EPOCH=1743667200 backup same "$@"
    mv "$ARCHIVE" "$WORK/reused.zip"
    SOURCE_DATE_EPOCH=1743667200 backup same --full "$@"
    cmp "$ARCHIVE" "$WORK/reused.zip"
    unzip -tqq "$ARCHIVE"
    check-sozip "$ARCHIVE"
    rm "$ARCHIVE" "$WORK/reused.zip"
}

# The newest backup holds what the root holds now.
assert_holds_root()
{
    rm -rf "$WORK/out"
    cronos -q restore latest --to "$WORK/out" >/dev/null
    assert_same_tree "$ROOT" "$WORK/out" --skip backups --skip logs
}

@test "an unchanged tree is taken over whole, and the bytes are those of a full backup" {
    backup base
    assert_same_as_full
    assert_same_as_full -j 1
    assert_same_as_full -j 8
    run -0 reused_of_next
    assert_equal "$output" 6
    assert_holds_root
}

@test "an awkward tree with a few changes: the bytes are those of a full backup" {
    gen-tree "$ROOT/awkward"
    settle
    backup base
    echo more >>a.txt
    rm src/main.c
    mkdir new
    mv src/deep new/moved
    seq 5 100000 >numbers
    assert_same_as_full
}

@test "backups of backups: a chain of reuse loses nothing" {
    local turn
    for turn in 1 2 3 4; do
        echo "$turn" >a.txt
        backup "chain$turn"
    done
    run -0 cronos -q verify --all
    assert_holds_root
    assert_same_as_full
}

@test "unchanged files are not even opened" {
    backup base
    # LeakSanitizer can not work beside strace.
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace -f -qq -e trace=open,openat,openat2 \
        -o "$WORK/trace" cronos -q create x >/dev/null
    run -1 grep -E 'a\.txt|numbers|noise|long\.txt|main\.c' "$WORK/trace"
}

@test "a change of content alone, size and mtime kept, is seen" {
    backup base
    touch -r a.txt "$WORK/stamp"
    touch -r numbers "$WORK/stamp2"
    printf 'First Version\n' >a.txt
    printf 'x' | dd of=numbers bs=1 seek=1000000 conv=notrunc status=none
    touch -r "$WORK/stamp" a.txt
    touch -r "$WORK/stamp2" numbers
    backup x
    assert_holds_root
    assert_equal "$(unzip -p "$ARCHIVE" a.txt)" "First Version"
}

@test "a file replaced by another of the same size and time is seen" {
    backup base
    printf 'First Version\n' >other
    touch -r a.txt other
    mv other a.txt
    backup x
    assert_equal "$(unzip -p "$ARCHIVE" a.txt)" "First Version"
}

@test "two files swapped are seen, and so are files of the same time" {
    printf 'First Version\n' >b.txt
    touch -d "2020-01-01 00:00:00" a.txt b.txt
    settle
    backup base
    mv a.txt c.txt
    mv b.txt a.txt
    mv c.txt b.txt
    backup x
    assert_equal "$(unzip -p "$ARCHIVE" a.txt)" "First Version"
    assert_equal "$(unzip -p "$ARCHIVE" b.txt)" "first version"
}

@test "an old mtime that was put back does not hide a change" {
    touch -d "2020-01-01 00:00:00" a.txt
    settle
    backup base
    printf 'First Version\n' >a.txt
    touch -d "2020-01-01 00:00:00" a.txt
    backup x
    assert_equal "$(unzip -p "$ARCHIVE" a.txt)" "First Version"
}

@test "what changed in the second that the backup began in is read again" {
    local second
    second=$(stat -c %Z a.txt)
    SOURCE_DATE_EPOCH=$second backup base
    run -0 reused_of_next
    assert_equal "$output" 0
    backup base
    run -0 reused_of_next
    assert_equal "$output" 6
}

@test "files written over again and again while backups are made are never stale" {
    local turn
    for turn in {10..39}; do
        printf '%s\n' "$turn" >a.txt
        touch -d "2020-01-01 00:00:00" a.txt
        backup x
        assert_equal "$(unzip -p "$ARCHIVE" a.txt)" "$turn"
    done
}

@test "--full, another level, another root: nothing is taken over" {
    backup base
    run -0 reused_of_next x --full
    assert_equal "$output" 0
    run -0 reused_of_next x -l 6
    assert_equal "$output" 0
    run -0 reused_of_next x -l 6
    assert_equal "$output" 6
    run -0 reused_of_next x
    assert_equal "$output" 6
    cp -a "$ROOT" "$WORK/elsewhere"
    cd "$WORK/elsewhere"
    run -0 reused_of_next
    assert_equal "$output" 0
}

@test "a backup of any type and of other patterns is taken from" {
    backup base -t nightly -i numbers -i '*.c'
    run -0 reused_of_next
    assert_equal "$output" 2
    assert_holds_root
}

@test "archives of other origin are not taken from, whatever they are called" {
    backup base
    local target=$BACKUPS/egos_backup_manual_zip_20990101_000000.zip
    unzip -p "$ARCHIVE" backup_metadata.json >"$WORK/comment"
    zip -qr -z "$target" a.txt numbers <"$WORK/comment"
    rm "$ARCHIVE"
    run -0 reused_of_next
    assert_equal "$output" 0
}

@test "a damaged member of the earlier backup is compressed afresh, and named" {
    backup base
    damage "$ARCHIVE" $(($(member_offset "$ARCHIVE" src/deep/long.txt) + 20)) 4
    run --separate-stderr -0 cronos create x
    assert_contains "$stderr" "src/deep/long.txt"
    assert_contains "$stderr" "$ARCHIVE_NAME"
    refute_contains "$stderr" a.txt
    run -0 cronos -q verify latest
    run -0 create_json 'j["damaged"]'
    assert_equal "$output" "[]"
}

@test "damage in large members, compressed or stored, or in an index: the same" {
    backup base
    local base=$ARCHIVE member at
    cp "$base" "$WORK/good.zip"
    for member in numbers noise; do
        for at in 10 300000; do
            cp "$WORK/good.zip" "$base"
            damage "$base" $(($(member_offset "$base" "$member") + at)) 4
            run -0 create_json 'j["damaged"]'
            assert_contains "$output" " $member: "
            run -0 cronos -q verify latest
            rm "$BACKUPS"/egos_backup_manual_x_*
            run -0 reused_of_next
            assert_equal "$output" 5
            rm "$BACKUPS"/egos_backup_manual_x_*
            assert_same_as_full
        done
    done
    cp "$WORK/good.zip" "$base"
    at=$(grep -abo 'numbers.sozip.idx' "$base" | head -n 1 | cut -d : -f 1)
    damage "$base" $((at + 80)) 4
    run -0 create_json 'j["damaged"]'
    assert_contains "$output" "numbers: seek index: "
    rm "$BACKUPS"/egos_backup_manual_x_*
    assert_same_as_full
}

@test "an earlier backup cut in half is passed over, and the one before it is taken from" {
    backup base
    local older
    older=$(backdate 1)
    cut_in_half "$ARCHIVE"
    run --separate-stderr -0 cronos -v create x
    assert_contains "$stderr" "$ARCHIVE_NAME"
    assert_contains "$stderr" "6 members"
    [[ -f $BACKUPS/$older ]]
    assert_holds_root
}

@test "--if-changed makes no backup of what the newest one holds, and names it" {
    backup base
    run --separate-stderr -0 cronos create x --if-changed
    assert_equal "$output" "$ARCHIVE"
    assert_contains "$stderr" "nothing has changed since $ARCHIVE_NAME"
    assert_files "$BACKUPS" "$ARCHIVE_NAME"
    run -0 create_json 'j["unchanged"], j["file_name"], j["files"]' x --if-changed
    assert_equal "$output" "[true, \"$ARCHIVE_NAME\", 6]"
    run -0 create_json 'j["unchanged"], j["dry_run"]' x --if-changed --dry-run
    assert_equal "$output" "[true, true]"
    touch newer && rm newer
    run -0 create_json 'j["unchanged"]' x --if-changed
    assert_equal "$output" true
    assert_files "$BACKUPS" "$ARCHIVE_NAME"
}

# Changes something by "$@"; then --if-changed must make a backup, and, once all has settled, none.
assert_change_is_seen()
{
    "$@"
    settle
    run -0 create_json 'j["unchanged"]' x --if-changed --dry-run
    assert_equal "$output" false
    run -0 create_json 'j["unchanged"]' x --if-changed
    assert_equal "$output" false
    run -0 create_json 'j["unchanged"]' x --if-changed
    assert_equal "$output" true
}

@test "--if-changed sees every kind of change" {
    run -0 create_json 'j["unchanged"]' x --if-changed --dry-run
    assert_equal "$output" false
    [[ ! -e $BACKUPS ]]
    backup base
    assert_change_is_seen touch a.txt
    assert_change_is_seen chmod 600 a.txt
    assert_change_is_seen chmod 700 src
    assert_change_is_seen rm src/main.c
    assert_change_is_seen mkdir another
    assert_change_is_seen rmdir another
    assert_change_is_seen ln -sfn a.txt link
    assert_change_is_seen mv a.txt b.txt
    assert_change_is_seen touch backup_metadata.json
    assert_change_is_seen rm backup_metadata.json
    run -0 create_json 'j["unchanged"]' x --if-changed -e numbers
    assert_equal "$output" false
    run -0 create_json 'j["unchanged"]' x --if-changed
    assert_equal "$output" false
}

@test "--if-changed makes a backup where the newest one is damaged" {
    backup base
    cut_in_half "$ARCHIVE"
    run -0 create_json 'j["unchanged"]' x --if-changed
    assert_equal "$output" false
    run -0 cronos -q verify latest
}
