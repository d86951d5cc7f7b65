#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Metrics for Prometheus' node exporter: the format, what each command renews, and whose file it is.

load ../lib/common

setup()
{
    make_workspace
    make_small_tree
    printf 'metrics: { textfile = "../cronos.prom"; };\n%s\n' \
        'backup: { exclude_patterns = ["/cronos.conf", "/logs"]; };' >cronos.conf
    settle
}

# The value "$1" of the checked metrics, called j, of the file "$2".
metric()
{
    json "$(check-metrics "${2:-$WORK/cronos.prom}")" "$1"
}

@test "create, clean and verify renew what they know, in the right format" {
    local before after
    before=$(date +%s)
    backup x
    run -0 metric 'sorted(j)'
    assert_equal "$output" '["cronos_backups", "cronos_backups_bytes", "cronos_last_attempt_timestamp_seconds", "cronos_last_backup_archive_bytes", "cronos_last_backup_duration_seconds", "cronos_last_backup_files", "cronos_last_backup_source_bytes", "cronos_last_backup_unreadable_paths", "cronos_last_success_timestamp_seconds"]'
    assert_equal "$(metric '[{k: v for k, v in s.items() if k} for s in j.values()] == [{"root": "'"$ROOT"'"}] * 9')" true
    assert_equal "$(metric 'j["cronos_last_backup_archive_bytes"][""]')" "$(stat -c %s "$ARCHIVE").0"
    assert_equal "$(metric '[j["cronos_last_backup_" + n][""] for n in ("files", "source_bytes", "unreadable_paths")]')" \
        "[4.0, $(($(cat a.txt src/main.c src/deep/long.txt | wc -c))).0, 0.0]"
    cut_in_half "$BACKUPS/$(backdate 400)"
    run -1 cronos -q verify --all
    run -0 metric '[j["cronos_last_verify" + n][""] for n in ("_backups", "_damaged_backups")]'
    assert_equal "$output" "[2.0, 1.0]"
    run -0 cronos -q clean --dry-run
    assert_equal "$(metric '"cronos_last_clean_timestamp_seconds" in j')" false
    run -0 cronos -q clean
    after=$(date +%s)
    assert_equal "$(metric '[j["cronos_backups"][""], j["cronos_last_verify_damaged_backups"][""], len(j)]')" \
        "[1.0, 1.0, 13]"
    assert_equal "$(metric 'all('"$before"' <= s[""] <= '"$after"' for n, s in j.items() if "timestamp" in n)')" true
}

@test "failure is an attempt alone; where no backup is due, that is a success" {
    backup -t auto
    set_back
    printf 'metrics: { textfile = "../cronos.prom"; };\nhooks: { before_create = "false"; };\n' \
        >"$WORK/failing.conf"
    run -1 cronos -q -c "$WORK/failing.conf" create x
    assert_equal "$(metric '[j["cronos_last_%s_timestamp_seconds" % n][""] > 1 for n in ("attempt", "success")]')" \
        "[true, false]"
    set_back
    run -2 cronos -q create a/b
    run -0 cronos -q create y --dry-run
    assert_equal "$(metric 'j["cronos_last_attempt_timestamp_seconds"][""]')" 1.0
    run -0 cronos -q create -t auto --if-changed
    assert_equal "$(metric '[j["cronos_last_%s_timestamp_seconds" % n][""] > 1 for n in ("attempt", "success")]')" \
        "[true, true]"
    assert_equal "$(metric 'j["cronos_last_backup_files"][""]')" 4.0
}

# Has everything in the metrics have happened in 1970.
set_back()
{
    sed -i -E '/timestamp_seconds\{/s/[0-9]+$/1/' "$WORK/cronos.prom"
}

@test "in a directory each root has a file of its own, labelled, readable by all" {
    local one='we"ird \ röot' file
    mkdir "$WORK/node" "$WORK/$one"
    printf 'metrics: { textfile = "%s"; };\nbackup: { directory = "%s"; };\n' "$WORK/node" \
        "$BACKUPS" >"$WORK/system.conf"
    (umask 077 && cronos -q -c "$WORK/system.conf" create x && cronos -q -c "$WORK/system.conf" create x)
    (umask 077 && cronos -q -c "$WORK/system.conf" -C "$WORK/$one" create x)
    assert_equal "$(find "$WORK/node" -name 'cronos-*.prom' -perm 644 | wc -l)" 2
    assert_equal "$(find "$WORK/node" -mindepth 1 | wc -l)" 2
    run -0 metric 'j["cronos_backups"]' "$WORK"/node/cronos-project-*.prom
    assert_equal "$output" "{\"root\": \"$ROOT\", \"\": 2.0}"
    file=$(echo "$WORK"/node/cronos-we_ird*.prom)
    run -0 metric 'j["cronos_backups"]["root"]' "$file"
    assert_equal "$output" "$WORK/$one"
}

@test "a file that is no metrics of this root is left alone, and the work is done" {
    echo "my own text" >"$WORK/cronos.prom"
    run --separate-stderr -0 cronos -q create x
    [[ -f $output ]]
    assert_error_line "cronos.prom\" is left alone"
    assert_equal "$(<"$WORK/cronos.prom")" "my own text"
    rm "$WORK/cronos.prom"
    backup x
    mkdir "$WORK/other"
    run --separate-stderr -0 cronos -q -C "$WORK/other" -c cronos.conf create x
    assert_error_line "left alone"
    assert_equal "$(metric 'j["cronos_backups"]["root"]')" "$ROOT"
    rm "$WORK/cronos.prom"
    ln -s a.txt "$WORK/cronos.prom"
    run --separate-stderr -0 cronos -q create x
    assert_error_line "cronos.prom"
    [[ -L $WORK/cronos.prom && $(<a.txt) == "first version" ]]
}

@test "many at once lose nothing of each other" {
    local i pids=()
    backup x
    for i in 1 2 3 4 5 6; do
        cronos -q verify >/dev/null 3>&- & pids+=($!)
        cronos -q clean >/dev/null 3>&- & pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i"; done
    assert_equal "$(metric 'len(j)')" 13
    assert_files "$WORK" cronos.prom project
}
