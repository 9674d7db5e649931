// std::filesystem::path <-> str; back also from bytes of a path and anything with __fspath__.
#pragma once

#include <py4cpp/value.hpp>

#include <filesystem>

namespace py4cpp {

template <>
struct Convert<std::filesystem::path> {
  static Value to(const std::filesystem::path& path) { return Value::make(std::string_view(path.native())); }
  static std::filesystem::path from(const Value& value);
};

}  // namespace py4cpp
