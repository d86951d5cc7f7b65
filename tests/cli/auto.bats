#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Automatic backups: made when enough has changed and enough time has passed, and not otherwise.

load ../lib/common

setup()
{
    make_workspace
    make_small_tree
    settle
}

configure()
{
    printf 'auto: { %s };\nbackup: { exclude_patterns = ["/cronos.conf", "/logs"]; };\n' "$1" \
        >cronos.conf
}

automatic()
{
    run --separate-stderr -0 cronos create --type auto --if-changed "$@"
}

assert_made()
{
    automatic
    assert_contains "$output" "$BACKUPS/egos_backup_auto_project_"
    [[ -f $output ]]
    settle
}

# None is made: stdout is empty, nothing is written, and "$1" is on stderr.
assert_declined()
{
    local reason=$1 before after
    shift
    before=$(cd "$BACKUPS" && find . -printf '%p %i %s %T@ %C@\n' | sort)
    automatic "$@"
    after=$(cd "$BACKUPS" && find . -printf '%p %i %s %T@ %C@\n' | sort)
    assert_equal "$output" ""
    assert_contains "$stderr" "$reason"
    assert_equal "$after" "$before"
}

@test "the first one is made, and the next one when something has changed" {
    configure ''
    assert_made
    local first=${output##*/}
    assert_declined "nothing has changed since $first: no backup made"
    assert_declined "nothing has changed since $first" --dry-run
    echo more >>a.txt
    settle
    automatic --dry-run
    assert_contains "$output" "$BACKUPS/egos_backup_auto_project_"
    assert_files "$BACKUPS" "$first"
    assert_made
    rmdir empty-folder
    assert_made
    chmod 700 src
    assert_made
    assert_declined "nothing has changed"
    run --separate-stderr -0 cronos -q create --type auto --if-changed
    assert_equal "$output$stderr" ""
}

@test "no file is read to find out" {
    configure 'min_changes = 3;'
    assert_made
    echo more >>a.txt
    # LeakSanitizer can not work beside strace.
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 run -0 strace -f -qq -e trace=openat,openat2 \
        -o "$WORK/trace" cronos -q create --type auto --if-changed
    assert_equal "$output" ""
    run ! grep -E '"([^"]*/)?(a\.txt|main\.c|long\.txt|empty-file)"' "$WORK/trace"
    grep -q '"src' "$WORK/trace"
}

@test "auto.min_changes counts files added, changed and removed, and links, not folders" {
    configure 'min_changes = 4;'
    assert_made
    local first=${output##*/}
    mkdir one two three four five
    chmod 700 src
    assert_declined "0 files have changed since $first, fewer than 4"
    echo more >>a.txt
    assert_declined "1 file has changed since $first, fewer than 4"
    rm src/deep/long.txt
    ln -s nowhere new-link
    assert_declined "3 files have changed since $first, fewer than 4"
    touch five/new
    assert_made
}

@test "a moved folder is as many changes as it has files, twice" {
    configure 'min_changes = 5;'
    assert_made
    mv src/deep src/deeper
    mv a.txt b.txt
    assert_declined "4 files have changed"
    : >src/deeper/more
    assert_made
}

@test "changes add up over the runs that made no backup, whatever the type of the last one" {
    configure 'min_changes = 2;'
    backup by-hand
    settle
    echo more >>a.txt
    assert_declined "1 file has changed since $ARCHIVE_NAME, fewer than 2"
    assert_declined "1 file has changed"
    echo more >>src/main.c
    assert_made
    echo more >>a.txt
    backup by-hand
    settle
    assert_declined "nothing has changed since $ARCHIVE_NAME"
}

@test "auto.interval_hours is reckoned from the last automatic backup of the same root" {
    local now
    now=$(date +%s)
    configure 'interval_hours = 3;'
    SOURCE_DATE_EPOCH=$((now - 7200)) backup -t auto
    assert_declined "the last automatic backup, $ARCHIVE_NAME, is not 3 hours old yet"
    backup by-hand
    echo more >>a.txt
    assert_declined "is not 3 hours old yet"
    run --separate-stderr -0 cronos create by-hand --if-changed
    [[ -f $output ]]
    mkdir "$WORK/other"
    echo text >"$WORK/other/file"
    printf 'auto: { interval_hours = 3; };\nbackup: { directory = "%s"; };' "$BACKUPS" \
        >"$WORK/other/cronos.conf"
    run --separate-stderr -0 cronos -C "$WORK/other" create --type auto --if-changed
    assert_contains "$output" egos_backup_auto_other_
    configure 'interval_hours = 2;'
    echo more >>a.txt
    assert_made
}

@test "a last automatic backup in the future holds nothing up" {
    configure 'interval_hours = 1;'
    backup -t auto
    echo more >>a.txt
    postdate "$ARCHIVE"
    assert_made
}

# Has the backup "$1" tell that it was made a year later than it was.
postdate()
{
    python3 -c 'import sys, re
bytes = open(sys.argv[1], "rb").read()
later = re.sub(rb"(\"created_utc\" ?: ?\")(\d{4})",
               lambda m: m[1] + b"%d" % (int(m[2]) + 1), bytes)
assert later != bytes
open(sys.argv[1], "wb").write(later)' "$1"
}

# Once, patterns of one's own let the log in, which each backup adds to, and nothing was ever
# unchanged again.
@test "the log is no part of a backup, whatever the patterns are, and --delete spares it" {
    printf 'backup: { exclude_patterns = ["*.o"]; };\n' >cronos.conf
    assert_made
    local first=${output##*/}
    assert_made
    assert_contains "$(unzip -Z1 "$output")" logs/
    refute_contains "$(unzip -Z1 "$output")" egos_system.log
    assert_declined "nothing has changed"
    assert_declined "nothing has changed"
    cronos -q restore "$first" --strategy overwrite --delete -y
    grep -qF "$first" logs/egos_system.log
}

# Once, as long as one file could not be read, every run made another backup.
@test "what can not be read is named each time, and calls for no backup each time" {
    configure ''
    echo secret >secret.txt
    mkdir locked
    touch locked/inside
    chmod 000 secret.txt locked
    give_to_user "$ROOT"
    settle
    run --separate-stderr -3 as_user cronos -C "$ROOT" create -t auto --if-changed
    local first=$output
    [[ -f $first ]]
    run --separate-stderr -3 as_user cronos -C "$ROOT" create -t auto --if-changed
    assert_equal "$output" ""
    assert_contains "$stderr" "nothing has changed since ${first##*/}"
    assert_contains "$stderr" "secret.txt: Permission denied"
    assert_contains "$stderr" "locked: Permission denied"
    run --separate-stderr -3 as_user cronos -C "$ROOT" create x --if-changed
    assert_equal "$output" "$first"
    chmod 644 secret.txt
    run --separate-stderr -3 as_user cronos -C "$ROOT" create -t auto --if-changed
    assert_equal "$(unzip -p "$output" secret.txt)" secret
}

@test "the JSON result tells why" {
    configure 'min_changes = 2;'
    assert_made
    automatic --json
    assert_equal "$(json "$output" 'j["unchanged"], j["path"] is None')" "[true, false]"
    echo more >>a.txt
    automatic --json
    assert_equal "$(json "$output" 'j["unchanged"], j["path"], j["file_name"]')" \
        "[false, null, null]"
    assert_contains "$(json "$output" 'j["declined"]')" "1 file has changed"
    run --separate-stderr -0 cronos create x --json
    assert_equal "$(json "$output" 'j["declined"]')" null
}

@test "a NAME is the root's own unless one is given" {
    automatic chosen
    assert_contains "$output" egos_backup_auto_chosen_
    mkdir "$WORK/.My Files" "$WORK/..."
    run --separate-stderr -0 cronos -C "$WORK/.My Files" -q create -t auto
    assert_contains "$output" egos_backup_auto_my_files_
    run --separate-stderr -2 cronos -C "$WORK/..." -q create -t auto
    assert_error_line "backup name"
    run --separate-stderr -2 cronos -q create -t other
    assert_error_line "needs a NAME"
}
