# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# history.bash - backups of a tree that changes, and what a plain reading of them finds
#
# Load common.bash (or mount.bash) first. The backups are made once a file, and copied.

# A backup of the hour $1 of 2025-04-03.
backup_at()
{
    SOURCE_DATE_EPOCH=$(date -d "2025-04-03 $1:00:00" +%s) backup "${2:-x}"
}

# Writes $2 into the file $1, and dates it to the hour $3.
write_at()
{
    printf '%s' "$2" >"$1"
    touch -d "2024-05-06 $3:00:00" "$1"
}

# Makes the project of make_history for all tests of the file.
setup_file()
{
    WORK=$BATS_FILE_TMPDIR
    ROOT=$WORK/project
    BACKUPS=$ROOT/backups
    mkdir "$ROOT"
    cd "$ROOT" || return
    make_small_tree
    write_at a.txt "one " 10
    write_at notes "notes " 10
    backup_at 10
    write_at a.txt "two " 12
    backup_at 11
    rm notes
    mkdir notes
    echo inner >notes/inner
    backup_at 12
    touch -d "2024-05-06 20:00:00" a.txt
    chmod 600 a.txt
    backup_at 13
    rm a.txt
    echo more >notes/other.tar.gz
    backup_at 14
    write_at a.txt "two " 12
    rm -r notes
    write_at notes "notes " 15
    backup_at 15
    rm notes
    ln -s a.txt notes
    backup_at 16
}

# Seven backups, from 10 to 16 o'clock.
make_history()
{
    cp -a "$BATS_FILE_TMPDIR/project/." "$ROOT"
}

# Two backups that only an index can read: names out of order and twice, folders that are implied.
make_odd_backups()
{
    python3 -W ignore - "$BACKUPS" <<'END'
import sys, zipfile
for hour, text in (("17", "odd"), ("18", "two ")):
    name = "%s/egos_backup_manual_odd_20250403_%s0000.zip" % (sys.argv[1], hour)
    with zipfile.ZipFile(name, "w") as out:
        out.writestr("z/implied/file", text * 3)
        out.writestr("a.txt", "overwritten")
        out.writestr("./src/main.c", text)
        out.writestr("a.txt", text)
END
}

# Holds what cronos tells against what Python's zipfile finds: "versions" of every path, "diff" of
# pairs of backups; "find": prints every path of every backup.
brute_force()
{
    python3 - "$BACKUPS" "$@" <<'END'
import json, os, stat, subprocess, sys, zipfile

DIRECTORY, WHAT = sys.argv[1:3]


def holdings(name):
    """What a backup holds: path to (kind, size, crc)."""
    found = {}
    with zipfile.ZipFile(os.path.join(DIRECTORY, name)) as archive:
        for info in archive.infolist():
            path = info.filename.removeprefix("./").rstrip("/")
            if path == "backup_metadata.json":
                continue
            parts = path.split("/")
            for i in range(1, len(parts)):
                found.setdefault("/".join(parts[:i]), ("folder", None, None))
            if info.is_dir():
                found[path] = ("folder", None, None)
            else:
                link = stat.S_ISLNK(info.external_attr >> 16)
                found[path] = ("link" if link else "file", info.file_size, "%08x" % info.CRC)
    return found


def walk_order(path):
    return path.replace("/", "\0")


def versions(names, backups, path):
    rows, last = [], None
    for name in names:
        now = backups[name].get(path)
        if rows and now == last:
            rows[-1][-1] += 1
        elif now != last:
            event = "added" if last is None else "removed" if now is None else "changed"
            rows.append([name, event, *(now or (None, None, None)), 1])
        last = now
    return rows[::-1]


def difference(before, after):
    for path in sorted(set(before) | set(after), key=walk_order):
        was, now = before.get(path), after.get(path)
        if was != now:
            word = "added" if was is None else "removed" if now is None else "changed"
            yield [word, path, was and list(was), now and list(now)]


def cronos(*arguments):
    return json.loads(subprocess.run(["cronos", *arguments, "--json"], check=True,
                                     stdout=subprocess.PIPE).stdout)


def facts(told):
    return told and [told[key] for key in ("kind", "size_bytes", "crc32")]


def same(what, told, expected):
    if told != expected:
        sys.exit("%s:\ntold     %s\nexpected %s" % (what, told, expected))


def main():
    names = sorted((n for n in os.listdir(DIRECTORY) if n.startswith("egos_backup_")),
                   key=lambda n: n[-19:])
    backups = {name: holdings(name) for name in names}
    if WHAT == "versions":
        for path in set().union(*backups.values()):
            told = [[v["backup"], v["event"], *facts(v), v["backups"]]
                    for v in cronos("versions", path)]
            same(path, told, versions(names, backups, path))
    elif WHAT == "diff":
        for before in names[::2]:
            for after in names[1::3]:
                told = [[d["change"], d["path"], facts(d["before"]), facts(d["after"])]
                        for d in cronos("diff", before, after)["differences"]]
                same((before, after), told, list(difference(backups[before], backups[after])))
    else:
        for name in reversed(names):
            for path in sorted(backups[name], key=walk_order):
                print(name, path, sep="  ")


main()
END
}
