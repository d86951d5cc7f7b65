# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# packages.sh - the Debian packages of tests/packages, installed where they are missing
#
# Sourced by tests/run.sh and tests/demo.sh. Nothing is downloaded or changed when all is there.

# Prints the packages of the purposes in "$@".
packages_for()
{
    local here purpose
    here=$(dirname "${BASH_SOURCE[0]}")
    for purpose in "$@"; do
        sed -n "s/^$purpose: *//p" "$here/../packages" | tr ' ' '\n'
    done
}

# Prints those of "$@" that are not installed.
packages_missing()
{
    local package
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            printf '%s\n' "$package"
    done
}

# Installs what the purposes in "$@" need; without the right to, names what is missing and fails.
packages_require()
{
    local wanted missing
    mapfile -t wanted < <(packages_for "$@")
    if ! command -v dpkg-query >/dev/null; then
        echo "dpkg-query is missing: this script knows Debian's packages only; going on without"
        return 0
    fi
    mapfile -t missing < <(packages_missing "${wanted[@]}")
    if ((${#missing[@]} == 0)); then
        echo "every Debian package needed ($*) is installed"
        return 0
    fi
    if ((EUID != 0)); then
        printf 'missing packages; install them with:\n  sudo apt-get install %s\n' \
            "${missing[*]}" >&2
        return 1
    fi
    echo "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# What fusermount3 needs: /dev/fuse, with the kernel's module loaded where that is possible, and
# /etc/mtab, which installations have and bare chroots lack.
require_fuse()
{
    if ((EUID == 0)) && [[ ! -e /etc/mtab ]]; then
        echo "linking /etc/mtab to /proc/self/mounts"
        ln -s ../proc/self/mounts /etc/mtab
    fi
    [[ -c /dev/fuse ]] && return 0
    if ((EUID == 0)) && command -v modprobe >/dev/null; then
        echo "loading the kernel module fuse"
        modprobe fuse || true
    fi
    [[ -c /dev/fuse ]] && return 0
    echo "/dev/fuse is missing: load the kernel module fuse, or give the container the device" >&2
    return 1
}
