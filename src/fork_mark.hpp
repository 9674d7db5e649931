// Telling a process from its forked children. What a process owns outside its memory (names in /dev/shm, leases,
// pipes) a child has copies of and no right to: it must neither remove names nor keep locks alive. Any thread.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace py4cpp {

namespace detail {
extern std::atomic<std::uint32_t> fork_epoch;  // how many fork() calls lie between the first process and this one
void watch_forks();
}  // namespace detail

// Remembers the process it was made in.
class ForkMark {
 public:
  ForkMark() : pid_(::getpid()) {
    detail::watch_forks();
    epoch_ = detail::fork_epoch.load(std::memory_order_relaxed);
  }
  // No system call: for every allocation. Sees fork(), not a bare clone().
  bool same_process() const noexcept { return detail::fork_epoch.load(std::memory_order_relaxed) == epoch_; }
  // For where something outside the process is about to be removed.
  bool surely_same_process() const noexcept { return same_process() && ::getpid() == pid_; }

 private:
  pid_t pid_;
  std::uint32_t epoch_;
};

// open(2) and close(2) for a descriptor that no forked child keeps, not for an instant: a lock that a child shared
// would outlive us. The child closes its copy before fork() returns there.
int open_unforked(const char* path, int flags, mode_t mode = 0);
void close_unforked(int descriptor) noexcept;

}  // namespace py4cpp
