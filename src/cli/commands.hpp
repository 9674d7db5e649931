// The subcommands of `py4cpp`. Each prints what it has to say and returns the exit status, or throws an Error.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace py4cpp::cli {

struct BindOptions {
  std::vector<std::string> modules;
  std::vector<std::string> names;  // only these, if any
  std::string name_space;          // empty: the module's own name
  std::string output;              // empty: stdout
  std::string python;              // empty: as configured
};
int bind(const BindOptions& options);

// Asks for what most people set, and saves it.
int init();
// Without a key prints all, with one its value; with a value sets and saves it.
int config(const std::string& key, const std::string& value, bool has_value);
int doctor();
int run_script(const std::string& script, const std::vector<std::string>& arguments);
int repl();
// What py4cpp does on this machine, with this interpreter; each figure is taken for about `time`, the largest array has
// so many MiB.
int bench(std::chrono::milliseconds time, std::size_t largest);
int segments(bool clean);

}  // namespace py4cpp::cli
