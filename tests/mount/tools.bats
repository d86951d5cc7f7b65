#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The programs that people turn on a mounted backup, and the system calls they make.

load ../lib/mount

setup_file()
{
    # Of every nature: small, whole megabytes, deflated, stored since noise.
    SHARED=$BATS_FILE_TMPDIR/tree
    mkdir -p "$SHARED/folder"
    python3 - "$SHARED" <<'END'
import os, random, sys
chance = random.Random(9)
for number in range(40):
    with open(os.path.join(sys.argv[1], "folder", f"small-{number:02}"), "w") as out:
        out.write(f"line {number}\n" * chance.randrange(3000))
with open(os.path.join(sys.argv[1], "numbers"), "w") as out:
    out.writelines(f"{number}\n" for number in range(900000))
with open(os.path.join(sys.argv[1], "noise"), "wb") as out:
    out.write(chance.randbytes(3 << 20))
END
    touch -d @1600000000 "$SHARED/folder/small-00"
    export SHARED
}

mount_a_backup()
{
    cp -a "$SHARED" "$ROOT/tree"
    backup x
    mount_backups
    TREE=$MNT/$ID/tree
}

@test "sendfile and copy_file_range bring the right bytes" {
    mount_a_backup
    python3 - "$ROOT/tree" "$TREE" "$WORK/out" <<'END'
import errno, os, sys
source, mounted, out_path = sys.argv[1:]
for name in ("numbers", "noise", "folder/small-07"):
    whole = open(os.path.join(source, name), "rb").read()
    with open(os.path.join(mounted, name), "rb") as seen:
        with open(out_path, "wb") as out:
            while os.sendfile(out.fileno(), seen.fileno(), None, 1 << 20):
                pass
        assert open(out_path, "rb").read() == whole, name
        with open(out_path, "wb") as out:
            at = 0
            try:
                while n := os.copy_file_range(seen.fileno(), out.fileno(), 1 << 20, at):
                    at += n
                assert open(out_path, "rb").read() == whole, name
            except OSError as error:
                # Between two file systems the kernel may leave it to the caller; never half.
                assert error.errno in (errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL) and at == 0
END
}

@test "cp --reflink=auto, cp --sparse=always and rsync -a copy the tree" {
    mount_a_backup
    cp -a --reflink=auto "$TREE" "$WORK/reflink"
    cp -a --sparse=always "$TREE" "$WORK/sparse"
    rsync -a "$TREE/" "$WORK/rsync/"
    local copy
    for copy in reflink sparse rsync; do
        assert_same_tree "$ROOT/tree" "$WORK/$copy"
    done
    # Nothing is left to do, judged by size and time, and by content.
    assert_equal "$(rsync -a --itemize-changes "$TREE/" "$ROOT/tree/")" ""
    assert_equal "$(rsync -a --itemize-changes --checksum "$TREE/" "$ROOT/tree/")" ""
}

@test "grep -r, find -newer, find -size, du and wc tell what they tell of the source" {
    mount_a_backup
    assert_equal "$(cd "$TREE" && grep -rc "line 1" . | sort)" \
        "$(cd "$ROOT/tree" && grep -rc "line 1" . | sort)"
    local -a questions=(-newer folder/small-00 -o -size +100k)
    assert_equal "$(cd "$TREE" && find . "${questions[@]}" | sort)" \
        "$(cd "$ROOT/tree" && find . "${questions[@]}" | sort)"
    assert_equal "$(cd "$TREE" && du -ab --exclude=. . | sort)" \
        "$(cd "$ROOT/tree" && du -ab --exclude=. . | sort)"
    assert_equal "$(cd "$TREE" && wc -l folder/* numbers)" \
        "$(cd "$ROOT/tree" && wc -l folder/* numbers)"
}

@test "tar of the mount, compared with the source" {
    mount_a_backup
    tar -cf - -C "$TREE" . | tar -df - -C "$ROOT/tree"
}

@test "a file manager's look at every file: open, read 64 KiB, close" {
    mount_a_backup
    python3 - "$ROOT/tree" "$TREE" <<'END'
import os, sys
source, mounted = sys.argv[1:]
count = 0
for folder, _, names in os.walk(mounted):
    for name in names:
        path = os.path.join(folder, name)
        with open(path, "rb", buffering=0) as seen, \
                open(os.path.join(source, os.path.relpath(path, mounted)), "rb") as plain:
            assert seen.read(65536) == plain.read(65536), path
        count += 1
assert count == 42, count
END
}
