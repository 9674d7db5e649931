// What the session's sources share.
#pragma once

#include "session.hpp"

namespace py4cpp {

inline constexpr std::size_t batch_size = 32 * 1024;              // bytes that may wait for company
inline constexpr std::size_t max_queued = std::size_t{64} << 20;  // bytes; then the one who sends waits
inline constexpr auto batch_delay = std::chrono::microseconds(200);

// A waiting thread is enlisted from enlist() to leave(), awake or asleep, reading, or running what it was asked to run.
struct Session::Waiter {
  Waiter* before = nullptr;
  Waiter* after = nullptr;
  Call* call = nullptr;    // waits for its answer
  Waiter* next = nullptr;  // another thread that waits for the same call
  bool server = false;     // waits for requests
  std::optional<std::size_t> drain_to;  // waits until no more bytes are queued
  bool sleeping = false;   // on `wakeup`, and nobody has woken it yet
  std::condition_variable wakeup;
};

}  // namespace py4cpp
