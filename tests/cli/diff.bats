#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# diff: from one backup to another, and to the project directory.

load ../lib/common
load ../lib/history

FIRST=egos_backup_manual_x_20250403_100000.zip

@test "what was added, removed and changed, with sizes" {
    make_history
    run --separate-stderr -0 cronos diff 20250403_100000 20250403_140000
    assert_equal "$output" "\
removed  4 B          a.txt
changed  6 B  folder  notes
added            6 B  notes/inner
added            5 B  notes/other.tar.gz"
    run --separate-stderr -0 cronos diff 20250403_100000
    assert_equal "$output" "\
changed  4 B   4 B  a.txt
changed  6 B  link  notes"
    run --separate-stderr -0 cronos diff 20250403_110000 20250403_110000
    assert_equal "$output$stderr" ""
}

@test "pairs of backups, held against what Python's zipfile finds" {
    make_history
    make_odd_backups
    brute_force diff
}

@test "--exit-code: status 1 where there are differences" {
    make_history
    run -1 cronos diff 20250403_100000 20250403_110000 --exit-code
    run -0 cronos diff 20250403_110000 20250403_110000 --exit-code
    run -0 cronos diff latest --source --exit-code
    assert_equal "$output" ""
    echo >>src/main.c
    run -1 cronos diff latest --source --exit-code
    run -0 cronos diff latest --source
    assert_contains "$output" src/main.c
}

@test "--source: each kind of difference, with sizes, by bytes" {
    make_small_tree
    head -c 1500000 /dev/urandom >noise
    backup x
    printf 'other words..' >a.txt
    touch -r src/main.c noise
    printf Z | dd of=noise bs=1 seek=1400000 conv=notrunc status=none
    rm -r empty-file empty-folder
    mkdir new
    echo new >new/file
    ln -sfn a.txt link
    run --separate-stderr -0 cronos diff "$ID" --source
    assert_equal "$output" "\
changed     14 B     13 B  a.txt
removed      0 B           empty-file
removed   folder           empty-folder
changed     link     link  link
added              folder  new
added                 4 B  new/file
changed  1.4 MiB  1.4 MiB  noise"
    run --separate-stderr -0 cronos diff "$ID" --source --json
    assert_equal "$(json "$output" '[j["after"], len(j["differences"]),
        j["differences"][-1]["before"]["size_bytes"]]')" "[null, 7, 1500000]"
}

@test "archives without checksums are compared by their bytes, whatever packed them" {
    make_small_tree
    mkdir -p "$BACKUPS" two
    head -c 3000000 /dev/urandom >src/noise
    tar -czf "$BACKUPS/one.tar.gz" src link
    cp -a src link two
    printf Z | dd of=two/src/noise bs=1 seek=2000000 conv=notrunc status=none
    ln -sfn src/main.d two/link
    tar -C two -cf "$BACKUPS/two.tar" src link
    (cd two && zip -qry "$BACKUPS/three.zip" src link)
    for after in two three; do
        run --separate-stderr -0 cronos diff one "$after"
        assert_equal "$output" $'changed     link     link  link\nchanged  2.9 MiB  2.9 MiB  src/noise'
    done
    run --separate-stderr -0 cronos diff two three
    assert_equal "$output" ""
}

@test "bytes are not read where checksums tell, and damage is told where they are" {
    make_small_tree
    backup x
    head -c 2000 /dev/urandom >noise
    backup y
    damage "$ARCHIVE" "$(($(member_offset "$ARCHIVE" noise) + 1000))" 8
    local damaged=$ID
    backup z --full
    run --separate-stderr -0 cronos diff "$damaged" "$ID"
    assert_equal "$output" ""
    run --separate-stderr -3 cronos diff "$damaged" --source
    assert_error_line noise
    assert_equal "$output" ""
}

@test "wrong usage, and archives that are not there" {
    make_history
    run --separate-stderr -2 cronos diff
    run --separate-stderr -2 cronos diff latest
    assert_error_line "is the latest backup"
    run --separate-stderr -2 cronos diff latest latest --source
    run --separate-stderr -1 cronos diff nonesuch
    cut_in_half "$BACKUPS/$FIRST"
    run --separate-stderr -1 cronos diff "$FIRST"
    assert_error_line "$FIRST"
}
