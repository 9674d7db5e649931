// The command `py4cpp`.
#include "commands.hpp"

#include <py4cpp/error.hpp>

#include <CLI/CLI.hpp>

#include <functional>
#include <iostream>

namespace {

using namespace py4cpp::cli;

int run(int argc, char** argv) {
  CLI::App app("py4cpp: all of Python from C++, with arrays in shared memory");
  app.set_version_flag("--version", std::string("py4cpp " PY4CPP_VERSION));
  app.require_subcommand(1);
  std::function<int()> chosen;
  const auto command = [&](const char* name, const char* text, std::function<int()> action) {
    CLI::App* sub = app.add_subcommand(name, text);
    sub->callback([&chosen, action = std::move(action)] { chosen = action; });
    return sub;
  };

  command("init", "Ask for the settings that matter most, and save them", init);

  std::string key, value;
  CLI::App* config_command = command("config", "Show the settings, or one of them, or set one and save it", nullptr);
  config_command->add_option("key", key, "its name, such as inline_limit");
  CLI::Option* value_given = config_command->add_option("value", value, "its new value, such as \"64 KiB\"");
  config_command->callback([&] { chosen = [&] { return config(key, value, value_given->count() > 0); }; });

  command("doctor", "Check what py4cpp needs, and say how to mend what is wrong", doctor);

  std::string script;
  std::vector<std::string> arguments;
  CLI::App* run_command =
      command("run", "Run a Python script in a worker", [&] { return run_script(script, arguments); });
  run_command->add_option("script", script, "the file")->required();
  run_command->add_option("arguments", arguments, "its arguments");
  run_command->prefix_command();

  command("repl", "A Python prompt in a worker", repl);

  BindOptions bound;
  CLI::App* bind_command = command("bind", "Write a C++ header with the functions and classes of Python modules", [&] {
    bind(bound);
    return 0;
  });
  bind_command->add_option("modules", bound.modules, "such as numpy.linalg")->required();
  bind_command->add_option("-o,--output", bound.output, "the file to write; else to stdout");
  bind_command->add_option("--namespace", bound.name_space,
                           "their C++ namespace, such as np::linalg; of several modules the one around their own");
  bind_command->add_option("--names", bound.names, "only these names, separated by commas")->delimiter(',');
  bind_command->add_option("--python", bound.python, "the interpreter to ask; else the configured one");

  unsigned milliseconds = 200;
  std::size_t largest = 512;
  CLI::App* bench_command = command("bench", "Measure calls and arrays, on this machine and with this interpreter",
                                    [&] { return bench(std::chrono::milliseconds(milliseconds), largest); });
  bench_command->add_option("--time", milliseconds, "milliseconds for each figure")->capture_default_str();
  bench_command->add_option("--largest", largest, "MiB of the largest array")->capture_default_str();

  bool clean = false;
  CLI::App* segments_command =
      command("segments", "List py4cpp's shared memory in /dev/shm", [&] { return segments(clean); });
  segments_command->add_flag("--clean", clean, "remove what dead processes left there");

  CLI11_PARSE(app, argc, argv);
  const std::vector<std::string> flags =
      run_command->remaining();  // from the first on that looks like an option of ours
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return chosen();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "py4cpp: " << error.what() << '\n';
    return 1;
  }
}
