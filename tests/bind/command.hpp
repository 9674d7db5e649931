// Runs the command `py4cpp` in a shell, as its users do.
#pragma once

#include "source_dir.hpp"

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include <sys/wait.h>

namespace py4cpp::test {

// Its exit status, and what it wrote to both streams. `environment` is "NAME=value ...".
inline std::pair<int, std::string> run_command(const std::string& arguments, const std::string& environment = "") {
  const std::string line =
      "env PY4CPP_PYTHON='" + test_python() + "' " + environment + " '" PY4CPP_COMMAND "' " + arguments + " 2>&1";
  std::FILE* pipe = popen(line.c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) output.append(buffer.data(), got);
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

inline std::string text_of(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace py4cpp::test
