#include "guards.hpp"

#include <algorithm>
#include <vector>

namespace py4cpp::guards {

namespace {

template <class T>
struct Guard {
  const void* python;
  T what;
};

thread_local std::vector<Guard<std::uint64_t>> keeping;
thread_local std::vector<Guard<Clock::time_point>> limits;

template <class T>
void remove_last(std::vector<Guard<T>>& guards, const void* python) noexcept {
  const auto last = std::find_if(guards.rbegin(), guards.rend(), [&](const auto& g) { return g.python == python; });
  if (last != guards.rend()) guards.erase(std::next(last).base());
}

}  // namespace

void keep_results(const void* python, std::uint64_t under) { keeping.push_back({python, under}); }
void end_keep_results(const void* python) noexcept { remove_last(keeping, python); }

bool keeps_results(const void* python, std::uint64_t under) noexcept {
  return std::any_of(keeping.begin(), keeping.end(),
                     [&](const auto& guard) { return guard.python == python && guard.what == under; });
}

void limit_time(const void* python, Clock::time_point deadline) { limits.push_back({python, deadline}); }
void end_limit_time(const void* python) noexcept { remove_last(limits, python); }

std::optional<Clock::time_point> deadline(const void* python) noexcept {
  std::optional<Clock::time_point> earliest;
  for (const auto& guard : limits) {
    if (guard.python == python && (!earliest || guard.what < *earliest)) earliest = guard.what;
  }
  return earliest;
}

}  // namespace py4cpp::guards
