#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# real-tree.sh - the whole procedure on a tree that is really there
#
# Usage: tests/real-tree.sh DIR
# Backs DIR up, has the archive checked by unzip, 7z, bsdtar and Python, compares the mounted and
# the restored tree with DIR, and prints how long each step took. DIR is only read. cronos and
# cronosfs are those of PATH.
set -euo pipefail

(($# == 1)) || { sed -n '5,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
TREE=$(cd "$1" && pwd)
PATH=$(cd "$(dirname "$0")/tools" && pwd):$PATH
WORK=$(mktemp -d)

clean_up()
{
    if grep -qF " $WORK/mnt fuse" /proc/self/mounts; then
        cronos umount "$WORK/mnt"
    fi
    chmod -R u+rwX "$WORK"
    rm -rf "$WORK"
}
trap clean_up EXIT

# Runs "$2"... as the step "$1" and tells its time.
step()
{
    local name=$1 from=${EPOCHREALTIME/./}
    shift
    "$@"
    printf '%7d ms  %s\n' $(((${EPOCHREALTIME/./} - from) / 1000)) "$name"
}

create()
{
    cronos -q -c "$WORK/cronos.conf" -C "$TREE" create --no-default-excludes real >"$WORK/path"
}

quietly()
{
    "$@" >/dev/null
}

bsdtar_accepts()
{
    quietly bsdtar -tf "$1"
}

python_accepts()
{
    python3 -c 'import sys, zipfile
sys.exit(zipfile.ZipFile(sys.argv[1]).testzip() is not None)' "$1"
}

dump()
{
    dump-tree "$1" >"$2"
}

same_as_source()
{
    dump "$1" "$WORK/dump"
    diff "$WORK/source" "$WORK/dump" >&2
}

printf 'backup: { directory = "%s"; };\nlog: { file = "%s"; };\n' "$WORK/backups" "$WORK/log" \
    >"$WORK/cronos.conf"
mkdir "$WORK/mnt"
step "the source's own dump" dump "$TREE" "$WORK/source"
step "cronos create" create
ARCHIVE=$(cat "$WORK/path")
MOUNTED=$WORK/mnt/$(basename "$ARCHIVE" .zip)
printf '%d entries, %d bytes in the archive\n' "$(wc -l <"$WORK/source")" \
    "$(stat -c %s "$ARCHIVE")"
step "unzip -t" unzip -tqq "$ARCHIVE"
step "7z t" 7z t -bso0 -bsp0 "$ARCHIVE"
step "bsdtar -tf" bsdtar_accepts "$ARCHIVE"
step "Python's zipfile" python_accepts "$ARCHIVE"
step "cronos verify" quietly cronos -q -c "$WORK/cronos.conf" -C "$TREE" verify --against-source \
    "$(basename "$ARCHIVE")"
step "cronosfs" cronosfs "$WORK/backups" "$WORK/mnt"
step "diff -r with the mount" diff -r --no-dereference "$TREE" "$MOUNTED"
step "modes, owners, times, links, contents of the mount" same_as_source "$MOUNTED"
step "umount" cronos umount "$WORK/mnt"
step "cronos restore" quietly cronos -q -c "$WORK/cronos.conf" -C "$TREE" restore latest \
    --same-permissions --to "$WORK/restored"
step "modes, owners, times, links, contents of the restored tree" same_as_source "$WORK/restored"
