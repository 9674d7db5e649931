// py4cpp init and py4cpp config: the configuration file.
#include "commands.hpp"

#include "interpreter.hpp"

#include <py4cpp/config.hpp>
#include <py4cpp/error.hpp>

#include <array>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include <unistd.h>

namespace py4cpp::cli {

namespace {

// What the file says: a variable of the environment that overrides it for now shall not get into it.
Config of_file() {
  std::vector<std::string> overriding;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    const std::string name(text.substr(0, text.find('=')));
    if (name.starts_with("PY4CPP_") && name != "PY4CPP_CONFIG") overriding.push_back(name);
  }
  for (const std::string& name : overriding) unsetenv(name.c_str());
  return Config::load();
}

struct Question {
  const char* key;
  const char* text;
};
constexpr std::array questions = {
    Question{"python", "Python to start: a path or a name; empty for the virtual environment or python3 on PATH"},
    Question{"inline_limit", "Bytes from which arrays go through shared memory"},
    Question{"shared_memory_limit", "Bytes of shared memory that a program may take; 0 for all that /dev/shm has"},
    Question{"timeout", "Longest time for one call, such as 30s; 0 for none"},
    Question{"restart", "What follows when Python has died: never, or on_next_call"},
};

// Until the answer is one, or there are no more answers.
bool ask(Config& config, const Question& question) {
  for (;;) {
    std::cout << question.text << "\n" << question.key << " [" << config.get(question.key) << "]: " << std::flush;
    std::string answer;
    if (!std::getline(std::cin, answer)) {
      std::cout << "\n";
      return false;
    }
    if (answer.empty()) return true;
    try {
      Config changed = config;
      changed.set(question.key, answer);
      if (std::string_view(question.key) == "python") find_interpreter(answer);
      config = changed;
      return true;
    } catch (const Error& error) {
      std::cout << error.what() << "\n";
    }
  }
}

}  // namespace

int init() {
  Config config = of_file();
  std::cout << "An empty answer keeps what stands in brackets.\n";
  for (const Question& question : questions) {
    if (!ask(config, question)) break;
  }
  config.save();
  std::cout << "Saved in " << Config::path().string() << "\n";
  return 0;
}

int config(const std::string& key, const std::string& value, bool has_value) {
  if (has_value) {
    Config changed = of_file();
    changed.set(key, value);
    changed.save();
    return 0;
  }
  const Config current = Config::load();
  if (!key.empty()) {
    std::cout << current.get(key) << "\n";
    return 0;
  }
  std::cout << "# " << Config::path().string() << "\n";
  for (const std::string& name : Config::keys()) std::cout << name << " = " << current.get(name) << "\n";
  for (const auto& [name, text] : current.environment) std::cout << "environment." << name << " = " << text << "\n";
  return 0;
}

}  // namespace py4cpp::cli
