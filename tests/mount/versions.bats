#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# .versions: every version of every path, over all backups.

load ../lib/mount
load ../lib/history

setup()
{
    make_workspace
    MNT=$WORK/mnt
    V=$MNT/.versions
    mkdir "$MNT"
}

# Holds all of .versions against the backups, as Python's zipfile reads them: the folders, what the
# versions are called, and their bytes.
compare_versions()
{
    python3 - "$BACKUPS" "$V" <<'END'
import os, stat, sys, zipfile

DIRECTORY, MOUNTED = sys.argv[1:]


def holdings(name):
    """What a backup holds: path to None (a folder) or (kind, bytes)."""
    found = {"": None}
    with zipfile.ZipFile(os.path.join(DIRECTORY, name)) as archive:
        for info in archive.infolist():
            path = info.filename.removeprefix("./").rstrip("/")
            if path == "backup_metadata.json":
                continue
            parts = path.split("/")
            for i in range(1, len(parts)):
                found.setdefault("/".join(parts[:i]), None)
            link = stat.S_ISLNK(info.external_attr >> 16)
            found[path] = None if info.is_dir() else ("link" if link else "file",
                                                      archive.read(info))
    return found


def version_name(path, timestamp):
    name = path.rpartition("/")[2]
    stem, dot, extension = name.rpartition(".")
    if stem and extension and len(extension) <= 32:
        return "%s.%s.%s" % (stem, timestamp, extension)
    return "%s.%s" % (name, timestamp)


def expected(names, backups):
    tree = {}
    for path in sorted(set().union(*backups.values())):
        tree[path] = "folder"
        last = None
        for name in names:
            now = backups[name].get(path)
            if now is not None and now != last:
                tree[(path + "/" if path else "") + version_name(path, name[-19:-4])] = now
            last = now
    return tree


def mounted():
    tree = {"": "folder"}
    for top, folders, files in os.walk(MOUNTED):
        for name in folders + files:
            full = os.path.join(top, name)
            mode = os.lstat(full).st_mode
            path = os.path.relpath(full, MOUNTED)
            if stat.S_ISLNK(mode):
                tree[path] = ("link", os.readlink(full).encode())
            elif stat.S_ISDIR(mode):
                tree[path] = "folder"
            else:
                with open(full, "rb") as file:
                    tree[path] = ("file", file.read())
    return tree


names = sorted((n for n in os.listdir(DIRECTORY) if n.startswith("egos_backup_")),
               key=lambda n: n[-19:])
wanted, there = expected(names, {name: holdings(name) for name in names}), mounted()
for path in sorted(set(wanted) | set(there)):
    if wanted.get(path) != there.get(path):
        sys.exit("%s:\nexpected %.200r\nthere    %.200r" % (path, wanted.get(path),
                                                            there.get(path)))
print(len(there))
END
}

@test "all of it, held against a plain reading of all backups" {
    make_history
    make_odd_backups
    mount_backups
    run -0 compare_versions
    ((output > 30))
    run -0 compare_versions
}

@test "versions are named by time, one for each content in a row" {
    make_history
    mount_backups
    run -0 ls "$V/a.txt"
    assert_equal "$output" $'a.20250403_100000.txt\na.20250403_110000.txt\na.20250403_150000.txt'
    assert_equal "$(cat "$V"/a.txt/*)" "one two two "
    run -0 ls "$V/src/deep/long.txt" "$V/empty-file"
    assert_contains "$output" long.20250403_100000.txt
    assert_contains "$output" empty-file.20250403_100000
    cp -a "$V/a.txt/a.20250403_110000.txt" "$WORK/recovered"
    assert_equal "$(stat -c '%s %Y %a' "$WORK/recovered")" \
        "4 $(date -d '2024-05-06 12:00:00' +%s) 644"
    assert_equal "$(stat -c %i "$V/a.txt/a.20250403_110000.txt")" \
        "$(stat -c %i "$MNT/egos_backup_manual_x_20250403_110000/a.txt")"
    # A path that is file, link and folder by turns: folders are paths, files and links versions.
    run -0 find "$V/notes" -mindepth 1 -printf '%y %P %l\n'
    assert_equal "$(sort <<<"$output")" "\
d inner 
d other.tar.gz 
f inner/inner.20250403_120000 
f notes.20250403_100000 
f notes.20250403_150000 
f other.tar.gz/other.tar.20250403_140000.gz 
l notes.20250403_160000 a.txt"
}

@test "names that are taken: a number tells them apart" {
    make_small_tree
    echo one >twin
    echo file >both
    backup_at 10 x
    echo two >twin
    rm both
    mkdir -p both/both.20250403_100000
    touch both/both.20250403_100000/inside
    SOURCE_DATE_EPOCH=$(date -d "2025-04-03 10:00:00" +%s) backup y
    assert_contains "$ARCHIVE_NAME" _y_20250403_100000.zip
    mount_backups
    run -0 ls "$V/twin"
    assert_equal "$output" $'twin.20250403_100000\ntwin.20250403_100000~1'
    assert_equal "$(cat "$V"/twin/* | sort)" $'one\ntwo'
    run -0 find "$V/both" -mindepth 1 -printf '%y %P\n'
    assert_equal "$(sort <<<"$output")" $'d both.20250403_100000
d both.20250403_100000/inside
f both.20250403_100000/inside/inside.20250403_100000
f both.20250403_100000~1'
    assert_equal "$(cat "$V/both/both.20250403_100000~1")" file
}

@test "it is not listed, but as versions= says" {
    make_history
    mount_backups
    refute_contains "$(ls -A "$MNT")" .versions
    [[ -d $V/src ]]
    unmount_backups
    mount_backups -o versions=visible
    assert_contains "$(ls -A "$MNT")" .versions
    [[ -f $V/a.txt/a.20250403_100000.txt ]]
    unmount_backups
    mount_backups -o versions=off
    refute_contains "$(ls -A "$MNT")" .versions
    [[ ! -e $V ]]
    run --separate-stderr -2 cronosfs -o versions=some "$BACKUPS" "$WORK"
    assert_error_line "versions=some"
}

is_listed()
{
    ls "$1" | grep -qxF "$2"
}

is_not_listed()
{
    ! is_listed "$1" "$2"
}

@test "live: new backups bring versions, removed ones take theirs, what is open reads on" {
    make_history
    mount_backups
    local folder
    find "$V" >/dev/null
    exec 8<"$V/a.txt"
    folder=$(stat -c %i "$V/src")
    echo "three" >a.txt
    mkdir src/new
    backup_at 17
    wait_until 3 is_listed "$V/a.txt" a.20250403_170000.txt
    wait_until 3 is_listed "$V/src" new
    assert_equal "$(cat "$V/a.txt/a.20250403_170000.txt")" three
    # A folder keeps its number while its oldest backup is there.
    assert_equal "$(stat -c %i "$V/src")" "$folder"
    exec 9<"$V/a.txt/a.20250403_110000.txt"
    cd "$V/src"
    rm "$BACKUPS"/*_{10,11}0000.zip
    wait_until 3 is_not_listed "$V/a.txt" a.20250403_110000.txt
    # The same content is still in the backup of 12 o'clock.
    assert_equal "$(cat "$V/a.txt/a.20250403_120000.txt")" "two "
    assert_equal "$(cat <&9)" "two "
    # Who is in a folder stays in it.
    is_listed . main.c
    assert_equal "$(cat main.c/main.20250403_120000.c)" "$(cat "$ROOT/src/main.c")"
    exec 8<&- 9<&-
    cd "$ROOT"
    wait_until 5 compare_versions >/dev/null
    rm "$BACKUPS"/*.zip
    wait_until 3 gone "$V/src"
    assert_files "$V"
}

gone()
{
    [[ ! -e $1 ]]
}

@test "a damaged backup is passed over, and logged; what is not there, and can not be done" {
    make_history
    cut_in_half "$BACKUPS/egos_backup_manual_x_20250403_100000.zip"
    mount_backups
    run -0 ls "$V/a.txt"
    assert_equal "$output" $'a.20250403_110000.txt\na.20250403_150000.txt'
    grep -q egos_backup_manual_x_20250403_100000.zip "$WORK/daemon.log"
    run -1 cat "$V/nonesuch"
    assert_contains "$output" "No such file"
    run -1 cat "$V/a.txt/nonesuch"
    assert_contains "$output" "No such file"
    run -1 cat "$V/a.txt/a.20250403_110000.txt/below"
    assert_contains "$output" "Not a directory"
    run -1 cat "$V/a.txt/$(printf 'n%.0s' {1..256})"
    assert_contains "$output" "too long"
    run ! touch "$V/new"
    run ! rm -rf "$V/a.txt"
    assert_equal "$(cat "$V/a.txt/a.20250403_110000.txt")" "two "
    [[ ! -e $V/backup_metadata.json ]]
    run getfattr -d "$V/src"
    assert_equal "$output" ""
}

@test "many names, more than one reply holds, while backups come" {
    mkdir -p many
    touch many/file-{0001..3000}-with-a-longer-name-than-most
    backup_at 10
    mount_backups
    ls -f "$V/many" >"$WORK/listing" 3>&- &
    local lister=$!
    backup_at 11
    wait "$lister"
    assert_equal "$(grep -c file- "$WORK/listing")" 3000
    assert_equal "$(sort -u "$WORK/listing" | grep -c file-)" 3000
    assert_equal "$(ls "$V/many" | wc -l)" 3000
}

@test "private folders stay private to others" {
    mkdir -m 700 private
    mkdir -m 755 open
    echo secret >private/file
    echo public >open/file
    give_to_user open
    backup_at 10
    chmod 755 private
    backup_at 11
    chmod a+r "$BACKUPS"/*.zip
    chmod a+rx "$BACKUPS"
    mount_backups -o allow_other
    run -0 as_user cat "$V/open/file/file.20250403_100000"
    assert_equal "$output" public
    ((EUID != 0)) || run ! as_user ls "$V/private"
    chmod 600 "$BACKUPS"/*_100000.zip
    ((EUID != 0)) || wait_until 3 refuses_user "$V"
}

refuses_user()
{
    ! as_user ls "$1"
}
