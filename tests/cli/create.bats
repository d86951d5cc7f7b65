#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# create: what is stored, under which name, and what create says.

load ../lib/common

# The members of the newest archive, our own metadata aside.
members()
{
    unzip -Z1 "$ARCHIVE" | grep -vx backup_metadata.json | sort
}

assert_members()
{
    local found wanted
    found=$(members)
    wanted=$(printf '%s\n' "$@" | sort)
    [[ $found == "$wanted" ]] || fail "expected:" "$wanted" "found:" "$found"
}

refused_name()
{
    run --separate-stderr -2 cronos create "$1"
    assert_error_line "name"
    [[ ! -e $BACKUPS ]] || assert_files "$BACKUPS"
}

@test "--verbose tells once what was made" {
    make_small_tree
    run --separate-stderr -0 cronos -v create x
    assert_contains "$stderr" "4 files, 3 folders, 1 link"
    refute_contains "$stderr" "backup made"
    grep -q "backup made: 4 files" logs/egos_system.log
}

@test "a dry run tells the path that create would print, of the top directory too" {
    make_small_tree
    run --separate-stderr -0 cronos create x -n
    [[ $output == "$BACKUPS"/egos_backup_manual_x_*.zip ]]
    printf 'backup: { directory = "/"; };\n' >"$WORK/c.conf"
    run --separate-stderr -0 cronos -c "$WORK/c.conf" create x -n
    [[ $output == /egos_backup_manual_x_*.zip ]]
}

@test "create prints the archive's path alone on stdout" {
    make_small_tree
    run --separate-stderr -0 cronos create "My Project"
    assert_equal "${#lines[@]}" 1
    [[ $output =~ ^$BACKUPS/egos_backup_manual_my_project_[0-9]{8}_[0-9]{6}\.zip$ ]]
    [[ -f $output ]]
    assert_no_leftovers
}

@test "files, folders (empty ones too) and symbolic links are stored" {
    make_small_tree
    backup
    assert_members a.txt empty-file empty-folder/ link src/ src/deep/ src/deep/long.txt src/main.c
    assert_equal "$(unzip -p "$ARCHIVE" a.txt)" "first version"
    assert_equal "$(unzip -p "$ARCHIVE" link)" "src/main.c"
}

@test "an empty root gives a valid archive" {
    backup
    assert_members ""
    unzip -tqq "$ARCHIVE"
}

@test "the time stamp in the name is local time, now" {
    make_small_tree
    local before after stamp
    before=$(date +%Y%m%d_%H%M%S)
    backup
    after=$(date +%Y%m%d_%H%M%S)
    stamp=${ID: -15}
    [[ ! $stamp < $before && ! $stamp > $after ]]
}

@test "types: the known ones and words of one's own; others are refused" {
    make_small_tree
    backup x
    assert_contains "$ARCHIVE_NAME" egos_backup_manual_x_
    backup x -t auto
    assert_contains "$ARCHIVE_NAME" egos_backup_auto_x_
    backup x -t restore_point
    assert_contains "$ARCHIVE_NAME" egos_backup_restore_point_x_
    backup x -t before-upgrade-2
    assert_contains "$ARCHIVE_NAME" egos_backup_before-upgrade-2_x_
    for type in "" With_Underscore UPPER "a b" a/b "é"; do
        run --separate-stderr -2 cronos create x -t "$type"
        assert_error_line type
    done
}

@test "names: normalized, or refused with the reason" {
    make_small_tree
    backup "Ünï Code.v1-2_3"
    assert_contains "$ARCHIVE_NAME" "egos_backup_manual_ünï_code.v1-2_3_"
    backup "$(printf 'n%.0s' {1..128})"
    refused_name_in_existing "$(printf 'n%.0s' {1..129})"
}

refused_name_in_existing()
{
    run --separate-stderr -2 cronos create "$1"
    assert_error_line "name"
}

@test "names that are refused leave nothing behind" {
    make_small_tree
    refused_name ""
    refused_name "a/b"
    refused_name ".hidden"
    refused_name $'tab\there'
    refused_name $'new\nline'
    refused_name "///"
}

@test "a second backup in the same second takes the next one" {
    make_small_tree
    export SOURCE_DATE_EPOCH=1743667200
    backup x
    assert_equal "$ARCHIVE_NAME" egos_backup_manual_x_20250403_100000.zip
    local sum
    sum=$(sha256sum <"$ARCHIVE")
    backup x
    assert_equal "$ARCHIVE_NAME" egos_backup_manual_x_20250403_100001.zip
    assert_equal "$(sha256sum <"$BACKUPS/egos_backup_manual_x_20250403_100000.zip")" "$sum"
}

@test "the same tree gives the same bytes, whatever the number of threads" {
    gen-tree --files 40 "$ROOT/tree"
    export SOURCE_DATE_EPOCH=1743667200
    local threads
    for threads in 1 2 8; do
        backup x -j "$threads"
        mv "$ARCHIVE" "$WORK/$threads.zip"
    done
    cmp "$WORK/1.zip" "$WORK/2.zip"
    cmp "$WORK/1.zip" "$WORK/8.zip"
}

@test "default excludes leave out what they name, at any depth" {
    local name
    for name in .venv __pycache__ .git backups logs data node_modules; do
        mkdir -p "$name" "sub/$name"
        touch "$name/file" "sub/$name/file"
    done
    touch a.pyc sub/b.pyc kept.py sub/kept.py
    backup
    assert_members kept.py sub/ sub/kept.py
    backup x --no-default-excludes
    assert_contains "$(members)" .git/file
    refute_contains "$(members)" "$ID"
    refute_contains "$(members)" egos_backup_
}

# Once, nothing told that .git, data and the like were missing.
@test "what the patterns leave out is counted, and named with -v" {
    mkdir -p .git/objects src/data
    touch .git/objects/x src/data/y src/a.c src/b.pyc
    run --separate-stderr -0 cronos create x -n
    assert_contains "$stderr" "left out 3 paths by patterns (-v names them)"
    run --separate-stderr -0 cronos -v create x -n
    local path
    for path in .git src/data src/b.pyc; do
        assert_contains "$stderr"$'\n' "left out by a pattern: $path"$'\n'
    done
    # Neither the backup directory nor what lies below an excluded folder counts.
    run --separate-stderr -0 cronos create x --json
    assert_equal "$(json "$output" 'j["excluded"]')" 3
    run --separate-stderr -0 cronos create x --no-default-excludes -e .git
    assert_contains "$stderr" "left out 1 path by patterns"
    rm -r .git
    run --separate-stderr -0 cronos create x --no-default-excludes
    refute_contains "$stderr" "left out"
}

@test "-e adds to the excludes, -i chooses, and exclude wins" {
    mkdir -p src/sub doc build
    touch src/a.c src/a.o src/sub/b.c doc/x.md build/out.c top.c
    backup x -e '*.o' -e /build/
    assert_members doc/ doc/x.md src/ src/a.c src/sub/ src/sub/b.c top.c
    backup x -i '*.c' -e sub
    assert_members build/ build/out.c src/ src/a.c top.c
    backup x -i src
    assert_members src/ src/a.c src/a.o src/sub/ src/sub/b.c
    backup x -i 'src/*.c'
    assert_members src/ src/a.c
    backup x -i 'src/**/*.c'
    assert_members src/ src/a.c src/sub/ src/sub/b.c
}

@test "-i and -e take paths as people type them" {
    mkdir -p src/sub doc
    touch src/a.c src/sub/b.c doc/x.md top.c
    ln -s "$ROOT" "$WORK/way"
    local path
    for path in ./src src/ src// ./src/. /src src/./ "$ROOT/src" "$ROOT//src/" "$WORK/way/src"; do
        backup x -i "$path"
        assert_members src/ src/a.c src/sub/ src/sub/b.c
    done
    backup x -e ./src -e "$ROOT/top.c"
    assert_members doc/ doc/x.md
    for path in ../project/src src/../doc . ./ "$ROOT" "$ROOT/"; do
        run --separate-stderr -2 cronos create x -i "$path"
        assert_error_line "Pattern '$path' can not be used"
    done
}

@test "-i that matches nothing is a warning, and no backup where nothing is left" {
    mkdir src
    touch src/a.c
    run --separate-stderr -0 cronos create x -i src -i 'src/*.c' -i scr -i '*.o' --json
    assert_equal "$(json "$output" 'j["unmatched"]')" '["scr", "*.o"]'
    assert_contains "$stderr" "nothing matches the pattern 'scr'"
    run --separate-stderr -0 cronos create x -n -i src -i scr
    assert_contains "$stderr" "nothing matches the pattern 'scr'"
    local before
    before=$(ls -A "$BACKUPS")
    run --separate-stderr -1 cronos create x -i scr -i '*.o'
    assert_error_line "no backup made: nothing matches 'scr'"
    run --separate-stderr -1 cronos create x -n -i scr
    assert_error_line "nothing matches 'scr'"
    assert_equal "$(ls -A "$BACKUPS")" "$before"
}

@test "the backup directory is left out under any name" {
    make_small_tree
    printf 'backup: { directory = "./keep/here"; exclude_patterns = []; };\n' >cronos.conf
    cronos -q create one
    backup two
    refute_contains "$(members)" egos_backup
    [[ $ARCHIVE == "$ROOT/keep/here/"* ]]
}

@test "directories with a valid CACHEDIR.TAG are left out where that is configured" {
    mkdir cache fake
    printf 'Signature: 8a477f597d28d172789f06886806bc55\n# a cache\n' >cache/CACHEDIR.TAG
    echo "not a tag" >fake/CACHEDIR.TAG
    touch cache/big fake/file
    backup
    assert_contains "$(members)" cache/big
    printf 'backup: { exclude_caches = true; };\n' >"$WORK/c.conf"
    backup x -c "$WORK/c.conf"
    refute_contains "$(members)" cache/big
    assert_contains "$(members)" fake/file
}

@test "sockets, FIFOs and devices are skipped and counted" {
    make_small_tree
    mkfifo fifo
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
    run --separate-stderr -0 cronos create x --json
    ARCHIVE=$(json "$output" 'j["path"]')
    assert_equal "$(json "$output" 'j["skipped"]')" 2
    refute_contains "$(members)" fifo
    refute_contains "$(members)" socket
}

@test "metadata: the user's keys and ours, in the first member and in the comment" {
    make_small_tree
    echo '{"ticket": 42, "tags": ["a", "b"]}' >"$WORK/m.json"
    backup "My Name" -t auto -m reason="before the move" -m build=7 -m ok=true \
        --metadata "$WORK/m.json"
    assert_equal "$(unzip -Z1 "$ARCHIVE" | head -n 1)" backup_metadata.json
    local text comment
    text=$(unzip -p "$ARCHIVE" backup_metadata.json)
    comment=$(python3 -c 'import sys, zipfile
print(zipfile.ZipFile(sys.argv[1]).comment.decode())' "$ARCHIVE")
    assert_equal "$(json "$text" 'sorted(j) ')" \
        '["backup_type", "build", "created_at", "cronos", "name", "ok", "reason", "tags", "ticket"]'
    assert_equal "$(json "$text" '[j["reason"], j["build"], j["ok"], j["ticket"], j["tags"]]')" \
        '["before the move", 7, true, 42, ["a", "b"]]'
    assert_equal "$(json "$text" '[j["backup_type"], j["name"]]')" '["auto", "my_name"]'
    assert_equal "$(json "$text" 'j["created_at"]')" "${ID: -15}"
    assert_equal "$(json "$text" 'j["cronos"]["root"]')" "$ROOT"
    assert_equal "$(json "$text" '[j["cronos"][k] for k in ("files", "directories", "symlinks")]')" \
        '[4, 3, 1]'
    assert_equal "$(json "$text" 'json.dumps(j, sort_keys=True)')" \
        "$(json "$comment" 'j["cronos"].pop("seal") and json.dumps(j, sort_keys=True)')"
}

@test "metadata: reserved keys and what is no JSON object are refused" {
    make_small_tree
    run --separate-stderr -2 cronos create x -m cronos=1
    assert_error_line cronos
    run --separate-stderr -2 cronos create x -m created_at=1
    run --separate-stderr -2 cronos create x -m novalue
    echo '[1]' >"$WORK/m.json"
    run --separate-stderr -2 cronos create x --metadata "$WORK/m.json"
    assert_error_line m.json
    run --separate-stderr -2 cronos create x --metadata "$WORK/none.json"
    assert_error_line none.json
    [[ ! -e $BACKUPS ]] || assert_files "$BACKUPS"
}

@test "metadata larger than a ZIP comment stays in the member" {
    make_small_tree
    python3 -c 'import json; print(json.dumps({"big": "x" * 100000}))' >"$WORK/m.json"
    backup x --metadata "$WORK/m.json"
    unzip -tqq "$ARCHIVE"
    run -0 cronos show "$ID" --json
    assert_equal "$(json "$output" 'len(j["metadata"]["big"])')" 100000
}

@test "a backup_metadata.json of the user's own is the user's" {
    make_small_tree
    echo '{"mine": 1}' >backup_metadata.json
    backup x -m ticket=5
    assert_equal "$(unzip -p "$ARCHIVE" backup_metadata.json)" '{"mine": 1}'
    run -0 cronos show "$ID" --json
    assert_equal "$(json "$output" 'j["metadata"]["ticket"]')" 5
    run -0 cronos -q restore "$ID" --to "$WORK/out"
    assert_equal "$(cat "$WORK/out/backup_metadata.json")" '{"mine": 1}'
}

@test "levels: 0 stores, 12 is not larger than 1, others are refused" {
    head -c 300000 /dev/zero | tr '\0' 'y' >runs
    seq 50000 >numbers
    backup x -l 0
    assert_equal "$(unzip -Zv "$ARCHIVE" numbers | grep -c 'compression method: *none')" 1
    local one twelve
    backup x -l 1
    one=$(stat -c %s "$ARCHIVE")
    backup x -l 12
    twelve=$(stat -c %s "$ARCHIVE")
    ((twelve <= one))
    run --separate-stderr -2 cronos create x -l 13
    run --separate-stderr -2 cronos create x -l -1
}

@test "what does not shrink is stored" {
    head -c 3000000 /dev/urandom >noise
    backup
    assert_equal "$(unzip -Zv "$ARCHIVE" noise | grep -c 'compression method: *none')" 1
    (($(stat -c %s "$ARCHIVE") < 3010000))
}

@test "a dry run counts and writes nothing" {
    make_small_tree
    run --separate-stderr -0 cronos create x -n
    [[ ! -e $BACKUPS ]]
    run --separate-stderr -0 cronos create x --dry-run --json
    assert_equal "$(json "$output" '[j["files"], j["directories"], j["symlinks"]]')" "[4, 3, 1]"
    [[ ! -e $BACKUPS ]]
}

@test "--json tells path, name and counts" {
    make_small_tree
    run --separate-stderr -0 cronos create x --json
    assert_equal "$(json "$output" '[j["files"], j["directories"], j["symlinks"]]')" "[4, 3, 1]"
    local path
    path=$(json "$output" 'j["path"]')
    [[ -f $path ]]
    assert_equal "$(json "$output" 'j["archive_bytes"]')" "$(stat -c %s "$path")"
}

@test "the configured log file gets a line for each backup" {
    make_small_tree
    backup
    grep -qF "$ARCHIVE_NAME" "$ROOT/logs/egos_system.log"
}

@test "a file that grows while it is read is stored, named, and the status is 3" {
    make_small_tree
    head -c 50000000 /dev/zero | tr '\0' 'g' >growing
    (while :; do echo more >>growing; done) 3>&- &
    local writer=$!
    run --separate-stderr cronos create x
    kill "$writer"
    wait "$writer" || true
    assert_equal "$status" 3
    assert_contains "$stderr" growing
    unzip -tqq "$output"
    unzip -Z1 "$output" | grep -qx growing
}

@test "the archive is made with the modes of the user's umask" {
    make_small_tree
    umask 027
    backup
    assert_equal "$(stat -c %a "$ARCHIVE")" 640
}
