#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Every form of identifier finds its backup, in the order the manual gives.

load ../lib/common

setup()
{
    make_workspace
    make_small_tree
    SOURCE_DATE_EPOCH=1743667200 backup x
    SOURCE_DATE_EPOCH=1743670800 backup x -t auto
    SOURCE_DATE_EPOCH=1743667200 backup other
    FIRST=egos_backup_manual_x_20250403_100000
    SECOND=egos_backup_auto_x_20250403_110000
    OTHER=egos_backup_manual_other_20250403_100000
}

# Identifier "$1" finds the backup "$2", and leaves a note on stderr only if there is a "$3" in it.
assert_finds()
{
    run --separate-stderr -0 cronos show "$1" --json
    assert_equal "$(json "$output" 'j["file_name"]')" "$2.zip"
    if (($# > 2)); then
        assert_contains "$stderr" "$3"
    else
        assert_equal "$stderr" ""
    fi
}

@test "the full file name" {
    assert_finds "$FIRST.zip" "$FIRST"
    assert_finds "$SECOND.zip" "$SECOND"
}

@test "the folder's name in the mount" {
    assert_finds "$FIRST" "$FIRST"
    assert_finds "$OTHER" "$OTHER"
}

@test "name and time stamp" {
    assert_finds x_20250403_100000 "$FIRST"
    assert_finds x_20250403_110000 "$SECOND"
    assert_finds other_20250403_100000 "$OTHER"
}

@test "the time stamp alone" {
    assert_finds 20250403_110000 "$SECOND"
}

@test "latest" {
    assert_finds latest "$SECOND"
    touch -d "+1 hour" "$BACKUPS/$FIRST.zip"
    assert_finds latest "$SECOND"
}

@test "where several match, the newest is taken, and a note names the others" {
    local taken left
    run --separate-stderr -0 cronos show 20250403_100000 --json
    taken=$(json "$output" 'j["file_name"]')
    if [[ $taken == "$FIRST.zip" ]]; then left=$OTHER; else left=$FIRST; fi
    assert_contains "$stderr" "$left"
    cp "$BACKUPS/$FIRST.zip" "$BACKUPS/egos_backup_auto_x_20250403_100000.zip"
    run --separate-stderr -0 cronos show x_20250403_100000 --json
    [[ -n $stderr ]]
}

@test "the same identifiers serve restore and verify" {
    local identifier
    for identifier in "$FIRST.zip" "$FIRST" x_20250403_100000 20250403_110000 latest; do
        run -0 cronos -q verify "$identifier"
        run -0 cronos -q restore "$identifier" --to "$WORK/out"
        rm -r "$WORK/out"
    done
}

@test "a name with underscores and digits is not taken apart wrongly" {
    SOURCE_DATE_EPOCH=1743674400 backup "a_20240101_000000"
    assert_finds "$ID" "$ID"
    assert_finds a_20240101_000000_20250403_120000 "$ID"
    SOURCE_DATE_EPOCH=1743678000 backup point -t restore_point
    assert_equal "$ARCHIVE_NAME" egos_backup_restore_point_point_20250403_130000.zip
    assert_finds point_20250403_130000 "$ID"
}

# What create prints was no identifier.
@test "a path into the backup directory, however it is written, and no other path" {
    run -0 cronos -q verify "$ARCHIVE"
    mkdir "$WORK/elsewhere"
    ln -s "$BACKUPS" "$WORK/link"
    cp "$ARCHIVE" "$WORK/elsewhere"
    assert_finds "$BACKUPS/$FIRST" "$FIRST"
    assert_finds "./backups/../backups//$FIRST.zip" "$FIRST"
    assert_finds "$WORK/link/x_20250403_110000" "$SECOND"
    cd "$BACKUPS"
    run --separate-stderr -0 cronos -C "$ROOT" show "./$FIRST.zip" --json
    assert_equal "$(json "$output" 'j["file_name"]')" "$FIRST.zip"
    local identifier
    for identifier in "$WORK/elsewhere/$ARCHIVE_NAME" "../$FIRST.zip" "/$FIRST" "nowhere/$FIRST"; do
        run --separate-stderr -1 cronos -C "$ROOT" show "$identifier"
        assert_error_line "does not lie in the backup directory"
    done
}

@test "foreign archives answer to their names" {
    zip -q "$BACKUPS/mine.zip" a.txt
    assert_finds mine.zip mine
    assert_finds mine mine
}

@test "what is unknown: status 1, and a hint at what is near" {
    run --separate-stderr -1 cronos show "${FIRST/manual/manuel}"
    assert_equal "$output" ""
    assert_error_line "${FIRST/manual/manuel}"
    assert_contains "$stderr" "$FIRST"
    local identifier
    for identifier in nonesuch 20250403_100001 x "" "*" ../x .; do
        run --separate-stderr cronos show "$identifier"
        ((status == 1 || status == 2)) || fail "status $status for '$identifier'"
        assert_equal "$output" ""
        assert_contains "$stderr" "cronos: "
    done
}

@test "latest where there is none" {
    rm "$BACKUPS"/*.zip
    run --separate-stderr -1 cronos show latest
    assert_error_line "no "
}
