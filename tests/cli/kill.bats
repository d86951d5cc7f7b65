#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# kill -9 during create: whatever bears a backup's name is whole, the older ones are untouched,
# and the next create clears what was left.

load ../lib/common

setup()
{
    make_workspace
    make_small_tree
    backup before
    BEFORE=$ARCHIVE_NAME
    BEFORE_SUM=$(sha256sum <"$ARCHIVE")
    # Hexadecimal noise shrinks to half, at a pace that leaves time to strike on the way.
    mkdir noise
    python3 - <<'END'
import os
for number in range(1, 25):
    with open("noise/%d" % number, "w") as out:
        out.write(os.urandom(1000000).hex())
END
}

# Every file with a backup's name is whole; the one from before is as it was.
assert_whole()
{
    local file
    for file in "$BACKUPS"/egos_backup_*.zip; do
        unzip -tqq "$file" || fail "not whole: $file"
    done
    assert_equal "$(sha256sum <"$BACKUPS/$BEFORE")" "$BEFORE_SUM"
}

# The temporary has at least $1 bytes, or there is nothing to wait for any more.
temporary_has_or_gone()
{
    local files
    kill -0 "$CREATE" || return 0
    files=("$BACKUPS"/.cronos-*.tmp)
    [[ -e ${files[0]} ]] && (($(stat -c %s "${files[0]}") >= $1))
}

# Runs "$4"... under strace, which strikes at passage $3 through the calls $1 by $2.
struck()
{
    local calls=$1 blow=$2 passage=$3
    shift 3
    # LeakSanitizer, where it is built in, can not work under strace.
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace -f -qq -o /dev/null \
        -e trace="$calls" -e inject="$calls:$blow:when=$passage" "$@" 3>&-
}

@test "kill -9 at 20 points spread over the archive's growth" {
    local full point killed=0
    backup full -j 1
    full=$(stat -c %s "$ARCHIVE")
    rm "$ARCHIVE"
    for point in {0..19}; do
        cronos -q create x -j 1 >/dev/null 2>&1 3>&- &
        CREATE=$!
        wait_until 60 temporary_has_or_gone $((full * point / 20))
        kill -KILL "$CREATE" || true
        local status=0
        wait "$CREATE" || status=$?
        ((status != 137)) || killed=$((killed + 1))
        assert_whole
        rm -f "$BACKUPS"/egos_backup_manual_x_*
    done
    # Most of the points must have hit a create at work, or this test would show nothing.
    ((killed >= 15)) || fail "only $killed creates were killed at work"
    backup after -e noise
    assert_no_leftovers
    assert_whole
    assert_files "$BACKUPS" "$BEFORE" "$ARCHIVE_NAME"
}

@test "kill -9 at each call that makes the archive durable or gives it its name" {
    rm -r noise
    local call number status struck=0
    for call in flock fsync fdatasync syncfs pwrite64 ftruncate renameat2; do
        for number in 1 2 3; do
            status=0
            struck "$call" signal=KILL "$number" cronos -q create x >/dev/null 2>&1 || status=$?
            assert_whole
            ((status == 0)) || struck=$((struck + 1))
            rm -f "$BACKUPS"/egos_backup_manual_x_*
        done
    done
    ((struck >= 4)) || fail "only $struck calls were struck"
    backup after
    assert_no_leftovers
}

@test "an I/O error at each of those calls: status 1, told, nothing left" {
    rm -r noise
    local call status
    for call in fsync pwrite64 renameat2; do
        status=0
        struck "$call" error=EIO 1 cronos create x >/dev/null 2>"$WORK/stderr" || status=$?
        assert_equal "$status" 1
        grep -q "cronos: " "$WORK/stderr"
        assert_whole
        assert_files "$BACKUPS" "$BEFORE"
    done
}

@test "kill -9 during restore to a new place: the place does not exist" {
    backup full
    local number status
    for number in 1 5 12; do
        status=0
        struck write,pwrite64 signal=KILL "$number" cronos -q restore "$ID" --to "$WORK/out" \
            >/dev/null 2>&1 || status=$?
        ((status != 0))
        [[ ! -e $WORK/out ]]
    done
    run -0 cronos -q restore "$ID" --to "$WORK/out"
    assert_same_tree noise "$WORK/out/noise"
}

@test "kill -9 during overwrite: each file is the old or the new one, never half" {
    backup full
    echo "second version" >a.txt
    local number file
    for file in noise/*; do echo short >"$file"; done
    for number in 2 6 11; do
        struck renameat,renameat2,rename signal=KILL "$number" \
            cronos -q restore "$ID" --strategy overwrite -y --no-restore-point \
            >/dev/null 2>&1 || true
        for file in noise/*; do
            case $(stat -c %s "$file") in
                6 | 2000000) ;;
                *) fail "half written: $file" ;;
            esac
        done
    done
    run -0 cronos -q restore "$ID" --strategy overwrite -y --no-restore-point
    assert_equal "$(cat a.txt)" "first version"
    [[ -z $(find "$ROOT" -name '.cronos-*' -not -path "$BACKUPS/*") ]]
}
