// What the tests of a C++ host with a Python worker share: one worker per test, of the interpreter that has numpy.
#pragma once

#include "source_dir.hpp"

#include <py4cpp/py4cpp.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace py4cpp::test {

using namespace py4cpp::literals;

inline py4cpp::Config config() { return py4cpp::Config{.python = test_python()}; }

class PairTest : public ::testing::Test {
 protected:
  // Runs a file that lies beside the tests.
  void load(const std::string& file) {
    std::stringstream code;
    code << std::ifstream(source_dir() / "tests/pair" / file).rdbuf();
    py.exec(code.str());
  }

  py4cpp::Python py{config()};
};

// Runs `f`, which must throw an E, and returns it.
template <class E, class F>
E thrown_by(F&& f) {
  try {
    f();
  } catch (const E& error) {
    return error;
  }
  throw std::logic_error("nothing was thrown");
}

}  // namespace py4cpp::test
