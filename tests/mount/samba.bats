#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Samba shows backups as previous versions, by the settings in the manual page. smbd is a private
# one: its port, users and state are the test's own.

load ../lib/mount

teardown()
{
    local status=0 pid pids
    if [[ -n ${SMBD:-} ]]; then
        mapfile -t pids < <(pgrep -P "$SMBD")
        kill -TERM "$SMBD"
        wait "$SMBD" || true
        for pid in "${pids[@]}"; do
            wait_until 20 process_gone "$pid" || { kill -KILL "$pid"; status=1; }
        done
    fi
    unmount_backups || status=1
    remove_workspace
    return $status
}

# Prints the share as the manual page has it, of this test's places.
share_of_manual()
{
    sed -n '/^\[project\]$/,/^\.Ed$/{/^\.Ed$/d;p}' "$TESTS/../man/cronosfs.1" |
        sed "s|/srv/project|$ROOT|; s|/mnt/backups|$MNT|"
}

write_configuration()
{
    local guest=nobody
    ((EUID == 0)) || guest=$(id -un)
    mkdir -p "$WORK"/smb/{state,lock,private,cache,pid,ncalrpc}
    PORT=$(python3 -c 'import socket
with socket.socket() as one:
    one.bind(("127.0.0.1", 0))
    print(one.getsockname()[1])')
    cat >"$WORK/smb.conf" <<END
[global]
    server role = standalone server
    smb ports = $PORT
    interfaces = lo
    bind interfaces only = yes
    map to guest = Bad User
    guest account = $guest
    state directory = $WORK/smb/state
    lock directory = $WORK/smb/lock
    private dir = $WORK/smb/private
    cache directory = $WORK/smb/cache
    pid directory = $WORK/smb/pid
    ncalrpc dir = $WORK/smb/ncalrpc
    load printers = no
    disable spoolss = yes
$(share_of_manual)
    guest ok = yes
END
}

smb()
{
    smbclient --configfile="$WORK/smb.conf" -p "$PORT" -N //127.0.0.1/project -c "$1" 2>&1
}

answers_or_dead()
{
    smb "ls a.txt" >/dev/null || ! kill -0 "$SMBD"
}

start_smbd()
{
    write_configuration
    # In a process group of its own, since all of that gets the signal that ends it.
    smbd -F --configfile="$WORK/smb.conf" --debug-stdout \
        >"$WORK/smbd.log" 2>&1 </dev/null 3>&- &
    SMBD=$!
    wait_until 20 answers_or_dead
    kill -0 "$SMBD" || fail "smbd ended before it served:" "$(cat "$WORK/smbd.log")"
}

# Prints the snapshots of a file, as Windows asks for them.
snapshots_of()
{
    smb "allinfo $1" | grep '^@GMT-'
}

has_snapshot()
{
    snapshots_of "$1" | grep -qxF "$2"
}

@test "previous versions by Samba: listed, fetched byte for byte, live" {
    local first=@GMT-2025.04.03-08.00.00 second=@GMT-2025.04.04-08.00.00
    local third=@GMT-2025.04.04-09.00.00
    make_small_tree
    head -c 300000 /dev/urandom >src/noise
    echo "gone in the second" >gone.txt
    cp src/noise "$WORK/noise.1"
    SOURCE_DATE_EPOCH=1743667200 backup x
    head -c 300000 /dev/urandom >src/noise
    cp src/noise "$WORK/noise.2"
    rm gone.txt
    SOURCE_DATE_EPOCH=1743753600 backup x
    echo "now" >src/noise
    chmod -R a+rX "$ROOT"
    if ((EUID == 0)); then mount_backups -o allow_other; else mount_backups; fi
    start_smbd

    assert_equal "$(snapshots_of 'src\noise')" "$second"$'\n'"$first"
    assert_equal "$(snapshots_of src)" "$second"$'\n'"$first"
    cd "$WORK"
    run smb "get src\\noise now; get $first\\src\\noise got.1; get $second\\src\\noise got.2;
        get $first\\gone.txt gone.txt; ls $first\\*; ls $second\\*; ls $second\\gone.txt"
    assert_equal "$(cat now)" now
    cmp noise.1 got.1
    cmp noise.2 got.2
    assert_equal "$(cat gone.txt)" "gone in the second"
    assert_equal "$(grep -c '^  gone.txt ' <<<"$output")" 1
    assert_equal "$(grep -c '^  a.txt ' <<<"$output")" 2
    assert_contains "$output" "NT_STATUS_NO_SUCH_FILE listing \\$second\\gone.txt"

    cd "$ROOT"
    SOURCE_DATE_EPOCH=1743757200 backup x
    wait_until 5 has_snapshot 'src\noise' "$third"
    cd "$WORK"
    smb "get $third\\src\\noise got.3"
    cmp "$ROOT/src/noise" got.3
    run smb "put got.1 $second\\src\\noise"
    cmp noise.2 "$MNT/.snapshots/$second/src/noise"
}
