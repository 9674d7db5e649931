// py4cpp bind MODULE... -o FILE --namespace NS
#include "commands.hpp"

#include "bind_writer.hpp"
#include "config_file.hpp"

#include <py4cpp/py4cpp.hpp>

#include <algorithm>
#include <iostream>

namespace py4cpp::cli {

namespace {

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
  return text;
}

std::string last_part(const std::string& module) { return module.substr(module.rfind('.') + 1); }

void check_namespace(const std::string& name) {
  std::string rest = replaced(name, "::", ".");
  const bool fits =
      !rest.empty() && rest.front() != '.' && rest.back() != '.' &&
      std::all_of(rest.begin(), rest.end(), [](char c) { return c == '.' || c == '_' || std::isalnum(c); });
  if (!fits) throw Error(ErrorKind::invalid, "--namespace: \"" + name + "\" is no C++ namespace such as np::linalg");
}

void check_found(const std::vector<std::string>& names, const std::vector<BoundModule>& modules) {
  for (const std::string& name : names) {
    const bool found = std::any_of(modules.begin(), modules.end(), [&](const BoundModule& module) {
      const auto entries = module.description[2].as<List>();
      return std::any_of(entries.begin(), entries.end(),
                         [&](const Value& entry) { return entry["name"] == Value(name); });
    });
    if (!found)
      throw Error(ErrorKind::invalid, "--names: none of the modules has a function, class or value \"" + name + "\"");
  }
}

}  // namespace

int bind(const BindOptions& options) {
  if (!options.name_space.empty()) check_namespace(options.name_space);
  Config config = Config::load();
  if (!options.python.empty()) config.python = options.python;
  Python py(config);
  std::vector<BoundModule> modules;
  for (const std::string& module : options.modules) {
    const std::string own = options.name_space.empty()    ? replaced(module, ".", "::")
                            : options.modules.size() == 1 ? options.name_space
                                                          : options.name_space + "::" + last_part(module);
    modules.push_back({py.call("py4cpp._bind.describe", module, options.names), own});
  }
  check_found(options.names, modules);
  const std::string header = bound_header(modules);
  if (options.output.empty() || options.output == "-")
    std::cout << header;
  else
    replace_config_file(options.output, header);
  return 0;
}

}  // namespace py4cpp::cli
