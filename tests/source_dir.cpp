#include "source_dir.hpp"

namespace py4cpp::test {

// The build gives these paths to this file alone, so that the others compile the same in every tree.
std::filesystem::path source_dir() { return PY4CPP_SOURCE_DIR; }

std::string test_python() { return PY4CPP_TEST_PYTHON; }

}  // namespace py4cpp::test
