// The version of this build, as CMake's project() has it.
#pragma once

namespace py4cpp {

inline constexpr const char* version = PY4CPP_VERSION;

}  // namespace py4cpp
