// Values as text, after Python's repr(). Takes no stack for nesting. Pure functions; never ask Python.
#pragma once

#include <py4cpp/value.hpp>

#include <cstddef>
#include <limits>
#include <string>

namespace py4cpp::detail {

// No longer than about `limit` bytes: what is cut off is written "...".
std::string repr(const Value& value, std::size_t limit = std::numeric_limits<std::size_t>::max());
// Kind and a bounded repr, for error texts: "str 'x'", "float 1.5", "None".
std::string phrase(const Value& value);

}  // namespace py4cpp::detail
