#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Help, usage errors and the options that every command shares.

load ../lib/common

COMMANDS=(create list show cat versions find diff restore clean pin unpin verify mount umount serve config help)

# Help goes to stdout, with status 0, and fits 80 columns.
assert_help()
{
    run --separate-stderr -0 "$@"
    [[ -n $output ]] || fail "no help from: $*"
    [[ -z $stderr ]] || fail "help of $* on stderr: $stderr"
    local line
    for line in "${lines[@]}"; do
        ((${#line} <= 80)) || fail "$*: ${#line} columns: $line"
    done
}

# A usage error: status 2, nothing on stdout, a reason and the way to help on stderr.
assert_usage_error()
{
    run --separate-stderr -2 cronos "$@"
    [[ -z $output ]] || fail "on stdout: $output"
    assert_contains "$stderr" "cronos: "
    assert_contains "$stderr" "Try "
}

options_in_help()
{
    "$@" --help | grep -oE -- '(^|[ ,])--[a-z][a-z-]+' | tr -d ' ,' | sort -u
}

@test "help of the program: stdout, status 0, 80 columns" {
    assert_help cronos --help
    assert_help cronos -h
    assert_help cronos help
    assert_help cronosfs --help
    assert_help cronosfs -h
}

@test "help of each command: stdout, status 0, 80 columns" {
    for command in "${COMMANDS[@]}"; do
        assert_help cronos "$command" --help
        assert_help cronos help "$command"
    done
}

@test "help names every command" {
    run -0 cronos help
    for command in "${COMMANDS[@]}"; do
        [[ $output =~ (^|[[:space:]])${command}[[:space:]] ]] || fail "$command is not in help"
    done
}

@test "--version names the program and its version" {
    run --separate-stderr -0 cronos --version
    [[ $output =~ ^cronos\ [0-9]+\.[0-9]+ ]]
    run --separate-stderr -0 cronosfs --version
    [[ $output =~ cronosfs\ [0-9]+\.[0-9]+ ]]
}

@test "usage errors: status 2, the reason on stderr, stdout empty" {
    assert_usage_error
    assert_usage_error frobnicate
    assert_usage_error --frobnicate
    assert_usage_error list --frobnicate
    assert_usage_error -Z list
    assert_usage_error create
    assert_usage_error create --if-changed -t manual
    assert_usage_error create x y
    assert_usage_error create x -t
    assert_usage_error create x -l eleventy
    assert_usage_error create x -j -1
    assert_usage_error show
    assert_usage_error show one two
    assert_usage_error restore
    assert_usage_error restore latest --strategy sideways
    assert_usage_error clean surplus
    assert_usage_error clean --retention-days never
    assert_usage_error clean --keep-daily -1
    assert_usage_error clean --keep-weekly=some
    assert_usage_error clean --keep-monthly
    assert_usage_error pin
    assert_usage_error unpin
    assert_usage_error umount
    assert_usage_error serve surplus
    assert_usage_error help frobnicate
    assert_usage_error --color=sometimes list
}

@test "long options are not abbreviated" {
    assert_usage_error list --js
    assert_usage_error create x --dry
}

@test "an unknown command suggests nothing harmful and does nothing" {
    make_small_tree
    run --separate-stderr -2 cronos crate x
    [[ ! -e $BACKUPS ]]
    assert_equal "$stderr" "cronos: there is no command \"crate\"; did you mean \"create\"?
Try 'cronos --help'."
    run --separate-stderr -2 cronos help verfiy
    assert_equal "$stderr" "cronos: there is no command \"verfiy\"; did you mean \"verify\"?
Try 'cronos --help'."
    run --separate-stderr -2 cronos frobnicate
    refute_contains "$stderr" "did you mean"
}

@test "global options stand before or after the command" {
    make_small_tree
    cd /
    run --separate-stderr -0 cronos -C "$ROOT" -q create one
    run --separate-stderr -0 cronos create two -C "$ROOT" -q
    run --separate-stderr -0 cronos list --json -C "$ROOT"
    assert_equal "$(json "$output" 'len(j)')" 2
}

@test "-- ends the options" {
    make_small_tree
    run --separate-stderr -0 cronos -q create -- -x
    assert_contains "$output" "egos_backup_manual_-x_"
}

@test "options take their value with = or a space" {
    make_small_tree
    run --separate-stderr -0 cronos -q create one --type=auto
    assert_contains "$output" egos_backup_auto_one_
    run --separate-stderr -0 cronos -q create two --type auto
    assert_contains "$output" egos_backup_auto_two_
    run --separate-stderr -0 cronos -qC "$ROOT" create three -tauto
    assert_contains "$output" egos_backup_auto_three_
}

@test "-q leaves stderr to errors, and without it create says what it did" {
    make_small_tree
    run --separate-stderr -0 cronos create loud
    [[ -n $stderr ]]
    run --separate-stderr -0 cronos -q create quiet
    assert_equal "$stderr" ""
}

@test "colours: only when asked for, or on a terminal, and never under NO_COLOR" {
    make_small_tree
    backup x
    run -0 cronos list
    refute_contains "$output" $'\e['
    run cronos --color=never show nonesuch
    refute_contains "$output" $'\e['
    run cronos --color=always show nonesuch
    assert_contains "$output" $'\e['
    NO_COLOR=1 run on-terminal "" cronos show nonesuch
    refute_contains "$output" $'\e[3'
}

# Prints what is missing: the files up to "--" must match the regular expression $1 for each word after
# it, which %s stands for.
missing_words()
{
    python3 - "$@" <<'END'
import re, sys
pattern, *rest = sys.argv[1:]
end = rest.index("--")
for path in rest[:end]:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for word in rest[end + 1:]:
        if not re.search(pattern % re.escape(word), text):
            print(path, "lacks", word)
END
}

@test "every option of --help stands in the manual page and in the completions" {
    local source=$TESTS/..
    mandoc -T ascii "$source/man/cronos.1" | col -b >"$WORK/cronos.1"
    mapfile -t options < <(
        options_in_help cronos
        for command in "${COMMANDS[@]}"; do options_in_help cronos "$command"; done
    )
    ((${#options[@]} > 20))
    run -0 missing_words '%s\b' "$WORK/cronos.1" -- "${options[@]}"
    assert_equal "$output" ""
    run -0 missing_words '(-l |--)%s\b' "$source"/cli/completions/* -- "${options[@]#--}"
    assert_equal "$output" ""
}

@test "every command stands in the manual page and in the completions" {
    run -0 missing_words '\b%s\b' "$TESTS/../man/cronos.1" "$TESTS"/../cli/completions/* -- \
        "${COMMANDS[@]}"
    assert_equal "$output" ""
}

@test "the bash completion offers commands, options, identifiers and what is in a backup" {
    make_small_tree
    echo x >"src/two words.c"
    SOURCE_DATE_EPOCH=1743667200 backup x
    cp "$ARCHIVE" "$BACKUPS/egos_backup_restore_point_x_20250403_110000.zip"
    echo new >new.txt
    # Files that were there still were all that it offered of a backup.
    rm -r src
    run -0 bash -c '
        source "$(find "$1/../cli/completions" -type f -name "*bash*" -o -type f -name cronos |
            head -n 1)"
        complete_words() {
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
            COMPREPLY=()
            local function
            function=$(complete -p cronos | sed "s/.*-F \([^ ]*\).*/\1/")
            "$function" cronos "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            printf "%s\n" "${COMPREPLY[@]}"
        }
        complete_words cronos cre
        complete_words cronos create x --no-default
        complete_words cronos show ""
        for path in s src/ "src/two\ " "*"; do
            complete_words cronos restore -y latest "$path"
        done
        complete_words cronos cat x_20250403_100000 a.txt src/ma
        complete_words cronos versions src/d
    ' bash "$TESTS"
    assert_equal "$(tail -n 8 <<<"$output")" "src/
src/deep/
src/main.c
src/two words.c
src/two words.c

src/main.c
src/deep/"
    assert_contains "$output" create
    assert_contains "$output" --no-default-excludes
    assert_contains "$output" "${ARCHIVE_NAME%.zip}"
}
