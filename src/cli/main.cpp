// The command `py4cpp`.
#include "commands.hpp"

#include <py4cpp/error.hpp>

#include <CLI/CLI.hpp>

#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace py4cpp::cli;

// The subcommands with their options; what is chosen runs once everything has been parsed.
class CommandLine {
 public:
  CommandLine();
  int run(int argc, char** argv);

 private:
  CLI::App* command(const char* name, const char* text, std::function<int()> action);
  void add_config();
  void add_run();
  void add_bind();
  void add_bench();
  void add_segments();

  CLI::App app_{"py4cpp: all of Python from C++, with arrays in shared memory"};
  std::function<int()> chosen_;
  std::string key_, value_;
  std::string script_;
  std::vector<std::string> arguments_;
  BindOptions bound_;
  unsigned milliseconds_ = 200;
  std::size_t largest_ = 512;
  bool clean_ = false;
};

CommandLine::CommandLine() {
  app_.set_version_flag("--version", std::string("py4cpp " PY4CPP_VERSION));
  app_.require_subcommand(1);
  command("init", "Ask for the settings that matter most, and save them", init);
  add_config();
  command("doctor", "Check what py4cpp needs, and say how to mend what is wrong", doctor);
  add_run();
  command("repl", "A Python prompt in a worker", repl);
  add_bind();
  add_bench();
  add_segments();
}

CLI::App* CommandLine::command(const char* name, const char* text, std::function<int()> action) {
  CLI::App* sub = app_.add_subcommand(name, text);
  sub->callback([this, action = std::move(action)] { chosen_ = action; });
  return sub;
}

void CommandLine::add_config() {
  CLI::App* sub = command("config", "Show the settings, or one of them, or set one and save it", nullptr);
  sub->add_option("key", key_, "its name, such as inline_limit");
  CLI::Option* value_given = sub->add_option("value", value_, "its new value, such as \"64 KiB\"");
  sub->callback(
      [this, value_given] { chosen_ = [=, this] { return config(key_, value_, value_given->count() > 0); }; });
}

void CommandLine::add_run() {
  CLI::App* sub = command("run", "Run a Python script in a worker", [this] { return run_script(script_, arguments_); });
  sub->add_option("script", script_, "the file; whatever follows are its arguments")->required();
}

void CommandLine::add_bind() {
  CLI::App* sub = command("bind", "Write a C++ header with the functions and classes of Python modules",
                          [this] { return bind(bound_); });
  sub->add_option("modules", bound_.modules, "such as numpy.linalg")->required();
  sub->add_option("-o,--output", bound_.output, "the file to write; else to stdout");
  sub->add_option("--namespace", bound_.name_space,
                  "their C++ namespace, such as np::linalg; of several modules the one around their own");
  sub->add_option("--names", bound_.names, "only these names, separated by commas")->delimiter(',');
  sub->add_option("--python", bound_.python, "the interpreter to ask; else the configured one");
}

void CommandLine::add_bench() {
  CLI::App* sub = command("bench", "Measure calls and arrays, on this machine and with this interpreter",
                          [this] { return bench(std::chrono::milliseconds(milliseconds_), largest_); });
  sub->add_option("--time", milliseconds_, "milliseconds for each figure")->capture_default_str();
  sub->add_option("--largest", largest_, "MiB of the largest array")->capture_default_str();
}

void CommandLine::add_segments() {
  CLI::App* sub = command("segments", "List py4cpp's shared memory in /dev/shm", [this] { return segments(clean_); });
  sub->add_flag("--clean", clean_, "remove what dead processes left there");
}

int CommandLine::run(int argc, char** argv) {
  // What follows a script's name is the script's, --help too.
  if (argc > 3 && std::string_view(argv[1]) == "run" && argv[2][0] != '-') {
    arguments_.assign(argv + 3, argv + argc);
    argc = 3;
  }
  CLI11_PARSE(app_, argc, argv);
  return chosen_();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return CommandLine().run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "py4cpp: " << error.what() << '\n';
    return 1;
  }
}
