#include "exit_status.hpp"

#include <py4cpp/object.hpp>

#include <cstdint>
#include <iostream>

namespace py4cpp::cli {

int exit_status(const errors::SystemExit& exit) {
  const Value code = exit.object().attr("code");
  if (code.is<None>()) return 0;
  if (const auto* number = code.get_if<std::int64_t>()) return static_cast<int>(*number & 0xFF);
  std::cerr << exit.message() << "\n";
  return 1;
}

}  // namespace py4cpp::cli
