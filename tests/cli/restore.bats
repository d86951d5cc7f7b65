#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# restore: both strategies, parts, restore points, and what it refuses.

load ../lib/common

restore_points()
{
    find "$BACKUPS" -name 'egos_backup_restore_point_*' | sort
}

@test "new location is the default, below the backup directory" {
    make_small_tree
    backup x
    run --separate-stderr -0 cronos restore "$ID"
    assert_equal "$output" "$BACKUPS/restores/restore_x_${ID: -15}"
    diff -r --no-dereference --exclude=backups --exclude=logs "$ROOT" "$output"
    [[ ! -e $output/backup_metadata.json ]]
    assert_no_leftovers "$BACKUPS/restores"
    assert_equal "$(restore_points)" ""
}

@test "--to a new directory: an awkward tree comes back as it was, to the nanosecond" {
    gen-tree "$ROOT/tree"
    gen-tree --long-path 3500 "$ROOT/long"
    backup x
    run --separate-stderr -0 cronos restore "$ID" --to "$WORK/out"
    assert_equal "$output" "$WORK/out"
    assert_same_tree "$ROOT/tree" "$WORK/out/tree"
    assert_same_tree "$ROOT/long" "$WORK/out/long"
    assert_files "$WORK/out" tree long
}

@test "--to: an empty directory is taken, one that is not empty is refused" {
    make_small_tree
    backup x
    mkdir "$WORK/empty" "$WORK/full"
    run -0 cronos -q restore "$ID" --to "$WORK/empty"
    assert_same_tree "$ROOT/src" "$WORK/empty/src"
    echo precious >"$WORK/full/file"
    run --separate-stderr -1 cronos restore "$ID" --to "$WORK/full"
    assert_error_line "not empty"
    assert_files "$WORK/full" file
    assert_equal "$(cat "$WORK/full/file")" precious
    run --separate-stderr -1 cronos restore "$ID" --to "$WORK/full/file"
    assert_equal "$(cat "$WORK/full/file")" precious
}

@test "a relative --to is relative to where the user is" {
    make_small_tree
    backup x
    mkdir "$WORK/elsewhere"
    cd "$WORK/elsewhere"
    run --separate-stderr -0 cronos -C "$ROOT" restore "$ID" --to out
    [[ -f $WORK/elsewhere/out/a.txt ]]
}

@test "PATHs restore a part" {
    make_small_tree
    backup x
    run -0 cronos -q restore "$ID" src/deep a.txt --to "$WORK/out"
    assert_files "$WORK/out" src a.txt
    assert_files "$WORK/out/src" deep
    assert_same_tree "$ROOT/src/deep" "$WORK/out/src/deep"
    run --separate-stderr -1 cronos restore "$ID" no/such/file --to "$WORK/out2"
    assert_error_line no/such/file
    [[ ! -e $WORK/out2 ]]
}

@test "overwrite: a restore point first, and restoring it brings the state back" {
    make_small_tree
    backup x
    echo "second version" >a.txt
    rm src/main.c
    ln -sfn a.txt link
    echo "new since" >new.txt
    dump-tree --skip backups --skip logs "$ROOT" >"$WORK/second"
    run --separate-stderr -0 cronos restore "$ID" --strategy overwrite --yes
    assert_equal "$output" "$ROOT"
    assert_equal "$(cat a.txt)" "first version"
    [[ -f src/main.c ]]
    assert_equal "$(readlink link)" src/main.c
    assert_equal "$(cat new.txt)" "new since"
    local point
    point=$(restore_points)
    [[ -n $point ]]
    assert_contains "$stderr" "$(basename "$point")"
    run -0 cronos -q restore "$(basename "$point")" --strategy overwrite --delete --yes
    diff "$WORK/second" <(dump-tree --skip backups --skip logs "$ROOT")
}

@test "overwrite leaves unchanged files alone" {
    make_small_tree
    backup x
    local inode
    inode=$(stat -c %i src/main.c)
    echo changed >a.txt
    run -0 cronos -q restore "$ID" --strategy overwrite -y
    assert_equal "$(stat -c %i src/main.c)" "$inode"
    assert_equal "$(cat a.txt)" "first version"
}

@test "overwrite replaces by rename: whoever has the old file open keeps it whole" {
    make_small_tree
    backup x
    echo "second version" >a.txt
    exec 7<a.txt
    run -0 cronos -q restore "$ID" --strategy overwrite -y 7<&-
    assert_equal "$(cat <&7)" "second version"
    exec 7<&-
}

@test "overwrite with --delete removes what the backup lacks, and never what it left out" {
    make_small_tree
    mkdir .git
    echo ref >.git/HEAD
    backup x
    echo extra >extra.txt
    mkdir -p extra-folder/sub
    touch extra-folder/sub/file
    run -0 cronos -q restore "$ID" --strategy overwrite -y
    [[ -e extra.txt ]]
    run -0 cronos -q restore "$ID" --strategy overwrite -y --delete
    [[ ! -e extra.txt && ! -e extra-folder ]]
    [[ -f .git/HEAD && -f $ARCHIVE ]]
    grep -q extra.txt "$ROOT/logs/egos_system.log"
}

@test "overwrite, where kinds have changed" {
    mkdir -p folder-then-file file-then-folder.d
    touch folder-then-file/inside
    echo file >file-then-folder
    ln -s nowhere link-then-file
    backup x
    rm -r folder-then-file file-then-folder link-then-file
    echo now a file >folder-then-file
    mkdir file-then-folder
    echo now a file >link-then-file
    run -0 cronos -q restore "$ID" --strategy overwrite -y --delete
    [[ -f folder-then-file/inside && -f file-then-folder && -L link-then-file ]]
}

@test "overwrite never writes through a symbolic link in the way" {
    mkdir sub outside-placeholder
    echo inside >sub/file
    backup x
    mkdir "$WORK/outside"
    echo precious >"$WORK/outside/file"
    rm -r sub
    ln -s "$WORK/outside" sub
    run cronos -q restore "$ID" --strategy overwrite -y
    assert_equal "$(cat "$WORK/outside/file")" precious
    assert_files "$WORK/outside" file
}

@test "the strategy can be configured" {
    make_small_tree
    backup x
    echo changed >a.txt
    printf 'restore: { default_strategy = "overwrite"; create_restore_point = false; };\n' \
        >"$WORK/c.conf"
    run --separate-stderr -0 cronos -c "$WORK/c.conf" restore "$ID" -y
    assert_equal "$output" "$ROOT"
    assert_equal "$(cat a.txt)" "first version"
    assert_equal "$(restore_points)" ""
}

@test "--no-restore-point makes none" {
    make_small_tree
    backup x
    echo changed >a.txt
    run -0 cronos -q restore "$ID" --strategy overwrite -y --no-restore-point
    assert_equal "$(restore_points)" ""
}

@test "overwriting another directory: the restore point is of that one" {
    make_small_tree
    backup x
    mkdir -p "$WORK/copy"
    echo "copy of my own" >"$WORK/copy/a.txt"
    run --separate-stderr -0 cronos restore "$ID" --strategy overwrite --to "$WORK/copy" -y
    assert_equal "$(cat "$WORK/copy/a.txt")" "first version"
    local point
    point=$(basename "$(restore_points)")
    assert_equal "$(unzip -p "$BACKUPS/$point" a.txt)" "copy of my own"
    assert_equal "$(json "$(cronos show "$point" --json)" 'j["metadata"]["cronos"]["root"]')" \
        "$WORK/copy"
    run -0 cronos -q restore "$point" --strategy overwrite --to "$WORK/copy" -y
    assert_equal "$(cat "$WORK/copy/a.txt")" "copy of my own"
}

@test "where the restore point can not be made, nothing is touched" {
    make_small_tree
    backup x
    mkdir "$WORK/elsewhere"
    mv "$ARCHIVE" "$WORK/elsewhere"
    echo changed >a.txt
    printf 'backup: { directory = "%s"; };\n' "$WORK/elsewhere" >"$WORK/c.conf"
    give_to_user "$ROOT"
    chmod 555 "$WORK/elsewhere"
    run --separate-stderr as_user cronos -c "$WORK/c.conf" restore "$ID" --strategy overwrite -y
    assert_equal "$status" 1
    assert_equal "$(cat a.txt)" changed
}

@test "a dry run prints what would change, and changes nothing" {
    make_small_tree
    backup x
    echo changed >a.txt
    rm src/main.c
    echo extra >extra.txt
    dump-tree --skip logs "$ROOT" >"$WORK/before"
    run --separate-stderr -0 cronos restore "$ID" --strategy overwrite --delete -n
    assert_contains "$output" "replace a.txt"
    assert_contains "$output" "create src/main.c"
    assert_contains "$output" "delete extra.txt"
    refute_contains "$output" empty-file
    diff "$WORK/before" <(dump-tree --skip logs "$ROOT")
    run --separate-stderr -0 cronos restore "$ID" --to "$WORK/out" --dry-run
    assert_contains "$output" "create a.txt"
    [[ ! -e $WORK/out ]]
}

@test "--json tells target and counts" {
    make_small_tree
    backup x
    run --separate-stderr -0 cronos restore "$ID" --to "$WORK/out" --json
    assert_equal "$(json "$output" 'j["target"]')" "$WORK/out"
    (($(json "$output" 'j["created"]') >= 6))
}

@test "a second restore to the default place does not touch the first" {
    make_small_tree
    backup x
    run --separate-stderr -0 cronos -q restore "$ID"
    echo mine >"$output/a.txt"
    local first=$output
    run --separate-stderr -0 cronos -q restore "$ID"
    [[ $output != "$first" ]]
    assert_equal "$(cat "$first/a.txt")" mine
    assert_equal "$(cat "$output/a.txt")" "first version"
}

@test "setuid and setgid only with --same-permissions" {
    echo x >tool
    chmod 6755 tool
    backup x
    run -0 cronos -q restore "$ID" --to "$WORK/plain"
    assert_equal "$(stat -c %a "$WORK/plain/tool")" 755
    run -0 cronos -q restore "$ID" --to "$WORK/same" --same-permissions
    assert_equal "$(stat -c %a "$WORK/same/tool")" 6755
}

@test "sparse runs become holes" {
    truncate -s 64M sparse
    echo end >>sparse
    backup x
    run -0 cronos -q restore "$ID" --to "$WORK/out"
    cmp sparse "$WORK/out/sparse"
    (($(stat -c %b "$WORK/out/sparse") * 512 < 1000000))
}

@test "hostile members are never written outside of the target" {
    mkdir -p "$BACKUPS"
    python3 - "$BACKUPS/hostile.zip" "$WORK" <<'END'
import stat, sys, zipfile
archive, work = sys.argv[1:]
with zipfile.ZipFile(archive, "w") as out:
    out.writestr("../escaped-1", "x")
    out.writestr("a/../../escaped-2", "x")
    out.writestr(work + "/escaped-3", "x")
    out.writestr("..\\escaped-4", "x")
    link = zipfile.ZipInfo("way-out")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    out.writestr(link, work)
    out.writestr("way-out/escaped-5", "x")
    out.writestr("good", "good")
END
    run cronos -q restore hostile --to "$WORK/out"
    ((status == 0 || status == 1 || status == 3))
    [[ -z $(find "$WORK" "$ROOT" -path "$WORK/out" -prune -o -name '*escaped*' -print) ]]
}
