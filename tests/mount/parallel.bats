#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Many readers at once, while archives come and go.

load ../lib/mount

# Reads $3 random ranges of random files below $1, compares them with those below $2; seed: $4.
random_reader()
{
    python3 - "$@" <<'END'
import os, random, sys
mounted, source, count, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
chance = random.Random(seed)
files = [os.path.relpath(os.path.join(folder, name), source)
         for folder, _, names in os.walk(source) for name in names
         if not os.path.islink(os.path.join(folder, name))]
for _ in range(count):
    name = chance.choice(files)
    with open(os.path.join(source, name), "rb") as plain, \
            open(os.path.join(mounted, name), "rb", buffering=0) as seen:
        size = os.fstat(plain.fileno()).st_size
        at, length = chance.randrange(size + 1), chance.randrange(1 << 17)
        wanted = os.pread(plain.fileno(), length, at)
        got = os.pread(seen.fileno(), length, at)
        assert got == wanted, (name, at, length)
END
}

@test "eight readers of the same archive see the right bytes" {
    gen-tree --files 60 "$ROOT/tree"
    backup x
    mount_backups -o cache_mb=1
    local reader pids=()
    for reader in {1..8}; do
        random_reader "$MNT/$ID/tree" "$ROOT/tree" 400 "$reader" 3>&- &
        pids+=($!)
    done
    for reader in "${pids[@]}"; do wait "$reader"; done
}

@test "eight first look-ups at once into one archive" {
    gen-tree --many 20000 "$ROOT/many"
    backup x
    mount_backups
    local reader pids=()
    for reader in {1..8}; do
        cmp "$ROOT/many/file-00${reader}000" "$MNT/$ID/many/file-00${reader}000" 3>&- &
        pids+=($!)
    done
    for reader in "${pids[@]}"; do wait "$reader"; done
}

@test "readers go on while backups are made, removed and listed" {
    gen-tree --files 30 "$ROOT/tree"
    backup x
    mount_backups
    local reader pids=() round
    for reader in {1..4}; do
        random_reader "$MNT/$ID/tree" "$ROOT/tree" 300 "$reader" 3>&- &
        pids+=($!)
    done
    local kept=$ID
    for round in {1..6}; do
        backup "round$round"
        ls -lR "$MNT/latest/" >/dev/null || true
        rm "$ARCHIVE"
        find "$MNT" -maxdepth 2 >/dev/null || true
    done
    for reader in "${pids[@]}"; do wait "$reader"; done
    diff -r --no-dereference "$ROOT/tree" "$MNT/$kept/tree"
}
