#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A restore to a new place that was killed: the next one goes on from there, or clears it away.

load ../lib/common

setup()
{
    make_workspace
    make_small_tree
    mkdir locked
    echo inside >locked/file
    chmod 555 locked
    seq 400000 >numbers
    head -c 3000000 /dev/urandom >noise
    backup x
}

# Kills a restore to $WORK/out (or "$2"...) at passage $1 of the point after each written file; sets
# HIDDEN to the folder that it leaves.
killed_restore()
{
    local passage=$1 status=0
    shift
    CRONOS_FAULT=restore-after-write@$passage \
        cronos -q restore "$ID" "${@:---to=$WORK/out}" >/dev/null 2>&1 || status=$?
    assert_equal "$status" 137
    [[ ! -e $WORK/out || -z $(find "$WORK/out" -maxdepth 1 -type f) ]]
    find_hidden
}

find_hidden()
{
    HIDDEN=$(find "$WORK" -name '.cronos-restore-*')
    [[ -d $HIDDEN ]] || fail "not one folder is left: $HIDDEN"
}

assert_restored()
{
    assert_same_tree "$ROOT" "$WORK/out" --skip backups --skip logs
    HIDDEN=$(find "$WORK" -name '.cronos-restore-*')
    assert_equal "$HIDDEN" ""
}

@test "the same restore goes on: what is there stays, the result is the same" {
    killed_restore 5
    local files one inode
    files=$(find "$HIDDEN" -type f | wc -l)
    ((files >= 4))
    one=$(cd "$HIDDEN" && find . -type f -newermt 1980-01-01 | sort | head -n 1)
    inode=$(stat -c %i "$HIDDEN/$one")
    run --separate-stderr -0 cronos restore "$ID" --to "$WORK/out" --json
    (($(json "$output" 'j["unchanged"]') >= 4))
    assert_equal "$(stat -c %i "$WORK/out/$one")" "$inode"
    assert_restored
}

@test "killed again and again, it comes to its end" {
    local passage
    for passage in 1 2 1 2; do
        killed_restore "$passage"
    done
    run -0 cronos -q restore "$ID" --to "$WORK/out"
    assert_restored
}

@test "what is half written, or has the right size and time alone, is made anew" {
    killed_restore 6
    : >"$HIDDEN/numbers"
    rm -f "$HIDDEN/noise"
    head -c 3000000 /dev/zero >"$HIDDEN/noise"
    touch -r noise "$HIDDEN/noise"
    run -0 cronos -q restore "$ID" --to "$WORK/out"
    assert_restored
}

@test "another restore to the same place begins afresh" {
    killed_restore 5
    echo "not of the other backup" >"$HIDDEN/extra"
    echo "second version" >a.txt
    backup y
    run -0 cronos -q restore "$ID" --to "$WORK/out"
    assert_restored
    rm -r "$WORK/out"
    killed_restore 5
    run -0 cronos -q restore "$ID" a.txt --to "$WORK/out"
    assert_files "$WORK/out" a.txt
    rm -r "$WORK/out"
    killed_restore 5
    run -0 cronos -q restore "$ID" --to "$WORK/out" --keep-going
    assert_restored
}

# The paths were strung together by slashes, so that these two were one restore.
@test "a restore of other paths begins afresh, however they are typed" {
    mkdir -p part/whole whole
    echo part >part/whole/file
    echo more >part/more
    echo whole >whole/file
    backup parts
    killed_restore 3 --to="$WORK/out" part whole
    run -0 cronos -q restore "$ID" --to "$WORK/out" part//whole
    assert_files "$WORK/out" part
    assert_files "$WORK/out/part" whole
}

@test "a restore to another place leaves it alone" {
    killed_restore 5
    local before=$HIDDEN
    run -0 cronos -q restore "$ID" --to "$WORK/elsewhere"
    find_hidden
    assert_equal "$HIDDEN" "$before"
    assert_same_tree "$ROOT" "$WORK/elsewhere" --skip backups --skip logs
}

@test "one that is still at work is not disturbed" {
    killed_restore 5
    exec 9<"$HIDDEN"
    flock 9
    run --separate-stderr -1 cronos restore "$ID" --to "$WORK/out"
    assert_error_line "another restore"
    [[ -d $HIDDEN ]]
    exec 9<&-
    run -0 cronos -q restore "$ID" --to "$WORK/out"
    assert_restored
}

@test "the default place, also of a foreign archive" {
    killed_restore 5 --strategy=new_location
    assert_contains "$HIDDEN" "$BACKUPS/restores/"
    run --separate-stderr -0 cronos -q restore "$ID"
    assert_same_tree "$ROOT" "$output" --skip backups --skip logs
    assert_no_leftovers "$BACKUPS/restores"
    mv "$ARCHIVE" "$BACKUPS/foreign.zip"
    ID=foreign
    killed_restore 5 --strategy=new_location
    run --separate-stderr -0 cronos -q restore foreign
    assert_same_tree "$ROOT" "$output" --skip backups --skip logs
    assert_no_leftovers "$BACKUPS/restores"
}

@test "in the current directory, which can not be replaced" {
    mkdir "$WORK/out"
    cd "$WORK/out"
    killed_restore 5 --to=. -C "$ROOT"
    assert_contains "$HIDDEN" "$WORK/out/"
    cd "$ROOT"
    run -0 cronos -q restore "$ID" --to "$WORK/out"
    assert_restored
}

@test "a folder that others can write in is never taken over" {
    killed_restore 5
    chmod 777 "$HIDDEN"
    ln -s / "$HIDDEN/way-out"
    run -0 cronos -q restore "$ID" --to "$WORK/out"
    assert_same_tree "$ROOT" "$WORK/out" --skip backups --skip logs
    [[ -L $HIDDEN/way-out ]]
}
