// The two greetings that open a session, seen from the worker. Runs before any thread but the watchdog.
#pragma once

#include "channel.hpp"
#include "message.hpp"
#include "segment.hpp"

namespace py4cpp {

// Waits for the host's hello. Throws Error(disconnected) if it never comes, BadMessage for something else.
HelloInfo await_host(Channel& channel);

// Sends our hello. Waits until the pipe has taken it.
void greet_host(Channel& channel, const ArenaId& arena);

}  // namespace py4cpp
