// Starting a worker: finds the interpreter and the package, spawns, and exchanges the greetings. Blocks the calling
// thread, at most for Config::start_timeout. Leaves nothing behind when it fails.
#pragma once

#include "channel.hpp"
#include "process.hpp"
#include "segment.hpp"

#include <py4cpp/config.hpp>

#include <memory>
#include <string>

namespace py4cpp {

struct Launched {
  Process process;
  std::unique_ptr<Channel> channel;
  HelloInfo hello;          // the worker's
  std::string stderr_text;  // what it has written so far
};

// `arena` is this process's. Throws Error(invalid) when there is no such interpreter or package, WorkerDied when the
// worker ended instead of greeting, TimedOut, Error(incompatible) for a Python or a build that doesn't fit.
Launched launch(const Config& config, const ArenaId& arena);

}  // namespace py4cpp
