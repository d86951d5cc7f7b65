#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Hostile archives restored over a project, one upon the other, and taken members over from.

load ../lib/common
load hostile

setup()
{
    make_workspace
    make_hostile
}

teardown()
{
    check_outputs
    remove_workspace
}

@test "overwrite: links of the root and of earlier archives lead nowhere, backups stay" {
    local name before
    cp "$ARCHIVES"/* "$BACKUPS"
    before=$(dump-tree "$BACKUPS")
    remember
    while read -r name _; do
        [[ $name != *_bomb-overlapping_* ]] || continue
        tame cronos restore "$name" --strategy overwrite -y --no-restore-point --no-verify
    done <"$TABLE"
    unharmed overwrite
    assert_equal "$(dump-tree "$BACKUPS")" "$before"
}

@test "--delete: links are removed, never followed, and backups stay" {
    local name before
    cp "$ARCHIVES"/*_{links-outward,link-then-file,names-odd,special-files,no-members}_* "$BACKUPS"
    before=$(dump-tree "$BACKUPS")
    remember
    for name in links-outward link-then-file names-odd special-files; do
        name=$(basename "$BACKUPS"/*_"$name"_*)
        tame cronos restore "$name" --strategy overwrite -y --no-restore-point --no-verify
    done
    name=$(basename "$BACKUPS"/*_no-members_*)
    tame cronos restore "$name" --strategy overwrite -y --no-restore-point --delete
    assert_equal "$ENDED" 0
    unharmed "--delete"
    assert_files "$ROOT" backups logs
    assert_equal "$(dump-tree "$BACKUPS")" "$before"
}

@test "overwrite with a restore point: what was there can be had again" {
    local point
    cp "$ARCHIVES"/*into-links-of-the-root* "$BACKUPS"
    tame cronos restore latest --strategy overwrite -y
    unharmed_files
    point=$(basename "$(echo "$BACKUPS"/*restore_point*)")
    assert_equal "$(cat "$ROOT/outward/evil")" x
    [[ ! -L $ROOT/outward && ! -e $BACKUPS/evil.zip ]]
    tame cronos restore "$point" --strategy overwrite -y --no-restore-point --delete
    assert_equal "$ENDED" 0
    assert_equal "$(readlink "$ROOT/outward")" "$CANARY"
    unharmed_files
}

unharmed_files()
{
    assert_files "$CANARY" hello
    assert_equal "$(cat "$CANARY/hello")" hello
}

@test "create beside all of them: a whole backup, and the project in it" {
    cp "$ARCHIVES"/* "$BACKUPS"
    remember
    tame cronos -q create new
    assert_equal "$ENDED" 0
    unharmed create
    cmp <(unzip -p "$(cat "$OUT")" a) a
    tame cronos -q verify --against-source latest
    assert_equal "$ENDED" 0
}

@test "create from a hostile earlier backup: nothing of it is taken over" {
    local name archive
    while read -r name _; do
        [[ $name == *_reuse-* ]] || continue
        rm -f "$BACKUPS"/*
        cp "$ARCHIVES/$name" "$BACKUPS"
        tame cronos create new
        assert_equal "$name $ENDED" "$name 0"
        archive=$(cat "$OUT")
        cmp <(unzip -p "$archive" a) a || fail "$name"
        tame cronos -q verify --against-source "${archive##*/}"
        assert_equal "$name $ENDED" "$name 0"
    done <"$TABLE"
}

@test "clean: hostile backups go like any other, foreign files stay" {
    cp "$ARCHIVES"/* "$BACKUPS"
    cp "$ARCHIVES"/*no-members* "$BACKUPS/foreign.zip"
    remember
    tame_json cronos clean -n --json
    assert_equal "$ENDED" 0
    tame cronos clean --max-backups 2 --retention-days 0
    assert_equal "$ENDED" 0
    unharmed clean
    # What is damaged is not counted.
    assert_equal "$(json "$(cronos list --json)" 'sum(not b["damaged"] for b in j)')" 2
    [[ -e $BACKUPS/foreign.zip ]]
}

@test "what is no file but named like an archive is passed over" {
    mkdir "$BACKUPS/egos_backup_manual_folder_20250101_000000.zip"
    mkfifo "$BACKUPS/egos_backup_manual_fifo_20250101_000001.zip"
    ln -s /etc/passwd "$BACKUPS/egos_backup_manual_link_20250101_000002.zip"
    ln -s /dev/zero "$BACKUPS/egos_backup_manual_device_20250101_000003.zip"
    ln -s loop "$BACKUPS/loop"
    tame cronos list --all
    assert_equal "$ENDED" 0
    refute_contains "$(cat "$OUT")" egos_backup
    tame cronos verify --all
    tame cronos create new
    assert_equal "$ENDED" 0
    tame cronos clean --max-backups 1
    assert_equal "$ENDED" 0
    [[ -p $BACKUPS/egos_backup_manual_fifo_20250101_000001.zip ]]
}

@test "identifiers and paths that lead elsewhere, or are no text" {
    local id
    cp "$ARCHIVES"/*links-outward* "$ARCHIVES"/*names-odd* "$BACKUPS"
    remember
    for id in ../canary /etc/passwd '%s%n' $'\e[2J' $'\xff' "$(printf '%0100000d' 1)" '' . .. -- \
        '*' "$BACKUPS/../latest"; do
        tame cronos show -- "$id"
        ((ENDED == 1 || ENDED == 2)) || fail "show: status $ENDED: $id"
        tame cronos restore --to "$WORK/outer/x" -- "$id"
        ((ENDED == 1 || ENDED == 2)) || fail "restore: status $ENDED: $id"
    done
    for id in ../canary "$CANARY" .. absolute/x '' . $'new\nline' "$(printf 'd/%.0s' {1..5000})"; do
        tame cronos restore latest --to "$WORK/outer/y" -- "$id"
        rm -rf "$WORK/outer/y"
    done
    unharmed identifiers
}
