// What a conversion says that refuses.
#pragma once

#include <py4cpp/error.hpp>
#include <py4cpp/value.hpp>

#include <string>

namespace py4cpp {

// The text of the ConversionError of value.as<T>(), or "accepted".
template <class T>
std::string refusal(const Value& value) {
  try {
    value.as<T>();
  } catch (const ConversionError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace py4cpp
