// What the session's sources share.
#pragma once

#include "session.hpp"

namespace py4cpp {

// Bytes that may wait for company. Few, so that both sides work at the same time and neither has to wait longer than it
// spins: once a side sleeps, the kernel is apt to wake it on the other side's processor.
inline constexpr std::size_t batch_size = 2 * 1024;               // some 12 requests
inline constexpr std::size_t answers_size = 1 * 1024;             // some 12 answers
inline constexpr std::size_t max_queued = std::size_t{64} << 20;  // bytes; then the one who sends waits
inline constexpr std::size_t max_unprinted = 256 * 1024;          // bytes of output; then reading, and printing, wait

inline constexpr const char* replaced_descriptors =
    "something in this process has closed or replaced the channel's descriptors";

// A thread that waits, from enlist() to leave(): awake or asleep, reading, or running what it was asked to run. That
// may wait in turn, so the waits of one thread in one session form a chain, of which only the innermost can sleep or
// lead.
struct Session::Waiter {
  static thread_local Waiter* innermost;  // of this thread, whatever the session

  Call* call = nullptr;                     // waits for its answer
  bool server = false;                      // waits for requests
  std::optional<std::size_t> drain_to;      // waits until no more bytes are queued
  const std::atomic<bool>* stop = nullptr;  // waits no longer once it is true; may be all that it waits for

  const Session* session = nullptr;
  Waiter* enclosing = nullptr;  // wait of this thread, whatever the session
  Waiter* outer = nullptr;      // the nearest of those in this session
  Waiter* inner = nullptr;
  Waiter* before = nullptr;  // in waiters_
  Waiter* after = nullptr;
  Waiter* next = nullptr;                         // another thread that waits for the same call
  bool sleeping = false;                          // on `wakeup`, and nobody has woken it yet
  std::optional<std::condition_variable> wakeup;  // once it has slept
};

}  // namespace py4cpp
