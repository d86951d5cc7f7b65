#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# verify: whole archives, damaged members by name, and the comparison with the source.

load ../lib/common

setup()
{
    make_workspace
    make_small_tree
    head -c 100000 /dev/urandom >noise
    backup x
}

@test "a whole backup: status 0 and OK" {
    run --separate-stderr -0 cronos verify "$ID"
    assert_contains "$output" OK
    run --separate-stderr -0 cronos verify
    assert_contains "$output" "$ID"
    run --separate-stderr -0 cronos verify --json
    json "$output" j >/dev/null
}

@test "a damaged member is named, the status is 1" {
    damage "$ARCHIVE" "$(($(member_offset "$ARCHIVE" noise) + 5000))" 8
    run --separate-stderr -1 cronos verify "$ID"
    assert_contains "$stderr" noise
    refute_contains "$stderr" a.txt
    run --separate-stderr -1 cronos verify "$ID" --json
    assert_contains "$(json "$output" 'json.dumps(j)')" noise
}

@test "a local header that contradicts the central directory is found" {
    local header field
    header=$(header_offset "$ARCHIVE" noise)
    cp "$ARCHIVE" "$WORK/whole.zip"
    # Signature, method, CRC, name.
    for field in 0 8 14 30; do
        cp "$WORK/whole.zip" "$ARCHIVE"
        damage "$ARCHIVE" $((header + field)) 2
        run --separate-stderr -1 cronos verify "$ID"
        assert_contains "$stderr" noise
    done
}

@test "several identifiers, and --all" {
    local good=$ID
    backup y
    damage "$ARCHIVE" "$(($(member_offset "$ARCHIVE" noise) + 5000))" 8
    run --separate-stderr -0 cronos verify "$good"
    run --separate-stderr -1 cronos verify "$good" "$ID"
    assert_contains "$output" "$good"
    run --separate-stderr -1 cronos verify --all
    assert_contains "$output" "$good"
    assert_contains "$stderr" noise
    rm "$ARCHIVE"
    run -0 cronos verify --all
    run --separate-stderr -1 cronos verify nonesuch
}

@test "--against-source: no difference, then each kind of it" {
    run -0 cronos verify "$ID" --against-source
    echo "other words..." >a.txt
    rm empty-file
    echo new >new.txt
    ln -sfn a.txt link
    run -1 cronos verify "$ID" --against-source
    assert_contains "$output" a.txt
    assert_contains "$output" empty-file
    assert_contains "$output" new.txt
    assert_contains "$output" link
    refute_contains "$output" main.c
    run --separate-stderr -1 cronos verify "$ID" --against-source --json
    assert_equal "$(json "$output" '[sorted((j[0] if isinstance(j, list) else j)[k])
        for k in ("changed", "missing", "added")]')" \
        '[["a.txt", "link"], ["empty-file"], ["new.txt"]]'
}

@test "--against-source reads files that have no size" {
    printf 'backup: { directory = "%s"; };\nlog: { file = ""; };\n' "$BACKUPS" >"$WORK/c.conf"
    local kernel=(cronos -q -C /proc/sys/fs/inotify -c "$WORK/c.conf") id
    id=$("${kernel[@]}" create x)
    run -0 "${kernel[@]}" verify "${id##*/}" --against-source
    # Contents that the backup has not, and others than it has.
    mkdir "$WORK/other"
    touch "$WORK/other/max_user_watches"
    echo none >"$WORK/other/max_queued_events"
    cp /proc/sys/fs/inotify/max_user_instances "$WORK/other"
    id=$(cronos -q -C "$WORK/other" -c "$WORK/c.conf" create y)
    run --separate-stderr -1 "${kernel[@]}" verify "${id##*/}" --against-source --json
    assert_equal "$(json "$output" '(j[0] if isinstance(j, list) else j)["changed"]')" \
        '["max_queued_events", "max_user_watches"]'
}

@test "--against-source: what can not be read is named, neither equal nor missing, and status 3" {
    mkdir -p locked/deep
    echo inside >locked/deep/inside
    echo secret >secret
    backup y
    echo public >secret
    chmod 600 secret
    chmod 700 locked
    give_to_user "$ROOT"
    chown 0 secret locked 2>/dev/null || chmod 000 secret locked
    run --separate-stderr -3 as_user cronos -C "$ROOT" verify "$ID" --against-source
    assert_contains "$stderr" "not compared: secret: "
    assert_contains "$stderr" "not compared: locked/deep/inside: "
    refute_contains "$output" missing
    run --separate-stderr -3 as_user cronos -C "$ROOT" verify "$ID" --against-source --json
    assert_equal "$(json "$output" '[j[0]["missing"], j[0]["changed"],
        sorted(text.split(": ")[0] for text in j[0]["unreadable"])]')" \
        '[[], [], ["locked", "locked/deep", "locked/deep/inside", "secret"]]'
    run --separate-stderr -3 as_user cronos -C "$ROOT" diff "$ID" --source
    refute_contains "$output" removed
    # A difference that can be seen is more than what can not.
    as_user rm "$ROOT/empty-file"
    run --separate-stderr -1 as_user cronos -C "$ROOT" verify "$ID" --against-source
    assert_contains "$output" "missing empty-file"
}

@test "--against-source with the patterns the backup was made with" {
    mkdir .git
    touch .git/HEAD skipped.o
    backup y -e '*.o'
    run -0 cronos verify "$ID" --against-source
}

@test "--sample: part of the members is decoded, headers of all are checked" {
    local number
    for number in {1..100}; do echo "$number" >"file-$number"; done
    backup y
    run --separate-stderr -0 cronos verify "$ID" --sample 5%
    assert_contains "$output" " of "
    run --separate-stderr -0 cronos verify "$ID" --sample=5% --json
    (($(json "$output" 'j[0]["checked_members"]') < 20))
    (($(json "$output" 'j[0]["members"]') > 100))
    damage "$ARCHIVE" "$(($(member_offset "$ARCHIVE" noise) + 5000))" 8
    run --separate-stderr -1 cronos verify "$ID" --sample 100
    assert_contains "$stderr" noise
    damage "$ARCHIVE" "$(header_offset "$ARCHIVE" file-7)" 1
    run --separate-stderr -1 cronos verify "$ID" --sample 1%
    assert_contains "$stderr" file-7
}

@test "--sample takes a percentage, and does not go with --against-source" {
    local wrong
    for wrong in 0 0% -1 101% 5x % nan inf 0x5 1e1 ""; do
        run --separate-stderr -2 cronos verify "$ID" --sample "$wrong"
    done
    run --separate-stderr -2 cronos verify "$ID" --sample 5% --against-source
}
