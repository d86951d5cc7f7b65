#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# cronos serve: what requests may do, and by whom they may come.

load stories

# The service does not start with the settings "$1" of service, and "$2"... stand in the message.
assert_refused()
{
    local text
    printf 'log: { file = ""; };\nservice:\n{\n%s\n};\n' "$1" >"$WORK/bad.conf"
    run --separate-stderr -2 cronos -c "$WORK/bad.conf" serve
    shift
    for text in "bad.conf:4" "$@"; do assert_contains "$stderr" "$text"; done
}

@test "restores go below their place, and overwrite nothing" {
    tell scenario-settings below
}

@test "a restore overwrites where that is allowed" {
    tell scenario-settings overwrite
}

@test "a clean tells what it removed" {
    tell scenario-settings clean
}

@test "a requested backup runs the hooks and feeds the metrics" {
    tell scenario-settings hooks
}

@test "TLS with certificates on both sides" {
    tell scenario-settings tls
}

@test "user and password, and a token, from files" {
    tell scenario-settings users
}

@test "credentials of a user, from a file" {
    tell scenario-settings credentials
}

@test "settings of a file in the root that others can write are refused, with the reason" {
    printf '%s\n' 'service:' '{' '  allow_overwrite = true;' '};' >cronos.conf
    chmod g+w cronos.conf
    run --separate-stderr -2 cronos serve
    assert_error_line "cronos.conf:3: service.allow_overwrite: no request is served"
    assert_contains "$stderr" "$ROOT/cronos.conf can be written by its group"
    assert_contains "$stderr" "--config"
    run --separate-stderr -0 cronos config
    assert_contains "$stderr" "no request is served"
    run --separate-stderr -0 cronos -q list
    assert_equal "$stderr" ""
}

@test "settings that can not be used: status 2, with file and line" {
    assert_refused 'subject_prefix = "a..b";' service.subject_prefix
    assert_refused 'subject_prefix = "a.*";' service.subject_prefix
    assert_refused 'queue_group = "a b";' service.queue_group
    assert_refused 'queue_length = 0;' service.queue_length "1 to 10000"
    assert_refused 'tls_certificate_file = "cert.pem";' service.tls_key_file
    assert_refused 'tls_ca_file = "none.pem";' service.tls_ca_file
    assert_refused 'credentials_file = "none.creds";' service.credentials_file "No such file"
    assert_refused 'password_file = "none";' service.user
    assert_refused 'token_file = "none.token";' service.token_file "No such file"
    printf 'a\\b\n' >"$WORK/odd"
    assert_refused 'token_file = "../odd";' service.token_file backslashes
    assert_refused 'user = "a\"b";' service.user quotes
    assert_refused 'url = "";' service.url
}
