#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# cronos serve: servers that go and come, a watchdog, and how the service ends.

load stories

@test "a server that dies during a backup costs no message" {
    tell scenario restart
}

@test "a service that is there before its server" {
    tell scenario late
}

@test "what could not be told at the end is in the log, and the status is 1" {
    tell scenario lost
}

@test "SIGTERM finishes the running job and refuses the waiting ones" {
    tell scenario stop
}

@test "the watchdog is fed while a job runs, and its progress is told" {
    tell scenario watchdog
}
