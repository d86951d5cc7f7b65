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

# It was computed from the name, by the zone of whoever asked.
@test "created_utc is when the backup was made, whatever the zone is now" {
    make_small_tree
    SOURCE_DATE_EPOCH=1743667200 TZ=America/New_York backup x
    assert_equal "$ARCHIVE_NAME" egos_backup_manual_x_20250403_040000.zip
    cp "$ARCHIVE" "$BACKUPS/egos_backup_manual_x_20250402_120000.zip"
    run --separate-stderr -0 cronos list --json
    assert_equal "$(json "$output" '[b["created_utc"] for b in j]')" \
        '["2025-04-03T08:00:00Z", "2025-04-02T10:00:00Z"]'
    run --separate-stderr -0 cronos show latest --json
    assert_equal "$(json "$output" '[j["created_at"], j["created_utc"]]')" \
        '["20250403_040000", "2025-04-03T08:00:00Z"]'
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
    # The sum of files, folders and links is one less, and nobody said why.
    grep -qxE 'members +9 \(one is backup_metadata\.json\)' <<<"$output"
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

# What Python finds in "$1": for each backup, newest first, decoded bytes and what it alone holds.
sizes_by_python()
{
    python3 - "$1" <<'END'
import json, os, stat, sys, zipfile
from collections import Counter
seen, backups = Counter(), []
for name in sorted(os.listdir(sys.argv[1]), key=lambda n: n[-19:], reverse=True):
    if not name.startswith("egos_backup"):
        continue
    with zipfile.ZipFile(os.path.join(sys.argv[1], name)) as archive:
        members = [i for i in archive.infolist()
                   if i.filename != "backup_metadata.json" and not i.is_dir()]
    contents = {(i.filename, i.file_size, i.CRC): i.compress_size for i in members}
    seen.update(contents.keys())
    size = sum(i.file_size for i in members if not stat.S_ISLNK(i.external_attr >> 16))
    backups.append((size, contents))
print(json.dumps([[size, sum(n for key, n in contents.items() if seen[key] == 1)]
                  for size, contents in backups]))
END
}

@test "--sizes: what each holds, and what it alone holds, as Python counts them" {
    gen-tree "$ROOT/tree"
    make_small_tree
    SOURCE_DATE_EPOCH=1743667200 backup x
    head -c 3000 /dev/urandom >new.bin
    echo "second version" >a.txt
    SOURCE_DATE_EPOCH=1743670800 backup x
    rm -r src
    mv new.bin moved.bin
    ln -sfn elsewhere link
    SOURCE_DATE_EPOCH=1743674400 backup x --full -l 1
    zip -q "$BACKUPS/mine.zip" moved.bin
    run --separate-stderr -0 cronos list --sizes --json
    assert_equal "$(json "$output" '[[b["bytes"], b["own_bytes"]] for b in j]')" \
        "$(sizes_by_python "$BACKUPS")"
    assert_equal "$(json "$output" 'all(b["own_bytes"] > 0 for b in j)')" true
    run --separate-stderr -0 cronos list --sizes --all --json
    assert_equal "$(json "$output" '[j[3]["bytes"], j[3]["own_bytes"]]')" "[null, null]"
    run --separate-stderr -0 cronos list --json
    assert_equal "$(json "$output" '[j[0]["bytes"], j[0]["own_bytes"]]')" "[null, null]"
}

@test "--sizes: a second backup of the same adds nothing, whichever is listed" {
    make_small_tree
    SOURCE_DATE_EPOCH=1743667200 backup x
    SOURCE_DATE_EPOCH=1743670800 backup x -t auto
    run --separate-stderr -0 cronos list --sizes
    [[ ${#lines[@]} == 2 ]]
    grep -qE "^$ARCHIVE_NAME +[0-9.]+ [KM]?i?B +195.4 KiB +0 B +2025-04-03 11:00:00$" \
        <<<"${lines[0]}"
    run --separate-stderr -0 cronos list --sizes -t auto --json
    assert_equal "$(json "$output" '[b["own_bytes"] for b in j]')" "[0]"
}

@test "--sizes: a damaged backup has none, and those of the others stand" {
    make_small_tree
    SOURCE_DATE_EPOCH=1743667200 backup x
    local first=$ARCHIVE second_header
    SOURCE_DATE_EPOCH=1743670800 backup x
    # The central directory's second header: list without --sizes does not look at it.
    second_header=$(python3 -c 'import sys
data = open(sys.argv[1], "rb").read()
print(data.find(b"PK\1\2", data.find(b"PK\1\2") + 4))' "$first")
    damage "$first" "$second_header" 4
    run --separate-stderr -0 cronos list --json
    assert_equal "$(json "$output" '[b["damaged"] for b in j]')" "[false, false]"
    run --separate-stderr -0 cronos list --sizes --json
    assert_equal "$(json "$output" '[b["damaged"] for b in j]')" "[false, true]"
    assert_equal "$(json "$output" 'j[1]["bytes"]')" null
    assert_equal "$(json "$output" 'j[0]["own_bytes"] > 0')" true
    run --separate-stderr -0 cronos list --sizes
    grep -qE "^${first##*/} .* -  +-  .*damaged: " <<<"$output"
}

@test "an archive that may not be read is told as that, and is not damaged" {
    make_small_tree
    backup x
    give_to_user "$ROOT"
    chmod 000 "$ARCHIVE"
    run --separate-stderr -0 as_user cronos -C "$ROOT" list
    assert_contains "$output" "cannot be read: Permission denied"
    refute_contains "$output" damaged
    run --separate-stderr -0 as_user cronos -C "$ROOT" list --json
    assert_equal "$(json "$output" '[j[0]["damaged"], j[0]["error"]]')" \
        '[false, "Permission denied"]'
}

@test "show --largest: members and kinds by what they take" {
    make_small_tree
    head -c 5000 /dev/urandom >noise.bin
    head -c 4000 /dev/urandom >src/noise.BIN
    head -c 3000 /dev/urandom >src/deep/noise
    backup x
    run --separate-stderr -0 cronos show latest --largest 3
    assert_equal "$(grep -A 3 '^largest$' <<<"$output" | grep -o '[^ ]*$')" \
        $'largest\nnoise.bin\nsrc/noise.BIN\nsrc/deep/noise'
    assert_equal "$(grep -A 4 '^kinds$' <<<"$output" | sed 's/.*  //')" \
        $'kinds\n.bin\nno extension\n.txt\nall others'
    run --separate-stderr -0 cronos show latest --largest=1 --json
    assert_equal "$(json "$output" 'j["largest"]')" \
        '[{"path": "noise.bin", "bytes": 5000, "stored_bytes": 5000}]'
    assert_equal "$(json "$output" '[[k["kind"], k["extension"], k["members"]] for k in j["kinds"]]')" \
        '[["file", ".bin", 2], ["file", "", 2], ["file", ".txt", 2], ["file", ".c", 1], ["symlink", null, 1], ["directory", null, 3]]'
    assert_equal "$(json "$output" 'sum(k["bytes"] for k in j["kinds"] if k["kind"] == "file") == j["bytes"]')" \
        true
    run --separate-stderr -0 cronos show latest --json
    assert_equal "$(json "$output" '[j["largest"], j["kinds"]]')" "[null, null]"
    run -2 cronos show latest --largest 0
}
