#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The unit for systemd that runs cronos serve: well-formed, and locked down as far as it can be.

load stories

setup()
{
    make_workspace
    local from=${CRONOS_TEST_BUILD:-}/cli/systemd
    [[ -z ${CRONOS_TEST_PREFIX:-} ]] || from=$CRONOS_TEST_PREFIX/lib/systemd/system
    UNIT=$WORK/units/cronos-serve@.service
    mkdir "$WORK/units"
    # It names the place where the program will be; here it is elsewhere.
    sed "s|^ExecStart=/[^ ]*/cronos |ExecStart=$(command -v cronos) |" \
        "$from/cronos-serve@.service" >"$UNIT"
}

@test "systemd-analyze verify has nothing to say" {
    run -0 env SYSTEMD_UNIT_PATH="$WORK/units:" systemd-analyze verify --man=no "$UNIT"
    assert_equal "$output" ""
    run -0 grep -c "^ExecStart=$(command -v cronos) -C %f serve\$" "$UNIT"
}

@test "the service is locked down" {
    run -0 systemd-analyze security --offline=true --threshold=25 "$UNIT"
}

@test "the filter lets through what the program calls" {
    # LeakSanitizer can not work beside strace.
    export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
    tell scenario-settings calls
    run -0 allowed-calls "$UNIT" trace
}
