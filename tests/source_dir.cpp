#include "source_dir.hpp"

#include <cstdlib>

namespace py4cpp::test {

// The build gives these paths to this file alone, so that the others compile the same in every tree.
std::filesystem::path source_dir() { return PY4CPP_SOURCE_DIR; }

std::string test_python() {
  const char* wanted = std::getenv("PY4CPP_TEST_PYTHON");
  return wanted != nullptr ? wanted : PY4CPP_TEST_PYTHON;
}

}  // namespace py4cpp::test
