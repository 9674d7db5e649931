// Which Python to start. Pure look-up: nothing is executed. Any thread.
#pragma once

#include <filesystem>
#include <string>

namespace py4cpp {

// The first that applies: `configured` (Config::python), $PY4CPP_PYTHON, python3 of the virtual environment
// $VIRTUAL_ENV, python3 on PATH. A name without a slash is looked up on PATH, a path is taken relative to the host's
// working directory. The answer is absolute and keeps symbolic links, since a virtual environment is known by the
// link through which its interpreter was started. Throws Error(invalid) that names what was tried.
std::filesystem::path find_interpreter(const std::string& configured);

}  // namespace py4cpp
