#include "interpreter.hpp"

#include <py4cpp/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <system_error>

namespace py4cpp {
namespace {

namespace fs = std::filesystem;

constexpr const char* remedy = "; set Config::python or PY4CPP_PYTHON to the interpreter to use";

// Empty if `file` can be executed, else why not.
std::string obstacle(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) {
    const int error = errno;
    const bool dangling = error == ENOENT && ::lstat(file.c_str(), &status) == 0;
    if (dangling) return "is a symbolic link to nothing";
    return error == ENOENT ? "does not exist" : std::generic_category().message(error);
  }
  if (S_ISDIR(status.st_mode)) return "is a directory, not a program";
  if (!S_ISREG(status.st_mode)) return "is not a regular file";
  if (::faccessat(AT_FDCWD, file.c_str(), X_OK, AT_EACCESS) != 0) return "is not executable";
  return {};
}

std::string variable(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? std::string() : std::string(text);
}

// As a shell does it: the first executable file of that name, an empty entry being the working directory.
fs::path on_path(const std::string& name) {
  const char* entries = std::getenv("PATH");
  std::string_view rest = entries == nullptr ? "/usr/local/bin:/usr/bin:/bin" : entries;
  for (;;) {
    const std::size_t colon = rest.find(':');
    const fs::path file = fs::absolute(fs::path(rest.substr(0, colon)) / name);
    if (obstacle(file).empty()) return file;
    if (colon == std::string_view::npos) return {};
    rest.remove_prefix(colon + 1);
  }
}

// `source` is where the user wrote `text`.
fs::path chosen(const std::string& text, const std::string& source) {
  const std::string what = source + " \"" + text + "\" ";
  if (text.find('\0') != std::string::npos) throw Error(ErrorKind::invalid, source + " contains a NUL character");
  if (text.find('/') == std::string::npos) {
    if (fs::path file = on_path(text); !file.empty()) return file;
    throw Error(ErrorKind::invalid, what + "is no executable file on PATH (" + variable("PATH") + ")");
  }
  fs::path file = fs::absolute(text);
  std::string why = obstacle(file);
  if (why.empty()) return file;
  if (const fs::path inside = file / "bin/python3"; obstacle(inside).empty()) {
    why += " (a virtual environment's interpreter is " + inside.string() + ")";
  }
  throw Error(ErrorKind::invalid, what + why);
}

}  // namespace

fs::path find_interpreter(const std::string& configured) {
  if (!configured.empty()) return chosen(configured, "the configured Python interpreter");
  if (const std::string text = variable("PY4CPP_PYTHON"); !text.empty()) {
    return chosen(text, "the Python interpreter named by PY4CPP_PYTHON,");
  }
  std::string tried;
  if (const fs::path environment = variable("VIRTUAL_ENV"); !environment.empty()) {
    const fs::path file = fs::absolute(environment / "bin/python3");
    const std::string why = obstacle(file);
    if (why.empty()) return file;
    // A variable that outlived its directory is nothing; one that names a broken environment must not be passed over,
    // for another interpreter lacks its packages.
    std::error_code unknown;
    if (fs::exists(environment, unknown)) {
      throw Error(ErrorKind::invalid, "the virtual environment of VIRTUAL_ENV has no usable interpreter: " +
                                          file.string() + " " + why + remedy);
    }
    tried = file.string() + " (VIRTUAL_ENV), ";
  }
  if (fs::path file = on_path("python3"); !file.empty()) return file;
  throw Error(ErrorKind::invalid,
              "no Python interpreter found: tried " + tried + "python3 on PATH (" + variable("PATH") + ")" + remedy);
}

}  // namespace py4cpp
