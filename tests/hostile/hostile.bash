# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# hostile.bash - a project whose backup directory is full of archives made to do harm, and a canary
#
# Load common.bash (or mount.bash) first.

HOSTILE=$TESTS/hostile
# Seconds that any command may take; sanitizers slow all down.
export LIMIT=$((${#ASAN_OPTIONS} > 0 ? 40 : 10))

# Makes the project, $CANARY, and in $ARCHIVES the archives; $TABLE: what they are (make-hostile).
make_hostile()
{
    CANARY=$WORK/canary
    ARCHIVES=$WORK/archives
    TABLE=$WORK/table
    mkdir "$CANARY" "$ARCHIVES" "$WORK/outer"
    echo hello >"$CANARY/hello"
    mkdir -p "$BACKUPS" "$ROOT/to-folder"
    head -c 3000 /dev/urandom >"$ROOT/a"
    ln -s "$CANARY" "$ROOT/outward"
    ln -s "$CANARY/hello" "$ROOT/to-file"
    "$HOSTILE/make-hostile" "$ARCHIVES" "$CANARY" "$ROOT" >"$TABLE"
    (($(wc -l <"$TABLE") >= 80)) || fail "too few archives were made"
}

# All that is around the project and the target of restores, times included.
surroundings()
{
    find "$WORK" -mindepth 1 \( -path "$ROOT" -o -path "$WORK/outer" -o -name '*.log' -o \
        -path "$WORK/out" -o -path "$WORK/err" -o -path "$WORK/before" -o -path "$WORK/mnt" \) \
        -prune -o -printf '%p %y %m %s %T@ %C@ %l\n' | sort
}

# To be called before what must not touch them; unharmed then demands that they are as they were.
remember()
{
    surroundings >"$WORK/before"
}

unharmed()
{
    diff "$WORK/before" <(surroundings) >&2 || fail "$*: something was written outside"
}

# Runs a command on a hostile archive: it must end by itself, in time, with a documented status,
# which is left in $ENDED; what it prints, in $WORK/out and $WORK/err, must be fit for a terminal.
tame()
{
    ENDED=0
    timeout -k 1 "$LIMIT" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || ENDED=$?
    ((ENDED <= 3)) || fail "status $ENDED: $*" "$(tail -c 3000 "$WORK/err")"
    # The C1 controls and those that turn the direction of text are two and three bytes of UTF-8.
    ! LC_ALL=C grep -aqP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]' \
        "$WORK/out" "$WORK/err" || fail "control characters in what this prints: $*"
    iconv -f UTF-8 -t UTF-8 "$WORK/out" "$WORK/err" >/dev/null || fail "no UTF-8: $*"
}

# The same for a command that prints JSON when it succeeds.
tame_json()
{
    tame "$@"
    [[ ! -s $WORK/out ]] || python3 -m json.tool "$WORK/out" >/dev/null || fail "no JSON: $*"
}
