// What RemoteObjects and Timeout have set for calls of this thread. Keyed by the Python they were made for, so that
// moving it or starting its worker again changes nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace py4cpp::guards {

using Clock = std::chrono::steady_clock;

// `under`: the callback in which the guard was made, 0 for none; it doesn't reach into others.
void keep_results(const void* python, std::uint64_t under);
void end_keep_results(const void* python) noexcept;
bool keeps_results(const void* python, std::uint64_t under) noexcept;

void limit_time(const void* python, Clock::time_point deadline);
void end_limit_time(const void* python) noexcept;
std::optional<Clock::time_point> deadline(const void* python) noexcept;  // the earliest

}  // namespace py4cpp::guards
