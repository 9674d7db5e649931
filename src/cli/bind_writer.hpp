// Writes the header of `py4cpp bind` from what py4cpp._bind.describe() found.
#pragma once

#include <py4cpp/value.hpp>

#include <string>
#include <vector>

namespace py4cpp::cli {

struct BoundModule {
  Value description;       // of py4cpp._bind.describe()
  std::string name_space;  // "np::linalg"
};

std::string bound_header(const std::vector<BoundModule>& modules);

}  // namespace py4cpp::cli
