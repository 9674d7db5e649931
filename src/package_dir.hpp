// Where the Python package py4cpp, with the extension in it, lies on disk: the directory that goes on sys.path.
#pragma once

#include <filesystem>

namespace py4cpp {

// $PY4CPP_PACKAGE_DIR; else beside this library, wherever it was moved to; else where it was installed or built.
// Throws Error(invalid) naming what was tried if none holds the package.
std::filesystem::path package_dir();

}  // namespace py4cpp
