#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The units for systemd: well-formed, locked down, and what the timer would run does its work.

load ../lib/common

setup()
{
    make_workspace
    make_small_tree
    UNITS=$WORK/units
    mkdir "$UNITS"
    local from=${CRONOS_TEST_BUILD:-}/cli/systemd
    if [[ -n ${CRONOS_TEST_PREFIX:-} ]]; then
        from=$CRONOS_TEST_PREFIX/lib/systemd/system
        cp "$CRONOS_TEST_PREFIX"/share/doc/cronos/examples/*.mount "$UNITS"
    else
        cp "$from"/*.mount "$UNITS"
    fi
    cp "$from"/cronos* "$UNITS"
    # Where there is one, see tests/serve/systemd.bats.
    rm -f "$UNITS/cronos-serve@.service"
    # They name the place where the programs will be; here they are elsewhere.
    sed -i "s|^ExecStart=/[^ ]*/cronos |ExecStart=$(command -v cronos) |" "$UNITS"/*.service
}

# Prints the value of setting "$2" in unit "$1", for the instance that is $ROOT.
setting()
{
    local instance value
    instance=$(systemd-escape --path "$ROOT")
    value=$(sed -n "s/^$2=//p" "$UNITS/$1")
    value=${value//%f/$ROOT}
    printf '%s\n' "${value//%i/"$instance"}"
}

@test "all of them are there, and systemd-analyze verify has nothing to say" {
    assert_files "$UNITS" cronos-backup@.service cronos-backup@.timer \
        cronosfs@.service mnt-project.mount
    run -0 env SYSTEMD_UNIT_PATH="$UNITS:" systemd-analyze verify --man=no "$UNITS"/*
    assert_equal "$output" ""
    [[ $(systemd-escape --path "$(setting mnt-project.mount Where)").mount == mnt-project.mount ]]
}

@test "the services are locked down" {
    run -0 systemd-analyze security --offline=true --threshold=25 "$UNITS/cronos-backup@.service"
    run -0 systemd-analyze security --offline=true --threshold=45 "$UNITS/cronosfs@.service"
}

@test "the timer's time is one" {
    run -0 systemd-analyze calendar "$(setting cronos-backup@.timer OnCalendar)"
    assert_contains "$output" "Next elapse"
    run -0 systemd-analyze timespan "$(setting cronos-backup@.timer RandomizedDelaySec)"
}

# Runs what the unit "$1" would, as a service starts: no terminal, and nearly nothing in the
# environment. Further arguments stand before the command.
run_service()
{
    local unit=$1 command
    shift
    read -ra command < <(setting "$unit" ExecStart)
    (
        umask "$(setting "$unit" UMask)"
        cd /
        exec env -i LANG=C.UTF-8 PATH=/usr/bin:/bin ${ASAN_OPTIONS:+"ASAN_OPTIONS=$ASAN_OPTIONS"} "$@" "${command[@]}" </dev/null
    )
}

@test "what the timer runs makes a backup when one is due, and is silent" {
    settle
    run --separate-stderr -0 run_service cronos-backup@.service
    assert_contains "$output" "$BACKUPS/egos_backup_auto_project_"
    assert_equal "$stderr" ""
    assert_equal "$(stat -c %a "$output")" 600
    run --separate-stderr -0 run_service cronos-backup@.service
    assert_equal "$output$stderr" ""
    echo more >>a.txt
    run --separate-stderr -0 run_service cronos-backup@.service
    [[ -f $output ]]
    assert_equal "$(cronos -q list --json | json "$(cat)" 'len(j)')" 2
}

@test "the services' filters let through what the programs call" {
    mkdir "$WORK/node"
    printf '%s\n' 'hooks: { before_create = "true"; after_create = "ls >/dev/null"; };' \
        "metrics: { textfile = \"$WORK/node\"; };" >cronos.conf
    head -c 3000000 /dev/urandom >noise
    settle
    # LeakSanitizer can not work beside strace.
    export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
    run -0 run_service cronos-backup@.service strace -f -qq -o "$WORK/first"
    echo more >>a.txt
    settle
    run -0 run_service cronos-backup@.service strace -f -qq -o "$WORK/second"
    run -0 run_service cronos-backup@.service strace -f -qq -o "$WORK/third"
    run -0 allowed-calls "$UNITS/cronos-backup@.service" "$WORK/first" "$WORK/second" "$WORK/third"
}
