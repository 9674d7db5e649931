#include "interpreter.hpp"

#include "scratch_dir.hpp"

#include <py4cpp/error.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace py4cpp {
namespace {

namespace fs = std::filesystem;

// A directory of pretended interpreters, and the variables that choose among them; all as before afterwards.
class Interpreter : public ::testing::Test {
 protected:
  void SetUp() override {
    working_directory_ = fs::current_path();
    for (const char* variable : {"PY4CPP_PYTHON", "VIRTUAL_ENV", "PATH"}) {
      const char* value = std::getenv(variable);
      saved_[variable] = value == nullptr ? std::nullopt : std::optional<std::string>(value);
      unsetenv(variable);
    }
    setenv("PATH", (directory_ / "path").c_str(), 1);
  }

  void TearDown() override {
    for (const auto& [name, value] : saved_) value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
    fs::current_path(working_directory_);
  }

  fs::path make(const std::string& name, fs::perms mode = fs::perms(0755)) const {
    const fs::path file = directory_ / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << "#!/bin/sh\n";
    fs::permissions(file, mode);
    return file;
  }

  static void expect_error(const std::string& configured, const std::vector<std::string>& parts) {
    try {
      ADD_FAILURE() << "found " << find_interpreter(configured);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid);
      for (const std::string& part : parts) {
        EXPECT_NE(std::string_view(error.what()).find(part), std::string_view::npos) << error.what();
      }
    }
  }

  const test::ScratchDir scratch_;
  const fs::path directory_ = scratch_.path();
  fs::path working_directory_;
  std::map<std::string, std::optional<std::string>> saved_;
};

TEST_F(Interpreter, TheFirstThatAppliesWins) {
  const fs::path on_path = make("path/python3");
  EXPECT_EQ(find_interpreter(""), on_path);
  const fs::path virtual_one = make("venv/bin/python3");
  setenv("VIRTUAL_ENV", (directory_ / "venv").c_str(), 1);
  EXPECT_EQ(find_interpreter(""), virtual_one);
  const fs::path variable = make("other/python3.12");
  setenv("PY4CPP_PYTHON", variable.c_str(), 1);
  EXPECT_EQ(find_interpreter(""), variable);
  const fs::path configured = make("configured/python");
  EXPECT_EQ(find_interpreter(configured), configured);
}

TEST_F(Interpreter, AnEmptyVariableIsNone) {
  const fs::path on_path = make("path/python3");
  setenv("PY4CPP_PYTHON", "", 1);
  setenv("VIRTUAL_ENV", "", 1);
  EXPECT_EQ(find_interpreter(""), on_path);
}

TEST_F(Interpreter, ANameIsLookedUpOnPathAsAShellDoes) {
  make("a/python3.11", fs::perms(0644));                // not executable
  fs::create_directories(directory_ / "b/python3.11");  // a directory
  const fs::path good = make("c/python3.11");
  make("d/python3.11");
  std::string path;
  for (const char* entry : {"missing", "a", "b", "c", "d"}) path += (directory_ / entry).string() + ":";
  setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(find_interpreter("python3.11"), good);
  setenv("PY4CPP_PYTHON", "python3.11", 1);
  EXPECT_EQ(find_interpreter(""), good);
}

TEST_F(Interpreter, RelativeOnesBecomeAbsolute) {
  const fs::path file = make("work/bin/python");
  fs::current_path(directory_ / "work");
  const fs::path found = find_interpreter("bin/python");
  EXPECT_TRUE(found.is_absolute());
  EXPECT_TRUE(fs::equivalent(found, file));
  EXPECT_TRUE(find_interpreter("./bin/python").is_absolute());
  setenv("PATH", "bin", 1);
  EXPECT_EQ(find_interpreter("python"), found);
  fs::current_path(directory_ / "work/bin");
  setenv("PATH", ":/nowhere", 1);  // an empty entry is the working directory
  EXPECT_TRUE(fs::equivalent(find_interpreter("python"), file));
  setenv("VIRTUAL_ENV", "..", 1);
  make("work/bin/python3");
  EXPECT_TRUE(find_interpreter("").is_absolute());
}

TEST_F(Interpreter, SymbolicLinksAreKept) {
  make("real/python3");
  fs::create_directories(directory_ / "venv/bin");
  const fs::path link = directory_ / "venv/bin/python3";
  fs::create_symlink(directory_ / "real/python3", link);
  setenv("VIRTUAL_ENV", (directory_ / "venv").c_str(), 1);
  EXPECT_EQ(find_interpreter(""), link);
  EXPECT_EQ(find_interpreter(link), link);
}

TEST_F(Interpreter, AChoiceThatIsNoProgramIsNamed) {
  make("path/python3");  // never a substitute for what was asked for
  expect_error(directory_ / "missing", {"/missing", "does not exist"});
  expect_error(make("plain", fs::perms(0644)), {"/plain", "not executable"});
  expect_error(directory_, {directory_.string(), "is a directory"});
  expect_error("/dev/null", {"/dev/null", "not a regular file"});
  fs::create_symlink("nowhere", directory_ / "dangling");
  expect_error(directory_ / "dangling", {"/dangling", "symbolic link to nothing"});
  expect_error("python9", {"python9", "PATH", (directory_ / "path").string()});
  expect_error(std::string("py\0thon", 7), {"NUL"});
  setenv("PY4CPP_PYTHON", "/no/such/python", 1);
  expect_error("", {"PY4CPP_PYTHON", "/no/such/python", "does not exist"});
}

TEST_F(Interpreter, AVirtualEnvironmentGivenAsADirectoryHasAHint) {
  const fs::path file = make("venv/bin/python3");
  expect_error(directory_ / "venv", {"is a directory", file.string()});
}

TEST_F(Interpreter, ABrokenVirtualEnvironmentIsNotPassedOver) {
  const fs::path on_path = make("path/python3");
  fs::create_directories(directory_ / "venv/bin");
  fs::create_symlink("/no/such/python3", directory_ / "venv/bin/python3");
  setenv("VIRTUAL_ENV", (directory_ / "venv").c_str(), 1);
  expect_error("", {"VIRTUAL_ENV", "/venv/bin/python3", "symbolic link to nothing"});
  setenv("VIRTUAL_ENV", (directory_ / "gone").c_str(), 1);
  EXPECT_EQ(find_interpreter(""), on_path);
}

TEST_F(Interpreter, WithoutAnyEverythingTriedIsNamed) {
  setenv("VIRTUAL_ENV", (directory_ / "gone").c_str(), 1);
  expect_error("", {"/gone/bin/python3", "python3 on PATH", (directory_ / "path").string(), "PY4CPP_PYTHON"});
  setenv("PATH", "", 1);
  expect_error("python9", {"python9"});
}

}  // namespace
}  // namespace py4cpp
