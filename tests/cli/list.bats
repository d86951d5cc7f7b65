#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# list and show.

load ../lib/common

@test "an empty or missing directory is no error" {
    run --separate-stderr -0 cronos list
    assert_equal "$output" ""
    run --separate-stderr -0 cronos list --json
    assert_equal "$(json "$output" j)" "[]"
    mkdir "$BACKUPS"
    run --separate-stderr -0 cronos list
    assert_equal "$output" ""
    [[ ! -e $ROOT/logs ]]
}

@test "newest first, with name, size, time and type" {
    make_small_tree
    SOURCE_DATE_EPOCH=1743667200 backup older
    SOURCE_DATE_EPOCH=1743753600 backup newer -t auto
    SOURCE_DATE_EPOCH=1743580800 backup oldest
    touch "$BACKUPS"/*older*
    run --separate-stderr -0 cronos list --json
    assert_equal "$(json "$output" '[b["name"] for b in j]')" '["newer", "older", "oldest"]'
    assert_equal "$(json "$output" '[b["type"] for b in j]')" '["auto", "manual", "manual"]'
    assert_equal "$(json "$output" 'j[0]["size_bytes"]')" \
        "$(stat -c %s "$BACKUPS/egos_backup_auto_newer_20250404_100000.zip")"
    run --separate-stderr -0 cronos list
    assert_equal "$(grep -o 'egos_backup[^ ]*' <<<"$output")" \
        "$(printf 'egos_backup_%s.zip\n' auto_newer_20250404_100000 manual_older_20250403_100000 \
            manual_oldest_20250402_100000)"
    assert_contains "$output" "2025-04-04 10:00:00"
}

@test "-t chooses a type" {
    make_small_tree
    backup one
    backup two -t auto
    run --separate-stderr -0 cronos list -t auto --json
    assert_equal "$(json "$output" '[b["name"] for b in j]')" '["two"]'
    run --separate-stderr -0 cronos list -t nightly --json
    assert_equal "$(json "$output" j)" "[]"
}

@test "foreign archives with --all only, and other files never" {
    make_small_tree
    backup x
    zip -q "$BACKUPS/mine.zip" a.txt
    touch "$BACKUPS/notes.txt" "$BACKUPS/.cronos-hidden.zip"
    mkdir "$BACKUPS/folder.zip"
    run --separate-stderr -0 cronos list --json
    assert_equal "$(json "$output" '[b["file_name"] for b in j]')" "[\"$ARCHIVE_NAME\"]"
    run --separate-stderr -0 cronos list --all --json
    assert_equal "$(json "$output" '[b["file_name"] for b in j]')" \
        "[\"$ARCHIVE_NAME\", \"mine.zip\"]"
    run --separate-stderr -0 cronos list --all
    assert_contains "$output" mine.zip
}

@test "names of foreign archives can not play with the terminal" {
    make_small_tree
    mkdir "$BACKUPS"
    zip -q "$BACKUPS/evil.zip" a.txt
    mv "$BACKUPS/evil.zip" "$BACKUPS/"$'e\e[31mvil\n.zip'
    run --separate-stderr -0 cronos list --all
    refute_contains "$output" $'\e'
    [[ $(grep -c vil <<<"$output") == 1 ]]
    run --separate-stderr -0 cronos list --all --json
    assert_equal "$(json "$output" 'len(j)')" 1
}

@test "show: metadata and totals" {
    make_small_tree
    backup x -m ticket=42
    run --separate-stderr -0 cronos show "$ID"
    assert_contains "$output" "$ARCHIVE_NAME"
    assert_contains "$output" ticket
    run --separate-stderr -0 cronos show "$ID" --json
    assert_equal "$(json "$output" 'j["metadata"]["ticket"]')" 42
    assert_equal "$(json "$output" '[j[k] for k in ("files", "directories", "symlinks")]')" \
        "[4, 3, 1]"
}

@test "5,000 backups are listed in good time" {
    make_small_tree
    backup x
    python3 - "$ARCHIVE" "$BACKUPS" <<'END'
import os, sys, time
archive, folder = sys.argv[1:]
for number in range(5000):
    stamp = time.strftime("%Y%m%d_%H%M%S", time.gmtime(1_600_000_000 + number * 3600))
    os.link(archive, os.path.join(folder, f"egos_backup_auto_x_{stamp}.zip"))
END
    run --separate-stderr -0 timeout 20 cronos list --json
    assert_equal "$(python3 -c 'import json, sys; print(len(json.load(sys.stdin)))' <<<"$output")" \
        5001
}
