# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# common.bash - what every bats file of cronos loads
#
# The programs under test: those below $CRONOS_TEST_PREFIX where it is set (an installation), else
# those of the build directory $CRONOS_TEST_BUILD. Each test has a project directory $ROOT with its
# backup directory $BACKUPS in a directory $WORK of its own, and leaves nothing behind.

bats_require_minimum_version 1.8.0

TESTS=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
PATH=$TESTS/tools:$PATH:/usr/sbin:/sbin
if [[ -n ${CRONOS_TEST_PREFIX:-} ]]; then
    PATH=$CRONOS_TEST_PREFIX/bin:$CRONOS_TEST_PREFIX/sbin:$PATH
elif [[ -n ${CRONOS_TEST_BUILD:-} ]]; then
    PATH=$CRONOS_TEST_BUILD/cli:$CRONOS_TEST_BUILD/fs:$PATH
fi
export PATH
# The configuration of whoever runs the tests has no part in them.
unset CRONOS_CONFIG SOURCE_DATE_EPOCH NO_COLOR
export XDG_CONFIG_HOME=/nonexistent G_DEBUG=fatal-criticals LC_ALL=C.UTF-8 TERM=xterm
export TZ=Europe/Berlin

make_workspace()
{
    WORK=$BATS_TEST_TMPDIR
    ROOT=$WORK/project
    BACKUPS=$ROOT/backups
    export WORK ROOT BACKUPS
    mkdir -p "$ROOT"
    # An unprivileged user of some tests must reach the test's own directory.
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$WORK" "$ROOT"
    cd "$ROOT" || return
}

remove_workspace()
{
    cd /
    rm -rf "$WORK" 2>/dev/null || {
        chmod -R u+rwX "$WORK" || true
        rm -rf "$WORK"
    }
}

setup()
{
    make_workspace
}

teardown()
{
    remove_workspace
}

# A few files of the ordinary kind.
make_small_tree()
{
    mkdir -p "$ROOT/src/deep" "$ROOT/empty-folder"
    echo "first version" >"$ROOT/a.txt"
    printf 'int main(void) { return 0; }\n' >"$ROOT/src/main.c"
    local text=x
    while ((${#text} < 3125)); do text=$text$text$text$text$text; done
    while ((${#text} < 200000)); do text+=$text; done
    printf '%s' "$text" >"$ROOT/src/deep/long.txt"
    : >"$ROOT/empty-file"
    ln -s src/main.c "$ROOT/link"
}

# Makes a backup (arguments: as of create, default: x); sets ARCHIVE (path), ARCHIVE_NAME and ID.
backup()
{
    ARCHIVE=$(cronos -q create "${@:-x}") || return
    ARCHIVE_NAME=${ARCHIVE##*/}
    # shellcheck disable=SC2034  # for the tests
    ID=${ARCHIVE_NAME%.zip}
}

# Copies $ARCHIVE under the name that a backup made $1 days ago would have; prints the new name.
backdate()
{
    local days=$1 type=${2:-manual} name=${3:-x} target
    target=egos_backup_${type}_${name}_$(date -d "$days days ago" +%Y%m%d_%H%M%S).zip
    cp "$ARCHIVE" "$BACKUPS/$target"
    printf '%s\n' "$target"
}

# The one thing a failed test needs to tell.
fail()
{
    printf '%s\n' "$@" >&2
    return 1
}

assert_equal()
{
    [[ $1 == "$2" ]] || fail "expected: $2" "     got: $1"
}

assert_contains()
{
    [[ $1 == *"$2"* ]] || fail "expected to find: $2" "in: $1"
}

refute_contains()
{
    [[ $1 != *"$2"* ]] || fail "expected not to find: $2" "in: $1"
}

# After `run --separate-stderr`: one line on stderr that is an error of cronos and says "$1".
assert_error_line()
{
    [[ $stderr == *"cronos: "* || $stderr == *"cronosfs: "* ]] || fail "no error line in: $stderr"
    [[ ${stderr,,} == *"${1,,}"* ]] || fail "expected on stderr: $1" "got: $stderr"
}

# The directory "$1" holds exactly the names "$2"...
assert_files()
{
    local directory=$1 path name
    local -A missing=()
    shift
    [[ -d $directory ]] || fail "no directory: $directory" || return
    for name; do [[ -z $name ]] || missing[$name]=1; done
    for path in "$directory"/* "$directory"/.[!.]* "$directory"/..?*; do
        name=${path##*/}
        # A pattern that nothing matches stands for itself.
        case $name in
            '*' | '.[!.]*' | '..?*') [[ -e $path || -L $path ]] || continue ;;
        esac
        [[ -n ${missing[$name]:-} ]] || fail "in $directory, expected $*, found: $name" || return
        unset "missing[\$name]"
    done
    ((${#missing[@]} == 0)) || fail "in $directory, expected $*, missing: ${!missing[*]}"
}

# No temporary of an unfinished archive or restore lies about.
assert_no_leftovers()
{
    local found
    [[ -d ${1:-$BACKUPS} ]] || fail "no directory: ${1:-$BACKUPS}" || return
    for found in "${1:-$BACKUPS}"/.cronos-*; do
        [[ ! -e $found && ! -L $found ]] || fail "left over: $found" || return
    done
}

# Compares two trees; further arguments go to dump-tree.
assert_same_tree()
{
    local one=$1 two=$2
    shift 2
    dump-tree "$@" "$one" "$two" >&2 || fail "$one and $two differ"
}

# Evaluates a Python expression over the JSON in the file or text "$1", called j; prints it.
json()
{
    python3 -c 'import json, sys
j = json.loads(sys.argv[1])
value = eval(sys.argv[2])
print(value if isinstance(value, str) else json.dumps(value))' "$1" "$2"
}

# Tries "$2"... until it succeeds, for at most $1 seconds.
wait_until()
{
    local deadline=$((SECONDS + $1))
    shift
    until "$@" 2>/dev/null; do
        ((SECONDS < deadline)) || fail "still not true: $*" || return
        sleep 0.02
    done
}

# Waits until what was changed last lies before the start of any later backup, as the coarsest clock
# of a kernel tells both.
settle()
{
    wait_until 20 is_past $((${EPOCHREALTIME/[.,]/} + 40000))
}

# $1: microseconds since 1970.
is_past()
{
    ((${EPOCHREALTIME/[.,]/} > $1))
}

# Runs a command as a user without privileges: nobody, where the tests run as root. /dev/fuse is
# open to everyone in there, as udev leaves it on a Debian system, in a mount namespace of its own.
as_user()
{
    if ((EUID != 0)); then
        "$@"
        return
    fi
    unshare --mount --propagation private bash -c '
        set -e
        if [[ -c /dev/fuse ]]; then
            mount -t tmpfs -o mode=755,dev none "$1"
            mknod -m 666 "$1/fuse" c 10 229
            mount --bind "$1/fuse" /dev/fuse
        fi
        shift
        export HOME=/nonexistent
        exec setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps=-all "$@"
    ' as_user "$(as_user_directory)" "$@"
}

as_user_directory()
{
    mkdir -p "$WORK/as-user"
    printf '%s\n' "$WORK/as-user"
}

# Hands "$@" to the user that as_user runs commands as.
give_to_user()
{
    ((EUID != 0)) || chown -R -h nobody:nogroup "$@"
}

# Overwrites $3 bytes of the file $1 at offset $2 with the letter Z, or Y if there is one already.
damage()
{
    local letter=Z letters
    # Noise has a Z in one of 256 places.
    [[ $(tail -c +$(($2 + 1)) "$1" | head -c 1 | tr -d '\0') != Z ]] || letter=Y
    printf -v letters '%*s' "$3" ''
    printf '%s' "${letters// /$letter}" |
        dd of="$1" seek="$2" oflag=seek_bytes conv=notrunc status=none
}

# Prints where the data of member $2 of the ZIP $1 starts.
member_offset()
{
    python3 -c 'import struct, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    at = archive.getinfo(sys.argv[2]).header_offset
with open(sys.argv[1], "rb") as raw:
    raw.seek(at)
    header = raw.read(30)
print(at + 30 + sum(struct.unpack("<HH", header[26:30])))' "$1" "$2"
}

# Prints where the local header of member $2 of the ZIP $1 starts.
header_offset()
{
    python3 -c 'import sys, zipfile
print(zipfile.ZipFile(sys.argv[1]).getinfo(sys.argv[2]).header_offset)' "$1" "$2"
}

# Cuts the file $1 to half of its length.
cut_in_half()
{
    truncate -s $(($(stat -c %s "$1") / 2)) "$1"
}
