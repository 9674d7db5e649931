#include "package_dir.hpp"

#include <py4cpp/error.hpp>

#include <cstdlib>
#include <string>
#include <vector>

#include <dlfcn.h>

namespace py4cpp {

namespace {

namespace fs = std::filesystem;

// The file of this library, or of the program it is linked into.
fs::path own_file() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&package_dir), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code ignored;
  return fs::canonical(info.dli_fname, ignored);
}

bool holds_package(const fs::path& directory) {
  std::error_code ignored;
  return fs::exists(directory / "py4cpp" / "_native.abi3.so", ignored);
}

}  // namespace

fs::path package_dir() {
  std::vector<fs::path> tried;
  if (const char* chosen = std::getenv("PY4CPP_PACKAGE_DIR"); chosen != nullptr && *chosen != '\0') {
    tried.emplace_back(fs::absolute(chosen));
  } else {
    if (const fs::path file = own_file(); !file.empty()) {
      const fs::path directory = file.parent_path();
      tried.push_back(directory / "py4cpp" / "python");                        // a library in PREFIX/lib
      tried.push_back(directory.parent_path() / "lib" / "py4cpp" / "python");  // a program in PREFIX/bin
      tried.push_back(directory.parent_path() / "python");                     // BUILD/lib beside BUILD/python
    }
    tried.emplace_back(PY4CPP_INSTALL_PACKAGE_DIR);
    tried.emplace_back(PY4CPP_BUILD_PACKAGE_DIR);
  }
  std::string places;
  for (const fs::path& directory : tried) {
    if (holds_package(directory)) return directory;
    places += (places.empty() ? "" : ", ") + directory.string();
  }
  throw Error(ErrorKind::invalid,
              "the Python package of py4cpp (py4cpp/_native.abi3.so) is not found; looked in " + places +
                  ". Install py4cpp with `cmake --install`, or set PY4CPP_PACKAGE_DIR to the directory that holds it");
}

}  // namespace py4cpp
