// For tests of Config: a directory of its own for its file, the keys, and what a ConfigError says.
#pragma once

#include "scratch_dir.hpp"

#include <py4cpp/config.hpp>
#include <py4cpp/error.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stdlib.h>

namespace py4cpp::test {

namespace fs = std::filesystem;

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// The message of the ConfigError that `action` throws; empty if it throws none.
template <class Action>
std::string complaint(Action action) {
  try {
    action();
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    return error.what();
  }
  return {};
}

// An empty directory with the variables that Config reads set to nothing, all as before afterwards.
class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* variable :
         {"HOME", "XDG_CONFIG_HOME", "PY4CPP_CONFIG", "PY4CPP_PYTHON", "PY4CPP_INLINE_LIMIT",
          "PY4CPP_SHARED_MEMORY_LIMIT", "PY4CPP_CACHE_LIMIT", "PY4CPP_SPIN", "PY4CPP_TIMEOUT", "PY4CPP_START_TIMEOUT",
          "PY4CPP_STOP_TIMEOUT", "PY4CPP_RESTART", "PY4CPP_WORKING_DIRECTORY", "PY4CPP_STARTUP"}) {
      const char* value = std::getenv(variable);
      saved_[variable] = value == nullptr ? std::nullopt : std::optional<std::string>(value);
      unsetenv(variable);
    }
    setenv("PY4CPP_CONFIG", file().c_str(), 1);
  }

  void TearDown() override {
    for (const auto& [name, value] : saved_) value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
  }

  fs::path file() const { return directory_ / "config.toml"; }
  void write(std::string_view text) const { std::ofstream(file(), std::ios::binary) << text; }
  std::string read() const {
    std::ifstream in(file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::size_t files_here() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()));
  }

  const ScratchDir scratch_;
  const fs::path directory_ = scratch_.path();
  std::map<std::string, std::optional<std::string>> saved_;
};

inline const std::vector<std::string>& keys() {
  static const std::vector<std::string> all{
      "python",       "inline_limit", "shared_memory_limit", "cache_limit", "spin", "timeout", "start_timeout",
      "stop_timeout", "restart",      "working_directory",   "startup"};
  return all;
}

}  // namespace py4cpp::test
