#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Every named fault point, with a kill, an I/O error and a full disk: nothing is lost, nothing is
# half there, and the next run clears what was left.

load ../lib/common

# Every point there is, by the work that passes it.
CREATE_POINTS=(before-clear after-clear before-create after-create create-write before-sync
    before-rename after-rename after-sync before-remove after-remove)
RESTORE_POINTS=(restore-before-folder restore-after-folder restore-before-write
    restore-after-write restore-after-symlink restore-before-attributes)
OVER_POINTS=(restore-before-rename restore-after-rename restore-before-delete restore-after-delete
    restore-before-sync)
NEW_POINTS=(restore-before-place restore-after-place restore-before-rename restore-after-rename)
CLEAN_POINTS=(before-clear after-clear before-remove after-remove)

setup()
{
    make_workspace
    mkdir -p src/deep new-folder "$BACKUPS"
    local number
    for number in 1 2 3 4; do
        echo "version one of $number" >"src/file-$number"
        echo "version one of deep $number" >"src/deep/file-$number"
    done
    head -c 1500000 /dev/urandom >large
    ln -s src/file-1 link
    OLD=$WORK/old
    NEW=$WORK/new
    copy_root "$OLD"
    SOURCE_DATE_EPOCH=$(($(date +%s) - 7200)) backup one
    FIRST=$ID
    for number in 1 2 3 4; do
        echo "version two, longer, of $number" >"src/file-$number"
        rm "src/deep/file-$number"
        echo "extra" >"extra-$number"
    done
    rm -r new-folder
    echo "was a link" >"$WORK/link" && mv "$WORK/link" link
    head -c 1600000 /dev/urandom >large
    copy_root "$NEW"
    SOURCE_DATE_EPOCH=$(($(date +%s) - 3600)) backup two
    unzip -tqq "$BACKUPS/$FIRST.zip"
    unzip -tqq "$ARCHIVE"
    cp -a "$BACKUPS" "$WORK/backups"
    make_backups_with_rest
    export FIRST
}

# What the backup directory holds before each blow: also what an earlier run left, and backups
# beyond their time.
make_backups_with_rest()
{
    cp -a "$BACKUPS" "$WORK/backups-with-rest"
    echo rest >"$WORK/backups-with-rest/.cronos-1-deadbeef.tmp"
    echo rest >"$WORK/backups-with-rest/.cronos-1-deadbeee.tmp"
    local days
    for days in 40 41; do
        cp "$WORK/backups/$FIRST.zip" "$WORK/backups-with-rest/egos_backup_manual_old_$(
            date -d "$days days ago" +%Y%m%d_%H%M%S).zip"
    done
}

copy_root()
{
    mkdir "$1"
    tar -C "$ROOT" --exclude ./backups --exclude ./logs -cf - . | tar -C "$1" -xpf -
}

# Runs "$3"... with the point $1 armed for $2, and looks at its status.
struck()
{
    local point=$1 action=$2
    local status=0
    shift 2
    CRONOS_FAULT=$point:$action "$@" >"$WORK/stdout" 2>"$WORK/stderr" || status=$?
    case $action:$status in
        kill:137 | e*:1 | e*:3) ;;
        # What can not be cleared away or removed is told in the log, and no more.
        e*:0) [[ $point == *clear* || $point == *remove* ]] || fail "$point $action: no failure" ;;
        *) fail "$point $action: status $status:" "$(cat "$WORK/stderr")" ;;
    esac
}

assert_clear()
{
    local found
    found=$(find "$WORK" -path "$WORK/backups-with-rest" -prune -o -name '.cronos-*' -print)
    [[ -z $found ]] || fail "left over: $found"
}

@test "these are all the points there are" {
    local points
    points=$(printf '%s\n' "${CREATE_POINTS[@]}" "${RESTORE_POINTS[@]}" "${OVER_POINTS[@]}" \
        "${NEW_POINTS[@]}" "${CLEAN_POINTS[@]}" | sort -u)
    diff <(echo "$points") <(find "$TESTS/../core" -name '*.c' -exec \
        grep -hoE '(cronos_fault_(point|errno)|passes)\("[^"]+"' {} + | cut -d '"' -f 2 | sort -u)
}

@test "create" {
    "$TESTS/cli/fault-points" create "${CREATE_POINTS[@]}"
}

@test "clean" {
    "$TESTS/cli/fault-points" clean "${CLEAN_POINTS[@]}"
}

# Runs "cronos $1" of the second backup under the fault points "$2"...: afterwards it is pinned or it
# is not, the archive is what it was, and the next run has it as asked for.
pin_struck()
{
    local command=$1 point action
    shift
    for point; do
        for action in kill eio; do
            struck "$point" "$action" cronos -q "$command" "$ID"
            [[ $(find "$BACKUPS" -name '.egos*' -printf '%f') =~ ^(\.$ID\.zip\.pin)?$ ]]
            cmp "$WORK/backups/$ID.zip" "$BACKUPS/$ID.zip"
            run -0 cronos -q "$command" "$ID"
            run -0 find "$BACKUPS" -name '.egos*' -size +0
            [[ $command == unpin || -n $output ]]
            [[ $command == pin || -z $output ]]
            assert_clear
            rm -f "$BACKUPS/.$ID.zip.pin"
            [[ $command == pin ]] || cronos -q pin "$ID"
        done
    done
}

@test "pin, unpin" {
    pin_struck pin before-create after-create before-sync before-rename after-rename after-sync
    cronos -q pin "$ID"
    pin_struck unpin before-remove after-remove
}

@test "overwriting restore, the making of its restore point included" {
    "$TESTS/cli/fault-points" overwrite before-create create-write before-rename after-sync \
        "${RESTORE_POINTS[@]}" "${OVER_POINTS[@]}"
}

@test "restore to a new place" {
    "$TESTS/cli/fault-points" new-place "${RESTORE_POINTS[@]}" "${NEW_POINTS[@]}"
}
