#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# cronos serve: requests from a real NATS server, and what is told of them.

load stories

@test "a backup, its statuses and events in order; a list, a restore and a clean" {
    tell scenario story
}

@test "a hundred requests at once are done in their order, each once" {
    tell scenario hundred
}

@test "what does not fit into the queue is answered, and lists do not wait" {
    tell scenario full
}

@test "answers fit into the messages that the server takes" {
    tell scenario small
}

@test "malformed and hostile requests are answered" {
    tell scenario hostile
}

@test "one of a group answers, or all of no group" {
    tell scenario group
}
