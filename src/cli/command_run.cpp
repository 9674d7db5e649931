// py4cpp run SCRIPT: a script in a worker, as the configuration says.
#include "commands.hpp"
#include "exit_status.hpp"

#include <py4cpp/py4cpp.hpp>

#include <filesystem>
#include <iostream>

namespace py4cpp::cli {

int run_script(const std::string& script, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv{script};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  Config config = Config::load();
  const std::filesystem::path file = std::filesystem::absolute(script);
  if (!std::filesystem::exists(file)) throw Error(ErrorKind::invalid, "there is no file " + file.string());
  Python py(config);
  try {
    py.exec("import sys\nsys.argv = list(argv)\nsys.path.insert(0, directory)", "argv"_a = argv,
            "directory"_a = file.parent_path());
    py.call<void>("runpy.run_path", file, "run_name"_a = "__main__");
    py.exec("import sys\nsys.stdout.flush()");
  } catch (const errors::SystemExit& exit) {
    return exit_status(exit);
  } catch (const PythonError& error) {
    std::cerr << error.traceback();
    return 1;
  }
  return 0;
}

}  // namespace py4cpp::cli
