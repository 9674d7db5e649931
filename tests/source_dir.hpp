// Places that tests need and that only the build knows.
#pragma once

#include <filesystem>
#include <string>

namespace py4cpp::test {

std::filesystem::path source_dir();  // the root of the source tree
std::string test_python();           // $PY4CPP_TEST_PYTHON, else the interpreter that has the packages the tests import

}  // namespace py4cpp::test
