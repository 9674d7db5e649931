#include "guards.hpp"

#include <memory>

namespace py4cpp::guards {

namespace {

// A thread's guards are a list without a destructor, since destructors of thread-local and static objects may have
// guards, too.
template <class T>
struct Guard {
  const void* python;
  T what;
  Guard* outer;
};

constinit thread_local Guard<std::uint64_t>* keeping = nullptr;
constinit thread_local Guard<Clock::time_point>* limits = nullptr;

template <class T>
void remove_last(Guard<T>*& last, const void* python) noexcept {
  for (Guard<T>** link = &last; *link != nullptr; link = &(*link)->outer) {
    if ((*link)->python != python) continue;
    const std::unique_ptr<Guard<T>> ended(*link);
    *link = ended->outer;
    return;
  }
}

}  // namespace

void keep_results(const void* python, std::uint64_t under) {
  keeping = new Guard<std::uint64_t>{python, under, keeping};
}
void end_keep_results(const void* python) noexcept { remove_last(keeping, python); }

bool keeps_results(const void* python, std::uint64_t under) noexcept {
  for (const auto* guard = keeping; guard != nullptr; guard = guard->outer) {
    if (guard->python == python && guard->what == under) return true;
  }
  return false;
}

void limit_time(const void* python, Clock::time_point deadline) {
  limits = new Guard<Clock::time_point>{python, deadline, limits};
}
void end_limit_time(const void* python) noexcept { remove_last(limits, python); }

std::optional<Clock::time_point> deadline(const void* python) noexcept {
  std::optional<Clock::time_point> earliest;
  for (const auto* guard = limits; guard != nullptr; guard = guard->outer) {
    if (guard->python == python && (!earliest || guard->what < *earliest)) earliest = guard->what;
  }
  return earliest;
}

}  // namespace py4cpp::guards
