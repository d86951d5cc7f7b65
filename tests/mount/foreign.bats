#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Archives made by other tools, seen through the mount.

load ../lib/mount
load ../lib/foreign

assert_mounted_like_source()
{
    diff -r --no-dereference "$WORK/source" "$MNT/$1"
    # shellcheck disable=SC2046  # several options
    assert_same_tree "$WORK/source" "$MNT/$1" --no-owners $(foreign_precision "$2")
}

@test "archives of zip, 7z, bsdtar and Python, named by the scheme, equal their source" {
    make_foreign_archives scheme metadata
    mount_backups
    local tool
    for tool in "${FOREIGN_TOOLS[@]}"; do
        assert_mounted_like_source "$(foreign_id scheme "$tool")" "$tool"
    done
    assert_equal "$(json "$(getfattr --only-values -n user.cronos.metadata \
        "$MNT/$(foreign_id scheme zip)")" 'j["ticket"]')" 42
}

@test "archives of zip, 7z, bsdtar and Python, under names of their own, equal their source" {
    make_foreign_archives own
    mount_backups
    local tool
    for tool in "${FOREIGN_TOOLS[@]}"; do
        assert_mounted_like_source "$(foreign_id own "$tool")" "$tool"
    done
    [[ ! -e $MNT/latest ]]
}

@test "a large member deflated by another tool reads right at random" {
    mkdir "$BACKUPS"
    seq 6000000 >"$WORK/numbers"
    (cd "$WORK" && zip -q "$BACKUPS/big.zip" numbers)
    mount_backups
    python3 - "$WORK/numbers" "$MNT/big/numbers" <<'END'
import os, random, sys
whole = open(sys.argv[1], "rb").read()
fd = os.open(sys.argv[2], os.O_RDONLY)
chance = random.Random(3)
for _ in range(60):
    at, length = chance.randrange(len(whole)), chance.randrange(100000)
    assert os.pread(fd, length, at) == whole[at:at + length], at
os.close(fd)
END
    cmp "$WORK/numbers" "$MNT/big/numbers"
}
