// Starting a child process, for Process alone: the pipes to it, what posix_spawn is told to do with them, and what its
// errors mean. Any thread.
#pragma once

#include "process.hpp"

#include <utility>

#include <sys/types.h>
#include <unistd.h>

namespace py4cpp {

// Closes it.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }

  int get() const noexcept { return number_; }
  void close() noexcept {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }
  int release() noexcept { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

// Moves a descriptor to a high number: away from 0 to 4, which are set up in the child, and from the small numbers that
// programs hard-code or close in loops. Throws Error(exhausted).
Descriptor moved_up(Descriptor low);

struct SpawnedChild {
  pid_t pid = -1;
  Descriptor to_child, from_child, stderr_pipe, stdout_pipe;  // our ends; the last only where stdout is captured
  Descriptor to_child_reader;  // the child's end as well: while it is open, writing to a dead child is no SIGPIPE

  void close_pipes() noexcept {
    for (Descriptor* end : {&to_child, &from_child, &stderr_pipe, &stdout_pipe, &to_child_reader}) end->close();
  }
};

// Throws as Process::spawn does.
SpawnedChild spawn_child(const SpawnOptions& options);

// Error(exhausted), for an errno.
[[noreturn]] void throw_exhausted(int error);

}  // namespace py4cpp
