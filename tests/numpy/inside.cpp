// Runs numpy's own tests in a worker: `inside DIRECTORY_OF_SUITE REPORT [MODULE ...]`. See suite.py.
#include <py4cpp/py4cpp.hpp>

#include <exception>
#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  using namespace py4cpp::literals;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() < 2) {
    std::cerr << "usage: inside DIRECTORY_OF_SUITE REPORT [MODULE ...]\n";
    return 2;
  }
  try {
    auto config = py4cpp::Config::load();
    config.inline_limit = 0;  // as many arrays as can be lie in shared memory
    py4cpp::Python py{config};
    py.exec("import sys\nsys.path.insert(0, directory)\nimport suite", "directory"_a = arguments[0]);
    py.call<void>("suite.run", arguments[1], std::vector(arguments.begin() + 2, arguments.end()));
    py.exec(
        "import numpy, py4cpp\n"
        "assert py4cpp.is_shared(numpy.ones(100_000)), 'this numpy allocates elsewhere'");
  } catch (const std::exception& error) {
    std::cerr << "inside: " << error.what() << "\n";
    return 1;
  }
}
