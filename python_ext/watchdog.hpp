// The worker's own thread. It ends the worker when the host has ended, within milliseconds and whatever Python is
// doing, and sends what nobody else is bound to send. It never touches Python or the GIL, and takes no signal but its
// own, with which it is woken: a descriptor for that could be closed by user code. It lives as long as the process; in
// a forked child there is none.
#pragma once

#include "fork_mark.hpp"
#include "fork_pins.hpp"
#include "segment.hpp"
#include "session.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <vector>

#include <sys/types.h>

namespace py4cpp {

class Watchdog {
 public:
  // Watches the parent process from now on. If it has already ended, so does this process.
  Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // The host's process, from its hello: usually our parent, unless a wrapper script stands between.
  void watch_host(pid_t host);
  // Names to remove from /dev/shm when the host has ended and with it this process.
  void remove_names_of(const ArenaId& arena);
  void serve(Session& session);
  void collect(ForkPins& pins);  // whenever children have ended; it lives as long as this

  // Calls session.service() within this time. Any thread, with locks held; cheap when it was asked before.
  void attend(std::chrono::microseconds within) noexcept;
  // Calls session.look_again() soon. Async-signal-safe.
  void look_again() noexcept;
  bool sending() const noexcept;  // it is, or is about to within a millisecond

  // Ends the process after this time, if it is still there.
  void end_within(std::chrono::milliseconds time) noexcept;
  // Waits this long whether the host ends, and then doesn't return.
  void end_with_host(std::chrono::milliseconds patience) noexcept;
  // For the very end of the process, which might cut short what the watchdog is doing.
  void last_look() noexcept;

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::int64_t never = INT64_MAX;

  static void* run(void* self) noexcept;
  void watch() noexcept;
  void wait() noexcept;
  bool host_ended() noexcept;
  bool due_within(std::chrono::microseconds time) noexcept;
  void send() noexcept;
  void remove_names() noexcept;
  void wake() noexcept;

  const ForkMark made_in_;
  const pid_t parent_;
  std::atomic<int> host_descriptor_;  // pidfd, -1 where the kernel has none
  std::atomic<pid_t> host_;
  std::atomic<Session*> session_{nullptr};
  std::atomic<ForkPins*> pins_{nullptr};
  std::atomic<std::int64_t> due_{never};  // when to call service(), by Clock, in nanoseconds
  std::atomic<std::int64_t> end_at_{never};
  std::atomic<bool> blocked_{false};  // bytes are left that the pipe didn't take
  std::atomic<bool> sending_{false};
  std::atomic<bool> looking_again_{false};
  std::atomic<bool> woken_{false};
  std::atomic<pthread_t> thread_{};

  std::mutex mutex_;
  std::vector<ArenaId> arenas_;  // guarded by mutex_
};

}  // namespace py4cpp
