#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pin and unpin: backups that are kept whatever retention says.

load ../lib/common

setup()
{
    make_workspace
    make_small_tree
    backup x
    NEW=$ARCHIVE_NAME
    OLD=$(backdate 90)
    POINT=$(backdate 60 restore_point)
    MARK=$BACKUPS/.$OLD.pin
}

# The key "$2" of the backup "$1" in the JSON of "$3"...
value_of()
{
    local name=$1 key=$2
    shift 2
    json "$("$@" 2>/dev/null)" "[b['$key'] for b in j if b['file_name'] == '$name'][0]"
}

@test "a pinned backup outlives clean and create, and goes once it is unpinned" {
    run --separate-stderr -0 cronos pin "${OLD%.zip}" "$POINT"
    assert_equal "$output" ""
    assert_contains "$stderr" "$OLD"
    run -0 cronos -q clean --max-backups 1
    assert_files "$BACKUPS" "$NEW" "$OLD" ".$OLD.pin" "$POINT" ".$POINT.pin"
    backup y
    [[ -e $BACKUPS/$OLD && -e $BACKUPS/$POINT ]]
    run --separate-stderr -0 cronos -q unpin "$OLD"
    assert_equal "$output$stderr" ""
    run -0 cronos -q clean
    assert_files "$BACKUPS" "$NEW" "$ARCHIVE_NAME" "$POINT" ".$POINT.pin"
}

@test "the archive is not changed, and every tool reads on" {
    local before
    before=$(stat -c '%i %s %y %z' "$BACKUPS/$OLD")
    cronos -q pin "$OLD"
    assert_equal "$(stat -c '%i %s %y %z' "$BACKUPS/$OLD")" "$before"
    run -0 cronos -q verify "$OLD"
    unzip -tqq "$BACKUPS/$OLD"
}

@test "the pin goes along when the directory is copied" {
    cronos -q pin "$OLD"
    cp -r "$BACKUPS" "$WORK/copy"
    printf 'backup: { directory = "%s"; };\n' "$WORK/copy" >"$WORK/c.conf"
    run -0 cronos -q -c "$WORK/c.conf" clean
    assert_files "$WORK/copy" "$NEW" "$OLD" ".$OLD.pin"
}

@test "list, show and a dry run of clean tell of it" {
    cronos -q pin "$OLD"
    run --separate-stderr -0 cronos list
    assert_contains "$(grep -F "$OLD" <<<"$output")" pinned
    refute_contains "$(grep -F "$NEW" <<<"$output")" pinned
    assert_equal "$(grep -c . <<<"$output")" 3
    assert_equal "$(value_of "$OLD" pinned cronos list --json)" true
    assert_equal "$(value_of "$NEW" pinned cronos list --all --json)" false
    run --separate-stderr -0 cronos show "$OLD"
    grep -qE '^pinned +yes$' <<<"$output"
    run --separate-stderr -0 cronos show "$NEW"
    refute_contains "$output" pinned
    run --separate-stderr -0 cronos show "$OLD" --json
    assert_equal "$(json "$output" 'j["pinned"]')" true
    run --separate-stderr -0 cronos clean -n
    grep -qE "^$OLD +keep +pinned$" <<<"$output"
    assert_equal "$(value_of "$OLD" rule cronos clean -n --json)" pinned
    assert_equal "$(value_of "$OLD" remove cronos clean -n --json)" false
    assert_equal "$(value_of "$POINT" remove cronos clean -n --json)" true
}

@test "a damaged backup can be pinned, and is still listed as damaged" {
    cut_in_half "$BACKUPS/$OLD"
    cronos -q pin "$OLD"
    run --separate-stderr -0 cronos list
    assert_contains "$(grep -F "$OLD" <<<"$output")" "pinned, damaged: "
}

@test "twice is as good as once" {
    cronos -q pin "$OLD"
    local before
    before=$(stat -c '%i %z' "$MARK")
    run --separate-stderr -0 cronos pin "$OLD" "$OLD"
    assert_contains "$stderr" already
    assert_equal "$(stat -c '%i %z' "$MARK")" "$before"
    cronos -q unpin "$OLD"
    run --separate-stderr -0 cronos unpin "$OLD"
    assert_contains "$stderr" "not pinned"
    assert_files "$BACKUPS" "$NEW" "$OLD" "$POINT"
}

@test "what is not there or foreign is refused, and none of several is pinned" {
    run --separate-stderr -1 cronos pin "$OLD" nonesuch
    assert_error_line nonesuch
    [[ ! -e $MARK ]]
    cp "$BACKUPS/$NEW" "$BACKUPS/mine.zip"
    run --separate-stderr -1 cronos pin mine.zip
    assert_error_line mine.zip
    [[ ! -e $BACKUPS/.mine.zip.pin ]]
    rm -r "$BACKUPS"
    run --separate-stderr -1 cronos pin latest
    assert_error_line "no backup"
    [[ ! -e $BACKUPS ]]
}

@test "a read-only directory: status 1, the reason, nothing changed" {
    cronos -q pin "$OLD"
    give_to_user "$ROOT" "$BACKUPS"/* "$BACKUPS" "$MARK"
    chmod 555 "$BACKUPS"
    run --separate-stderr -1 as_user cronos -C "$ROOT" pin "$NEW"
    assert_error_line "can not pin \"$NEW\""
    assert_contains "$stderr" "Permission denied"
    run --separate-stderr -1 as_user cronos -C "$ROOT" unpin "$OLD"
    assert_error_line "can not unpin \"$OLD\""
    assert_contains "$stderr" "Permission denied"
    run --separate-stderr -0 as_user cronos -C "$ROOT" pin "$OLD"
    assert_files "$BACKUPS" "$NEW" "$OLD" ".$OLD.pin" "$POINT"
}

@test "the pin of a backup that was removed by hand is cleared away by clean" {
    cronos -q pin "$OLD" "$NEW"
    touch "$BACKUPS/.mine.zip.pin"
    rm "$BACKUPS/$OLD"
    run --separate-stderr -0 cronos clean -n
    assert_contains "$stderr" "1 pin of backups that are gone would be removed"
    [[ -e $MARK ]]
    backup y
    [[ -e $MARK ]]
    run --separate-stderr -0 cronos clean
    assert_contains "$stderr" "1 pin of backups that are gone removed"
    assert_files "$BACKUPS" "$NEW" ".$NEW.pin" "$ARCHIVE_NAME" .mine.zip.pin
    grep -qF "$OLD.pin" "$ROOT/logs/egos_system.log"
}

@test "pin waits for the lock" {
    exec 8<"$BACKUPS"
    flock 8
    run -124 timeout 1 cronos -q pin "$OLD" 8<&-
    [[ ! -e $MARK ]]
    exec 8<&-
    run -0 cronos -q pin "$OLD"
    [[ -e $MARK ]]
}

@test "the mark takes no part in listings, and identifiers do not find it" {
    cronos -q pin "$OLD"
    run --separate-stderr -0 cronos list --all --json
    assert_equal "$(json "$output" 'len(j)')" 3
    run --separate-stderr -1 cronos show ".$OLD.pin"
    assert_error_line "no backup"
}
