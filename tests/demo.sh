#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# demo.sh - cronos at work: build it, back up a real tree, look into the backup, recover a file
#
# Works as the first command on a bare Debian 12 (as root, to install the packages it needs; else
# it names them). Prints each command as it runs it. Installs into a temporary place, and removes
# all of it at the end.
set -euo pipefail

cd "$(dirname "$0")/.."
# shellcheck source=tests/lib/packages.sh
source tests/lib/packages.sh

say()
{
    if [[ -t 1 ]]; then printf '\n\e[1m# %s\e[0m\n' "$*"; else printf '\n# %s\n' "$*"; fi
}

# Prints the command and runs it.
show()
{
    printf '$ %s\n' "$(printf '%q ' "$@")"
    "$@"
}

# The same, with the command's output only where it fails.
show_quietly()
{
    printf '$ %s\n' "$(printf '%q ' "$@")"
    "$@" >"$WORK/log" 2>&1 || { cat "$WORK/log"; return 1; }
}

clean_up()
{
    if grep -qF " $WORK/mnt fuse" /proc/self/mounts; then
        cronos umount "$WORK/mnt"
    fi
    chmod -R u+rwX "$WORK"
    rm -rf "$WORK"
}

packages_require build run
require_fuse
WORK=$(mktemp -d)
trap clean_up EXIT

say "Build, and install into $WORK/usr"
show_quietly meson setup "$WORK/build" --prefix="$WORK/usr" -Dtests=disabled
show_quietly ninja -C "$WORK/build" install
PATH=$WORK/usr/bin:$PATH
show cronos --version

say "A project: a copy of these sources and of /usr/include"
show mkdir "$WORK/project" "$WORK/mnt"
show cp -a core fs cli tests man README.md /usr/include "$WORK/project/"
show cd "$WORK/project"

say "Back it up, change a file, back it up again"
show cronos create "first light"
echo "one more line" >>README.md
show cronos create "second thoughts" -m reason="to see both versions"
show cronos list

say "Mount the backups: each is a folder"
show cronos mount "$WORK/mnt"
show ls -l "$WORK/mnt"
show ls "$WORK/mnt/latest"
first=$(basename "$WORK"/mnt/*first_light*)
show diff "$WORK/mnt/$first/README.md" README.md || true

say "Recover one file with cp"
show rm README.md
show cp "$WORK/mnt/$first/README.md" .
show cmp README.md "$WORK/mnt/$first/README.md"

say "Restore a part by name, check every byte, and see what retention would do"
show cronos restore latest core --to "$WORK/restored"
show diff -r core "$WORK/restored/core"
show cronos verify --all
show cronos clean --dry-run

say "Unmount"
show cronos umount "$WORK/mnt"
say "Done; removing $WORK"
