// The real-time signal that interrupts a call: the host queues it to the worker with the call's id as its value.
#pragma once

#include <csignal>

namespace py4cpp {

inline int interrupt_signal() noexcept { return SIGRTMIN + 5; }

}  // namespace py4cpp
