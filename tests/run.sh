#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh - every check of the project, on a bare Debian 12 as well as on a developer's machine
#
# Usage: tests/run.sh [--quick]
#   --quick   the release build and its tests alone: no sanitizers, no static checks
#
# Installs missing Debian packages (as root), builds in a temporary directory, tests what a
# `meson install` puts in place, then the sanitizer builds, then the static checks. Nothing may be
# skipped. The last line is "N passed, N failed"; the status is 0 only if nothing failed.
set -euo pipefail

cd "$(dirname "$0")/.."
SOURCE=$PWD
QUICK=
# What runs more than one thread.
THREADED_TESTS=(archive backup-sizes create create-changes member-chunks parallel restore restore-overwrite
    reuse verify cli-reuse cli-serve cli-serve-life mount-parallel mount-live mount-push mount-versions)
PASSED=0
FAILED=0
# Tests at once: on disk they wait for half of their time, in memory some do.
ON_DISK=$((2 * $(nproc)))
IN_MEMORY=$(($(nproc) + 1))
declare -A JOBS=()
# Reports need the names of functions and the numbers of lines, and no more.
SANITIZED=(--buildtype=debugoptimized -Doptimization=1 -Db_lundef=false)

# shellcheck source=tests/lib/packages.sh
source tests/lib/packages.sh
# The distribution's tools, as in tests/meson.build.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH

case ${1:-} in
    "") ;;
    --quick) QUICK=1 ;;
    *)
        sed -n '3,7s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac

heading()
{
    printf '\n== %s (%d s)\n' "$*" "$SECONDS"
}

# Runs "$2"... as one check named "$1"; shows its output when it fails.
check()
{
    local name=$1 status=0
    shift
    "$@" >"$WORK/check.log" 2>&1 || status=$?
    if ((status == 0)); then
        PASSED=$((PASSED + 1))
        echo "ok      $name"
    else
        FAILED=$((FAILED + 1))
        echo "FAILED  $name (status $status): $*"
        cat "$WORK/check.log"
    fi
    LAST_STATUS=$status
}

# The same, for what all that follows depends on.
require()
{
    check "$@"
    ((LAST_STATUS == 0)) || finish
}

# Starts "$2"... as the job $1, one job after the other, in what time the tests leave.
begin()
{
    local name=$1
    shift
    # A process group of its own, to be ended as one.
    set -m
    {
        renice -n 19 -p "$BASHPID" &>/dev/null || true
        exec 9>"$WORK/jobs.lock"
        flock 9
        "$@"
    } >"$WORK/$name.log" 2>&1 </dev/null &
    set +m
    JOBS[$name]=$!
}

# Waits for the job $1, prints what it printed, and returns its status.
ended()
{
    local status=0
    # Nothing else has work to do now.
    renice -n 0 -g "${JOBS[$1]}" &>/dev/null || true
    wait "${JOBS[$1]}" || status=$?
    unset "JOBS[$1]"
    cat "$WORK/$1.log"
    return "$status"
}

# Starts to build $WORK/NAME: build NAME MESON-OPTIONS...
build()
{
    begin "build-$1" build_steps "$WORK/$1" "${@:2}"
}

built()
{
    require "build: $1" ended "build-$1"
}

build_steps()
{
    local directory=$1
    shift
    meson setup "$directory" "$SOURCE" --prefix=/usr --buildtype=release -Dwerror=true \
        -Dtests=enabled -Dseccomp=enabled -Dnats=enabled "$@" && ninja -C "$directory"
}

# Runs tests of the build $WORK/$2 and counts the cases behind them: suite TITLE BUILD ARGS...
suite()
{
    local title=$1 directory=$WORK/$2 passed failed log
    shift 2
    heading "$title"
    log=$directory/meson-logs/testlog.json
    rm -f "$log"
    meson test -C "$directory" --no-rebuild "$@" || true
    if [[ ! -s $log ]]; then
        FAILED=$((FAILED + 1))
        echo "FAILED  $title: no test has run"
        return
    fi
    read -r passed failed < <(tests/tools/count-results "$log" || echo "0 1")
    PASSED=$((PASSED + passed))
    FAILED=$((FAILED + failed))
    echo "$title: $passed passed, $failed failed"
}

# What sanitizers found in programs whose exit status nobody sees, such as detached daemons.
no_sanitizer_reports()
{
    local reports
    mapfile -t reports < <(find "$1" -type f)
    ((${#reports[@]} == 0)) || { cat "${reports[@]}"; return 1; }
}

# Directory for the reports of sanitizers, which processes of any user may write to.
report_directory()
{
    mkdir -m 1777 "$WORK/$1"
    chmod 1777 "$WORK/$1"
    printf '%s\n' "$WORK/$1"
}

release_tests()
{
    build release
    built release
    [[ -n $QUICK ]] || begin_the_rest
    suite "unit tests, fuzzing corpus" release --suite unit --suite fuzz \
        --num-processes "$ON_DISK"
    require "meson install" env DESTDIR="$WORK/installed" meson install -C "$WORK/release" \
        --no-rebuild
    export CRONOS_TEST_PREFIX=$WORK/installed/usr
    suite "command line, mount, large data, as installed" release --suite cli --suite mount \
        --suite large --num-processes "$ON_DISK"
    TMPDIR=$MEMORY suite "hostile archives, as installed" release --suite hostile
    heading "a real tree: /usr/include and /usr/share/doc"
    check "real tree" real_tree
    unset CRONOS_TEST_PREFIX
}

real_tree()
{
    mkdir "$WORK/real-tree"
    cp -a /usr/include /usr/share/doc "$WORK/real-tree/"
    PATH=$CRONOS_TEST_PREFIX/bin:$PATH tests/real-tree.sh "$WORK/real-tree"
}

# What is undefined raises SIGILL, which ASan reports with the line it came from: UBSan's own library
# and its tables for messages double the time that each start of a program takes.
build_address_sanitizer()
{
    local trap=-fsanitize-undefined-trap-on-error
    build asan "${SANITIZED[@]}" -Db_sanitize=address,undefined \
        -Dc_args="-g1 $trap" -Dc_link_args=$trap
}

build_thread_sanitizer()
{
    build tsan "${SANITIZED[@]}" -Db_sanitize=thread -Dc_args=-g1
}

address_sanitizer_tests()
{
    local reports
    heading "AddressSanitizer, LeakSanitizer, UndefinedBehaviorSanitizer"
    built asan
    reports=$(report_directory asan-reports)
    export ASAN_OPTIONS=detect_leaks=1:handle_sigill=1:abort_on_error=0:exitcode=99
    ASAN_OPTIONS+=:log_path=$reports/asan
    export LSAN_OPTIONS=suppressions=$SOURCE/tests/lib/lsan.supp:print_suppressions=0
    TMPDIR=$MEMORY suite "all but large data, under ASan and UBSan" asan --timeout-multiplier 4 \
        --num-processes "$IN_MEMORY" --suite unit --suite hostile --suite fuzz --suite cli --suite mount
    check "no report of ASan or UBSan" no_sanitizer_reports "$reports"
    unset ASAN_OPTIONS LSAN_OPTIONS
}

glib_locks_shown()
{
    local flags
    read -ra flags < <(pkg-config --cflags --libs glib-2.0)
    gcc -Wall -Wextra -Werror -O1 -shared -fPIC -o "$1" tests/lib/tsan-glib.c "${flags[@]}"
}

thread_sanitizer_tests()
{
    local reports
    heading "ThreadSanitizer"
    built tsan
    reports=$(report_directory tsan-reports)
    require "build: what tells TSan of GLib's locks" glib_locks_shown "$WORK/tsan-glib.so"
    # Where a thread lives as long as the program, TSan watches it for a second after the end of each.
    export TSAN_OPTIONS=exitcode=66:atexit_sleep_ms=100:log_path=$reports/tsan
    # GLib's slices, too, pass memory from thread to thread unseen.
    export G_SLICE=always-malloc
    TMPDIR=$MEMORY LD_PRELOAD=$WORK/tsan-glib.so suite "threaded parts, under TSan" tsan \
        --timeout-multiplier 4 --num-processes "$IN_MEMORY" "${THREADED_TESTS[@]}"
    check "no report of TSan" no_sanitizer_reports "$reports"
    unset TSAN_OPTIONS G_SLICE
}

formatted()
{
    find core fs cli tests -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run --Werror
}

cppcheck_clean()
{
    cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -j "$(nproc)" \
        --enable=warning,performance,portability --library=gtk --library=posix -I . \
        -D_GNU_SOURCE -DCRONOS_VERSION='""' -DG_LOG_DOMAIN='""' \
        --suppressions-list=tests/lib/cppcheck.supp \
        core fs cli
}

scripts_clean()
{
    shellcheck .ci/run tests/*.sh tests/fuzz/fuzz-all tests/soak/traffic tests/lib/*.sh tests/*/*.bash tests/*/*.bats
}

readme_names_packages()
{
    local package
    for package in $(packages_for build run); do
        grep -qwF -- "$package" README.md || { echo "README.md lacks $package"; return 1; }
    done
}

static_checks()
{
    heading "static checks"
    check "clang-format" ended clang-format
    check "cppcheck" ended cppcheck
    check "manual pages" mandoc -T lint -W warning man/*.[1-9]
    check "shellcheck" ended shellcheck
    check "README names what a build needs" readme_names_packages
}

# What the tests of the release build, which often wait for the disk, leave time for.
begin_the_rest()
{
    build_address_sanitizer
    build_thread_sanitizer
    begin clang-format formatted
    begin cppcheck cppcheck_clean
    begin shellcheck scripts_clean
}

finish()
{
    printf '\n%d passed, %d failed\n' "$PASSED" "$FAILED"
    ((FAILED == 0))
    exit
}

# Makes $MEMORY, for tests that have been seen to pass on disk: a tmpfs where that is allowed, since
# some disks take a thousand times as long for removing a folder.
make_memory()
{
    MEMORY=$WORK/memory
    mkdir "$MEMORY"
    chmod 1777 "$MEMORY"
    if ((EUID == 0)); then
        mount -t tmpfs -o mode=1777 cronos-tests "$MEMORY" ||
            echo "no tmpfs can be mounted: everything is tested on disk"
    fi
}

clean_up()
{
    local group
    for group in "${JOBS[@]}"; do
        kill -- "-$group" 2>/dev/null || true
        wait "$group" || true
    done
    ! mountpoint -q "$MEMORY" || umount "$MEMORY" || umount -l "$MEMORY"
    chmod -R u+rwX "$WORK" 2>/dev/null || true
    rm -rf "$WORK"
}

packages_require build run test check
require_fuse
WORK=$(mktemp -d)
trap clean_up EXIT
# The programs under test must be in reach of the unprivileged user that some tests run as.
chmod 755 "$WORK"
make_memory
echo "building and testing in $WORK"

release_tests
if [[ -z $QUICK ]]; then
    address_sanitizer_tests
    thread_sanitizer_tests
    static_checks
fi
finish
