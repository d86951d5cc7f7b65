# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# stories.bash - what the scripts of stories tell, as bats tests

load ../lib/common

# Tells the story "$2" of the script "$1".
tell()
{
    mkdir "$WORK/story"
    cd "$WORK/story" || return
    python3 "$TESTS/serve/$1" "$2"
}
