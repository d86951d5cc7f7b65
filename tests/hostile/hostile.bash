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
    OUTPUTS=$WORK/outputs
    mkdir "$CANARY" "$ARCHIVES" "$WORK/outer" "$OUTPUTS"
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
        -path "$OUTPUTS" -o -path "$WORK/before" -o -path "$WORK/mnt" \) \
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
# which is left in $ENDED; what it prints is left in the files $OUT and $ERR, and must be fit for a
# terminal (check_outputs).
tame()
{
    tame_into out "$@"
}

# The same for a command that prints JSON when it succeeds.
tame_json()
{
    tame_into json "$@"
}

tame_into()
{
    local kind=$1
    shift
    ENDED=0
    RUNS=$((${RUNS:-0} + 1))
    OUT=$OUTPUTS/$RUNS.$kind
    ERR=$OUTPUTS/$RUNS.err
    printf '%d: %q\n' "$RUNS" "$*" >>"$OUTPUTS/commands"
    timeout -k 1 "$LIMIT" "$@" >"$OUT" 2>"$ERR" </dev/null || ENDED=$?
    ((ENDED <= 3)) || fail "status $ENDED: $*" "$(tail -c 3000 "$ERR")"
}

# To be called at the end: all that tame commands have printed is text that harms no terminal.
# The C1 controls and those that turn the direction of text are two and three bytes of UTF-8.
check_outputs()
{
    local found
    [[ -e $OUTPUTS/commands ]] || return 0
    found=$(cd "$OUTPUTS" && LC_ALL=C grep -alP \
        '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]' -- *.*) || true
    [[ -z $found ]] ||
        fail "control characters in what these print:" "$found" "$(<"$OUTPUTS/commands")" || return
    iconv -f UTF-8 -t UTF-8 "$OUTPUTS"/*.* >/dev/null ||
        fail "no UTF-8 in one of:" "$(<"$OUTPUTS/commands")" || return
    python3 - "$OUTPUTS" <<'END' || fail "no JSON in one of:" "$(<"$OUTPUTS/commands")" || return
import glob, json, sys
for path in glob.glob(sys.argv[1] + "/*.json"):
    with open(path, "rb") as file:
        text = file.read()
    try:
        text and json.loads(text)
    except ValueError as error:
        sys.exit(f"{path}: {error}")
END
}
