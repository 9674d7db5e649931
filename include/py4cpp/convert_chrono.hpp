// std::chrono::duration <-> datetime.timedelta, exact to the microsecond. Coming back, a number is taken as seconds.
#pragma once

#include <py4cpp/value.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <string>
#include <type_traits>

namespace py4cpp {

// Python's timedelta before it is sent: an Object of no worker. 0 <= microseconds < a day.
class TimedeltaObject final : public ObjectState {
 public:
  TimedeltaObject(std::int64_t days, std::int64_t microseconds) noexcept
      : ObjectState(Form::timedelta), days_(days), microseconds_(microseconds) {}

  std::int64_t days() const noexcept { return days_; }
  std::int64_t microseconds() const noexcept { return microseconds_; }
  std::string describe() const override;

 private:
  std::int64_t days_, microseconds_;
};

namespace detail {

// A duration is sent as ticks of num/den seconds. Throws Error(invalid) beyond Python's 999,999,999 days; what is finer
// than a microsecond is rounded, half to even.
Value timedelta_from_ticks(std::int64_t ticks, std::int64_t num, std::int64_t den);
Value timedelta_from_seconds(double seconds);

double seconds_from(const Value& value);
// Throws ConversionError if the span is no whole number of ticks, or out of range. A number of seconds is rounded to
// the microsecond, or to the tick if that is finer.
std::int64_t ticks_from(const Value& value, std::int64_t num, std::int64_t den, std::int64_t low, std::int64_t high);

}  // namespace detail

template <class Rep, class Period>
struct Convert<std::chrono::duration<Rep, Period>> {
  using Duration = std::chrono::duration<Rep, Period>;

  static Value to(const Duration& duration) {
    if constexpr (std::is_integral_v<Rep>) {
      return detail::timedelta_from_ticks(static_cast<std::int64_t>(duration.count()), Period::num, Period::den);
    } else {
      return detail::timedelta_from_seconds(
          std::chrono::duration_cast<std::chrono::duration<double>>(duration).count());
    }
  }

  static Duration from(const Value& value) {
    if constexpr (std::is_integral_v<Rep>) {
      using Limits = std::numeric_limits<Rep>;
      constexpr auto low = static_cast<std::int64_t>(Limits::min());
      constexpr auto high = std::is_signed_v<Rep> || sizeof(Rep) < 8 ? static_cast<std::int64_t>(Limits::max())
                                                                      : std::numeric_limits<std::int64_t>::max();
      return Duration(static_cast<Rep>(detail::ticks_from(value, Period::num, Period::den, low, high)));
    } else {
      return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(detail::seconds_from(value)));
    }
  }
};

}  // namespace py4cpp
