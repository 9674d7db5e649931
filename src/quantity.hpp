// Sizes and durations as people write them: "64 MiB", "1.5GB", "20us", "2 min". Pure functions, no state.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace py4cpp {

// Bytes. A plain number counts bytes; units are B, KiB, MiB, GiB, TiB (1024) and KB, MB, GB, TB (1000) in any case; a
// fraction is rounded down to whole bytes. Empty if `text` is no such thing or too large.
std::optional<std::uint64_t> parse_size(std::string_view text);

// How many times `unit_ns` nanoseconds. A plain number counts units of `unit_ns`; else ns, us, ms, s, min, h. What is
// finer than the unit is refused, not rounded: a timeout of 500us would round to 0 ms, which means none. Empty too for
// more than 73 years, far below what overflows when it is added to a clock.
std::optional<std::int64_t> parse_duration(std::string_view text, std::uint64_t unit_ns);

}  // namespace py4cpp
