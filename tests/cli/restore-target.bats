#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# restore into targets that others, or odd file systems, have a hand in.

load ../lib/common
load ../lib/mount
load ../lib/remote

# setup is that of mount.bash.
teardown()
{
    local status=0
    [[ -z ${PID:-} ]] || kill -KILL "$PID" 2>/dev/null || true
    BACKUPS=$FAR stop_remote || status=1
    remove_workspace
    return $status
}

# Has $FAR served by remote-fs (arguments: its options).
serve_far()
{
    FAR=$WORK/far
    BACKUPS=$FAR serve_remote "$@"
}

# Restores over the project until the fault point "$1", where it stands still as process PID.
stop_at()
{
    CRONOS_FAULT=$1@1:stop cronos -q restore "$ID" --strategy overwrite -y --no-restore-point \
        >"$WORK/output" 2>&1 3>&- &
    PID=$!
    wait_until 20 is_stopped "$PID"
}

is_stopped()
{
    [[ $(</proc/"$1"/stat) == *') T '* ]]
}

go_on()
{
    local status=0
    kill -CONT "$PID"
    wait "$PID" || status=$?
    PID=
    return $status
}

# The owner of a new link was set by its name: who may write in the folder could have put another
# file there, and was given it.
@test "root gives away no file that was put in the place of a new link" {
    mkdir theirs
    ln -s nowhere theirs/link
    give_to_user theirs
    backup x
    ln -sfn elsewhere theirs/link
    echo secret >"$WORK/secret"
    touch -d '2001-02-03 04:05:06' "$WORK/secret"
    stop_at restore-after-symlink
    local new
    new=$(find theirs -name '.cronos-restore-*')
    mv "$new" "$WORK/aside"
    ln "$WORK/secret" "$new"
    go_on
    assert_equal "$(stat -c '%u %Y' "$WORK/secret")" "$EUID $(date -d '2001-02-03 04:05:06' +%s)"
    assert_equal "$(readlink theirs/link)" nowhere
}

# Of README and readme, which are one file there, the one restored last took the other's place, and
# nobody was told.
@test "where upper and lower case are one, no member takes another one's place in silence" {
    serve_far -o fold
    mkdir D d
    echo of D >D/x
    echo of d >d/x
    echo upper >README
    echo lower >readme
    backup x
    mkdir "$FAR/over" "$FAR/over/D"
    local time
    for time in first second; do
        run --separate-stderr -3 cronos restore "$ID" --strategy overwrite -y --to "$FAR/over"
        assert_contains "$stderr" "readme: another member of the backup has this name here"
        assert_contains "$stderr" "d: another member of the backup has this name here"
        assert_equal "$(cat "$FAR/over/README" "$FAR/over/D/x")" "upper
of D"
        [[ $time == second ]] || echo changed >"$FAR/over/readme"
    done
    run -137 env CRONOS_FAULT=restore-after-write@2 cronos -q restore "$ID" --to "$FAR/new"
    run --separate-stderr -3 cronos restore "$ID" --to "$FAR/new"
    assert_contains "$stderr" "readme: another member of the backup has this name here"
    assert_contains "$stderr" "d: another member of the backup has this name here"
    assert_equal "$(cat "$FAR/new/README" "$FAR/new/D/x")" "upper
of D"
    run --separate-stderr -3 cronos restore "$ID" --to "$FAR/at-once"
    assert_contains "$stderr" "another member of the backup has this name here"
    assert_files "$FAR/at-once" d readme
}

# They were opened so that files could be replaced in them, and a restore that failed left them so.
# Files were deleted before that, which their modes forbade.
@test "folders that their owner may not write: replaced and deleted in, and closed again" {
    mkdir closed
    echo one >closed/file
    chmod 555 closed
    backup x
    chmod 755 closed
    echo two >closed/file
    mkdir -p extra/.git extra-closed
    touch closed/extra extra/extra extra-closed/file
    chmod 555 closed extra extra-closed
    give_to_user "$ROOT"
    run --separate-stderr as_user env CRONOS_FAULT=restore-before-write:enospc \
        cronos -q restore "$ID" --strategy overwrite -y --no-restore-point
    assert_equal "$status" 1
    assert_equal "$(stat -c %a closed)" 555
    run -0 as_user cronos -q restore "$ID" --strategy overwrite -y --no-restore-point --delete
    assert_equal "$(cat closed/file)" one
    assert_files closed file
    assert_files extra .git
    [[ ! -e extra-closed ]]
    assert_equal "$(stat -c %a closed extra)" "555
555"
}

# Files whose modes the file system would not take were removed again, bytes and all.
@test "where modes can not be set, the files are restored, and named" {
    serve_far -o owner=1234
    make_small_tree
    backup x
    mkdir "$FAR/over"
    run --separate-stderr -3 cronos restore "$ID" --strategy overwrite -y --to "$FAR/over"
    assert_contains "$stderr" "a.txt: its mode and time cannot be set: Operation not permitted"
    diff -r --no-dereference --exclude=backups --exclude=logs "$ROOT" "$FAR/over"
    assert_equal "$(stat -c %Y "$FAR/over/a.txt")" "$(stat -c %Y a.txt)"
}

# A new place was refused there: the hidden folder it is unpacked in did not look like ours.
@test "a new place where the file system says whose everything is" {
    serve_far -o owner=1234
    make_small_tree
    backup x
    run --separate-stderr -3 cronos restore "$ID" --to "$FAR/new"
    diff -r --no-dereference --exclude=backups --exclude=logs "$ROOT" "$FAR/new"
    assert_files "$FAR" new
}

# One path on it ended the restore half way.
@test "what is mounted read-only in the target fails alone" {
    mkdir mounted
    echo one >a
    echo one >mounted/b
    echo one >z
    backup x
    echo two | tee a mounted/b z >/dev/null
    ln -s target mounted/link
    FAR=$ROOT/mounted
    BACKUPS=$FAR serve_remote -o ro
    run --separate-stderr -3 cronos -q restore "$ID" --strategy overwrite -y --no-restore-point \
        --delete
    assert_contains "$stderr" "mounted/b: "
    assert_contains "$stderr" "mounted/link: "
    assert_equal "$(cat a mounted/b z)" "one
two
one"
}

# Root took new files for its own group's, whatever the mount says, and left those of that group alone.
@test "groups are restored where new files have that of their folder" {
    serve_far -o group=1234
    make_small_tree
    backup x
    run -0 cronos -q restore "$ID" --to "$FAR/new"
    run -0 find "$FAR/new" -mindepth 1 -group 1234
    assert_equal "$output" ""
    assert_same_tree "$ROOT" "$FAR/new" --skip backups --skip logs
}
