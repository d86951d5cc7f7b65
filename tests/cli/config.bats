#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Configuration: which file is taken, what it may say, and how its mistakes are told.

load ../lib/common

KEYS=(backup.directory backup.retention_days backup.max_backups backup.keep_minimum
    backup.keep_daily backup.keep_weekly backup.keep_monthly backup.compression_level backup.exclude_patterns backup.exclude_caches
    auto.interval_hours auto.min_changes
    restore.default_strategy restore.create_restore_point restore.verify_integrity
    hooks.before_create hooks.after_create hooks.on_failure hooks.timeout_seconds
    metrics.textfile
    service.url service.subject_prefix service.queue_group service.queue_length
    service.allow_overwrite service.restore_directory service.tls_ca_file
    service.tls_certificate_file service.tls_key_file service.credentials_file service.user
    service.password_file service.token_file
    log.file log.level)

# The configuration "$1" is refused, for every command alike, and "$2"... stand in the message.
assert_refused()
{
    printf '%s\n' "$1" >"$WORK/bad.conf"
    run --separate-stderr -2 cronos -c "$WORK/bad.conf" create x
    assert_equal "$output" ""
    local text
    shift
    for text in "$@"; do assert_contains "$stderr" "$text"; done
    [[ ! -e $BACKUPS ]]
}

@test "config prints every key with the value in force and where it came from" {
    run --separate-stderr -0 cronos config
    for key in "${KEYS[@]}"; do assert_contains "$output" "${key#*.}"; done
    assert_contains "$output" default
    printf 'backup:\n{\n  retention_days = 7;\n};\n' >cronos.conf
    run --separate-stderr -0 cronos config
    assert_contains "$(grep retention_days <<<"$output")" 7
    assert_contains "$output" "cronos.conf:3"
    run --separate-stderr -0 cronos config --json
    assert_contains "$(json "$output" 'json.dumps(j)')" cronos.conf:3
}

@test "the first of --config, CRONOS_CONFIG, the root's, XDG's is taken" {
    local number=1 file
    mkdir -p "$WORK/xdg/cronos"
    for file in "$WORK/option.conf" "$WORK/environment.conf" "$ROOT/cronos.conf" \
        "$WORK/xdg/cronos/cronos.conf"; do
        printf 'backup: { max_backups = %d; };\n' $((number++)) >"$file"
    done
    export XDG_CONFIG_HOME=$WORK/xdg
    assert_in_force 1 env CRONOS_CONFIG="$WORK/environment.conf" cronos -c "$WORK/option.conf"
    assert_in_force 2 env CRONOS_CONFIG="$WORK/environment.conf" cronos
    assert_in_force 3 cronos
    rm cronos.conf
    assert_in_force 4 cronos
    rm -r "$WORK/xdg"
    if [[ ! -e /etc/cronos/cronos.conf ]]; then assert_in_force 100 cronos; fi
}

assert_in_force()
{
    local value=$1
    shift
    run --separate-stderr -0 "$@" config
    assert_contains "$(grep max_backups <<<"$output")" "$value"
}

@test "a file that was asked for and is not there" {
    run --separate-stderr -2 cronos -c "$WORK/none.conf" list
    assert_error_line none.conf
    CRONOS_CONFIG=$WORK/gone.conf run --separate-stderr -2 cronos list
    assert_error_line gone.conf
}

@test "wrong syntax, type and range: status 2, with file and line, and nothing done" {
    make_small_tree
    assert_refused $'backup:\n{\n  retention_days = ;\n};' "bad.conf:3"
    assert_refused $'backup: {\n  retention_days = "thirty";\n};' "bad.conf:2" retention_days
    assert_refused $'backup: {\n\n  retention_days = -1;\n};' "bad.conf:3" retention_days
    assert_refused $'backup: {\n  compression_level = 13;\n};' "bad.conf:2" compression_level
    assert_refused $'backup: {\n  keep_minimum = 0;\n};' "bad.conf:2" keep_minimum
    assert_refused $'backup: {\n  keep_daily = -1;\n};' "bad.conf:2" keep_daily
    assert_refused $'backup: {\n  keep_weekly = [4];\n};' "bad.conf:2" keep_weekly
    assert_refused $'backup: {\n  keep_monthly = 1.5;\n};' "bad.conf:2" keep_monthly
    assert_refused $'auto: {\n  interval_hours = -1;\n};' "bad.conf:2" interval_hours
    assert_refused $'auto: {\n  min_changes = 0;\n};' "bad.conf:2" min_changes
    assert_refused $'hooks: {\n  before_create = [ "true" ];\n};' "bad.conf:2" before_create
    assert_refused $'hooks: {\n  timeout_seconds = -1;\n};' "bad.conf:2" timeout_seconds
    assert_refused $'backup: {\n  exclude_patterns = ["a", 3];\n};' "bad.conf:2"
    assert_refused $'backup: {\n  exclude_caches = 1;\n};' "bad.conf:2" exclude_caches
    assert_refused $'restore: {\n  default_strategy = "sideways";\n};' "bad.conf:2" new_location
    assert_refused $'log: {\n  level = "loud";\n};' "bad.conf:2" warning
    assert_refused $'\n\nbackup = 3;' "bad.conf:3" backup
}

@test "an unknown key is a warning with file, line and the nearest known key" {
    make_small_tree
    printf 'backup:\n{\n  retention_dais = 7;\n};\n' >cronos.conf
    run --separate-stderr -0 cronos list
    assert_contains "$stderr" "cronos.conf:3"
    assert_contains "$stderr" retention_dais
    assert_contains "$stderr" retention_days
    printf 'bakup:\n{\n};\n' >cronos.conf
    run --separate-stderr -0 cronos list
    assert_contains "$stderr" "cronos.conf:1"
    # A timer's runs are quiet, and nobody ever saw it.
    run --separate-stderr -0 cronos -q list
    assert_contains "$stderr" "cronos.conf:1"
    assert_equal "${#stderr_lines[@]}" 1
}

@test "an empty name of a configuration file is that of none, and not of the directory" {
    run --separate-stderr -2 cronos -c '' list
    assert_equal "$stderr" 'cronos: configuration file "": No such file or directory'
}

@test "configured values are used" {
    make_small_tree
    printf '%s\n' 'backup: { directory = "../elsewhere"; exclude_patterns = ["*.txt"];' \
        '  compression_level = 0; };' 'log: { file = "../own.log"; level = "info"; };' >cronos.conf
    backup x
    assert_equal "$ARCHIVE" "$WORK/elsewhere/$ARCHIVE_NAME"
    refute_contains "$(unzip -Z1 "$ARCHIVE")" a.txt
    unzip -Zv "$ARCHIVE" src/main.c | grep -q 'compression method: *none'
    [[ -s $WORK/own.log && ! -e $ROOT/logs ]]
}

@test "a log file that can not be written is told once, and the work is done" {
    make_small_tree
    printf 'log: { file = "a.txt/no.log"; };\n' >cronos.conf
    run --separate-stderr -0 cronos create x
    assert_contains "$stderr" no.log
    [[ -f $output ]]
}

@test "a missing root" {
    run --separate-stderr cronos -C "$WORK/none" list
    ((status == 1 || status == 2))
    assert_error_line none
    run --separate-stderr cronos -C /dev/null create x
    ((status == 1 || status == 2))
}
