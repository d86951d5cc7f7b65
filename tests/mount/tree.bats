#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What is seen through the mount is what was backed up.

load ../lib/mount

@test "an awkward tree: no difference in content, kinds, modes, owners, links, times to the ns" {
    gen-tree "$ROOT/tree"
    backup x
    mount_backups
    diff -r --no-dereference "$ROOT/tree" "$MNT/$ID/tree"
    assert_same_tree "$ROOT/tree" "$MNT/$ID/tree"
}

@test "a path of 3,800 bytes is reached" {
    gen-tree --long-path 3800 "$ROOT/long"
    backup x
    mount_backups
    assert_same_tree "$ROOT/long" "$MNT/$ID/long"
}

@test "the mount's root: one folder an archive, sorted, and latest" {
    make_small_tree
    SOURCE_DATE_EPOCH=1743667200 backup b
    SOURCE_DATE_EPOCH=1743753600 backup a
    zip -q "$BACKUPS/mine.zip" a.txt
    touch "$BACKUPS/notes.txt"
    cronos -q pin latest
    # Restore points were the latest, and so what "restore latest" had just replaced.
    cp "$ARCHIVE" "$BACKUPS/egos_backup_restore_point_p_20250405_100000.zip"
    mount_backups
    assert_files "$MNT" egos_backup_manual_a_20250404_100000 egos_backup_manual_b_20250403_100000 \
        egos_backup_restore_point_p_20250405_100000 latest mine
    assert_equal "$(readlink "$MNT/latest")" egos_backup_manual_a_20250404_100000
    assert_equal "$(ls -U "$MNT")" "$(ls "$MNT")"
    diff -r --no-dereference "$ROOT/src" "$MNT/latest/src"
}

# Once, every backup was backed up again, one level deeper each time.
@test "a mount inside the root is no part of a backup, and restore --delete spares it" {
    make_small_tree
    backup x
    MNT=$ROOT/look-back
    mkdir "$MNT"
    mount_backups
    run --separate-stderr -0 cronos create y --json
    assert_equal "$(json "$output" '[j["mounts"], j["directories"], j["unreadable"]]')" \
        "[1, 3, []]"
    assert_contains "$stderr" "left out 1 mount of backups"
    run -0 cronos -q diff latest --source --exit-code
    run --separate-stderr -0 cronos -q restore "$ID" --strategy overwrite --delete -y
    assert_equal "$stderr" ""
    assert_files "$MNT/$ID" a.txt src empty-folder empty-file link
    # One that may not be entered, too.
    give_to_user "$BACKUPS" "$ROOT/logs"
    run --separate-stderr -0 as_user cronos -C "$ROOT" create z --json
    assert_equal "$(json "$output" '[j["mounts"], j["directories"], j["unreadable"]]')" \
        "[1, 3, []]"
}

@test "ls -l of the mount's root opens no archive" {
    make_small_tree
    backup x
    mount_backups
    # An access time older than the change time moves with the first read, under relatime too.
    touch -a -d "3 days ago" "$ARCHIVE"
    local before
    before=$(stat -c %X "$ARCHIVE")
    ls -l "$MNT" >/dev/null
    stat "$MNT/$ID" >/dev/null
    assert_equal "$(stat -c %X "$ARCHIVE")" "$before"
}

@test "an empty backup directory mounts, and has no latest" {
    mkdir "$BACKUPS"
    mount_backups
    assert_files "$MNT"
}

@test "everything is read-only" {
    make_small_tree
    backup x
    mount_backups
    local target=$MNT/$ID command
    for command in "touch $target/a.txt" "touch $target/new" "mkdir $target/d" "mkdir $MNT/d" \
        "rm $target/a.txt" "mv $target/a.txt $target/b" "chmod 600 $target/a.txt" \
        "ln -s x $target/l" "truncate -s 0 $target/a.txt" "rm $MNT/latest" \
        "setfattr -n user.x -v y $target"; do
        run $command
        assert_equal "$status" 1
        assert_contains "$output" "Read-only file system"
    done
}

@test "extended attributes tell type, name, creation time and metadata" {
    make_small_tree
    backup "The Name" -t auto -m ticket=42
    zip -q "$BACKUPS/mine.zip" a.txt
    mount_backups
    assert_equal "$(getfattr --only-values -n user.cronos.type "$MNT/$ID")" auto
    assert_equal "$(getfattr --only-values -n user.cronos.name "$MNT/$ID")" the_name
    assert_equal "$(getfattr --only-values -n user.cronos.created_at "$MNT/$ID")" "${ID: -15}"
    assert_equal "$(json "$(getfattr --only-values -n user.cronos.metadata "$MNT/$ID")" \
        'j["ticket"]')" 42
    run -0 getfattr -d "$MNT/$ID"
    assert_contains "$output" 'user.cronos.type="auto"'
    refute_contains "$output" user.cronos.error
    run getfattr -n user.cronos.type "$MNT/mine"
    ((status != 0))
    run getfattr -n user.cronos.type "$MNT/$ID/a.txt"
    ((status != 0))
}

@test "listing the names of attributes opens no archive, and names none that can not be got" {
    make_small_tree
    backup x
    local small=$ID
    python3 -c 'import json, sys; json.dump({"long": "x" * 70000}, open(sys.argv[1], "w"))' "$WORK/long"
    backup y --metadata "$WORK/long"
    tar -czf "$BACKUPS/other.tar.gz" a.txt src
    mount_backups
    cd "$MNT"
    run -0 python3 -c 'import os
for folder in sorted(f for f in os.listdir(".") if not os.path.islink(f)):
    print(folder, *sorted(name.removeprefix("user.cronos.") for name in os.listxattr(folder)))'
    assert_contains "$output" "$small created_at metadata name type"
    assert_contains "$output" "$ID created_at name type"
    run bash -c 'ls -l "/proc/$1/fd"' bash "$(serving_process)"
    refute_contains "$output" .zip
    refute_contains "$output" .tar.gz
    python3 -c 'import os
for folder in os.listdir("."):
    for name in os.listxattr(folder): os.getxattr(folder, name)'
    cd "$WORK"
}

@test "the folder of a backup equals its source: our metadata member is not listed" {
    make_small_tree
    backup x -m ticket=42
    mount_backups
    diff -r --no-dereference --exclude=backups --exclude=logs "$ROOT" "$MNT/$ID"
    run -0 python3 -c 'import os, sys
print(sorted(os.listdir(sys.argv[1])))' "$MNT/$ID"
    refute_contains "$output" backup_metadata.json
    # As with a hidden folder, who knows the name finds it.
    assert_equal "$(json "$(cat "$MNT/$ID/backup_metadata.json")" 'j["ticket"]')" 42
    assert_equal "$(json "$(getfattr --only-values -n user.cronos.metadata "$MNT/$ID")" \
        'j["ticket"]')" 42
}

@test "a backup_metadata.json of the user's own is listed, in each place" {
    mkdir "$ROOT/below"
    echo '{"mine": 1}' | tee "$ROOT/below/backup_metadata.json" >"$ROOT/backup_metadata.json"
    backup x
    mount_backups
    assert_files "$MNT/$ID" backup_metadata.json below
    assert_files "$MNT/$ID/below" backup_metadata.json
    assert_equal "$(cat "$MNT/$ID/backup_metadata.json")" '{"mine": 1}'
}

@test "inode numbers are stable and all different" {
    gen-tree --files 60 "$ROOT/tree"
    backup x
    mount_backups
    find "$MNT" -printf '%i %P\n' | sort >"$WORK/one"
    find "$MNT" -printf '%i %P\n' | sort >"$WORK/two"
    cmp "$WORK/one" "$WORK/two"
    assert_equal "$(find "$MNT" -printf '%i\n' | sort | uniq -d)" ""
}

@test "d_type, directory offsets and telldir serve tools that rely on them" {
    gen-tree --many 3000 "$ROOT/many"
    backup x
    mount_backups
    python3 - "$MNT/$ID/many" <<'END'
import ctypes, os, sys
names = [entry.name for entry in os.scandir(sys.argv[1])
         if entry.is_file(follow_symlinks=False)]
assert len(names) == len(set(names)) == 3000, len(names)
libc = ctypes.CDLL(None, use_errno=True)
libc.fdopendir.restype = libc.readdir.restype = ctypes.c_void_p
libc.telldir.restype = ctypes.c_long
libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]
for name in ("readdir", "telldir", "closedir"):
    getattr(libc, name).argtypes = [ctypes.c_void_p]
stream = libc.fdopendir(os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY))
def next_name():
    entry = libc.readdir(stream)
    return entry and ctypes.string_at(entry + 19)
for _ in range(1500):
    assert next_name()
place = libc.telldir(stream)
after = [next_name() for _ in range(100)]
while next_name():
    pass
libc.seekdir(stream, place)
assert [next_name() for _ in range(100)] == after
libc.closedir(stream)
END
}

@test "mmap, tar, grep -r, cp -a, rsync-like reads at odd offsets" {
    gen-tree --plain "$ROOT/tree"
    backup x
    mount_backups
    tar cf - -C "$MNT/$ID" tree | tar xf - -C "$WORK"
    diff -r --no-dereference "$ROOT/tree" "$WORK/tree"
    cp -a "$MNT/$ID/tree" "$WORK/copy"
    assert_same_tree "$ROOT/tree" "$WORK/copy"
    assert_equal "$(grep -rc "a line of text" "$MNT/$ID/tree/sizes" | sort | sed "s|$MNT/$ID||")" \
        "$(grep -rc "a line of text" "$ROOT/tree/sizes" | sort | sed "s|$ROOT||")"
    python3 - "$ROOT/tree/sizes" "$MNT/$ID/tree/sizes" <<'END'
import mmap, os, random, sys
source, mounted = sys.argv[1:]
chance = random.Random(7)
for name in sorted(os.listdir(source)):
    whole = open(os.path.join(source, name), "rb").read()
    fd = os.open(os.path.join(mounted, name), os.O_RDONLY)
    assert os.pread(fd, 10, len(whole)) == b"" == os.pread(fd, 10, len(whole) + 99999)
    for _ in range(40):
        at, length = chance.randrange(len(whole) + 1), chance.randrange(200000)
        assert os.pread(fd, length, at) == whole[at:at + length], (name, at, length)
    if whole:
        with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as view:
            assert view[-1] == whole[-1] and view[len(whole) // 2:] == whole[len(whole) // 2:]
    os.close(fd)
END
}

@test "what is not there: ENOENT, and too long names ENAMETOOLONG" {
    make_small_tree
    backup x
    mount_backups
    run cat "$MNT/$ID/nonesuch"
    assert_contains "$output" "No such file"
    run cat "$MNT/nonesuch/a"
    assert_contains "$output" "No such file"
    run cat "$MNT/$ID/$(printf 'n%.0s' {1..256})"
    assert_contains "$output" "too long"
    run cat "$MNT/$ID/a.txt/below"
    assert_contains "$output" "Not a directory"
}
