# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# foreign.bash - archives of other tools in the backup directory

# shellcheck disable=SC2034  # for the tests
FOREIGN_TOOLS=(zip zip-no-extra 7z bsdtar python python-stream)

# Prints the identifier of the archive that tool $2 made, named by the "scheme" or its "own" way.
foreign_id()
{
    case $1 in
        scheme) printf 'egos_backup_manual_%s_20240102_030405\n' "$2" ;;
        own) printf 'made by %s\n' "$2" ;;
    esac
}

# Makes $WORK/source, and an archive of it with each tool; "$1" as of foreign_id, "$2": "metadata"
# to have a backup_metadata.json among its files.
make_foreign_archives()
{
    local naming=$1 tool
    gen-tree --plain --files 30 "$WORK/source"
    if [[ ${2:-} == metadata ]]; then
        echo '{"ticket": 42}' >"$WORK/source/backup_metadata.json"
        touch -d @1700000000 "$WORK/source/backup_metadata.json"
    fi
    mkdir -p "$BACKUPS"
    for tool in "${FOREIGN_TOOLS[@]}"; do
        (cd "$WORK/source" && pack_with "$tool" "$BACKUPS/$(foreign_id "$naming" "$tool").zip")
    done
}

# Packs the working directory into the ZIP file $2 by the tool $1.
pack_with()
{
    case $1 in
        zip) zip -qry "$2" . ;;
        zip-no-extra) zip -qryX9 "$2" . ;;
        7z) 7z a -tzip -mx=1 -mtc=on -snl -bso0 -bsp0 "$2" . ;;
        bsdtar) bsdtar -cf "$2" --format zip -- * ;;
        python) python3 -c "$PACK_BY_PYTHON" >"$2" ;;
        python-stream) python3 -c "$PACK_BY_PYTHON" | cat >"$2" ;;
    esac
}

# Writes to stdout; to a pipe with data descriptors, since sizes are not known beforehand.
# ZipFile.write follows symbolic links; here they are stored as the other tools store them.
PACK_BY_PYTHON='
import os, stat, sys, time, zipfile
with zipfile.ZipFile(sys.stdout.buffer, "w", zipfile.ZIP_DEFLATED) as out:
    for folder, folders, files in os.walk("."):
        for name in folders + files:
            path = os.path.relpath(os.path.join(folder, name))
            if os.path.islink(path):
                info = zipfile.ZipInfo(path, time.localtime(os.lstat(path).st_mtime)[:6])
                info.create_system = 3
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
                out.writestr(info, os.readlink(path))
            else:
                out.write(path)
'

# How far the tool's archives tell times: dump-tree's options to compare with.
# zip and bsdtar store UT times, 7z NTFS ones; zip -X and Python DOS times only.
foreign_precision()
{
    case $1 in
        zip-no-extra | python*) echo "--mtime 2s --no-link-times --no-directory-times" ;;
        *) echo "--mtime s --no-link-times --no-directory-times" ;;
    esac
}

# The restored backup "$1", made by the tool "$2", equals $WORK/source.
assert_restores_like_source()
{
    run --separate-stderr -0 cronos -q verify "$1"
    run --separate-stderr -0 cronos -q restore "$1" --to "$WORK/out-$2"
    # shellcheck disable=SC2046  # several options
    assert_same_tree "$WORK/source" "$WORK/out-$2" --no-owners $(foreign_precision "$2")
}
