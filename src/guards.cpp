#include "guards.hpp"

#include <utility>

namespace py4cpp::guards {

namespace {

template <class T>
struct Guard {
  const void* python;
  T what;
  Guard* before;
};

// The newest of this thread. No vectors: these have no destructors, so guards are usable to a thread's very end, in the
// destructors of static objects, too.
constinit thread_local Guard<std::uint64_t>* keeping = nullptr;
constinit thread_local Guard<Clock::time_point>* limits = nullptr;

template <class T>
void remove_last(Guard<T>*& newest, const void* python) noexcept {
  for (Guard<T>** link = &newest; *link != nullptr; link = &(*link)->before) {
    if ((*link)->python == python) return delete std::exchange(*link, (*link)->before);
  }
}

}  // namespace

void keep_results(const void* python, std::uint64_t under) {
  keeping = new Guard<std::uint64_t>{python, under, keeping};
}
void end_keep_results(const void* python) noexcept { remove_last(keeping, python); }

bool keeps_results(const void* python, std::uint64_t under) noexcept {
  for (const auto* guard = keeping; guard != nullptr; guard = guard->before) {
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
  for (const auto* guard = limits; guard != nullptr; guard = guard->before) {
    if (guard->python == python && (!earliest || guard->what < *earliest)) earliest = guard->what;
  }
  return earliest;
}

}  // namespace py4cpp::guards
