// How much of this thread's stack is left, so that C++ and Python that call each other end in an error and not in a
// crash. Any thread; compiled into both sides.
#pragma once

#include <cstddef>

namespace py4cpp {

// Whether fewer bytes than these are left, or than a quarter of a stack that is small from the start. False where the
// system doesn't say.
bool stack_almost_full(std::size_t needed) noexcept;

}  // namespace py4cpp
