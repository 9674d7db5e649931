#include "stack_room.hpp"

#include "refs.hpp"

#include <cstddef>

#include <pthread.h>

namespace py4cpp {

namespace {

constexpr std::size_t needed = std::size_t{256} << 10;  // bytes: what Python may use before it looks again

// The lowest address of this thread's stack, or null if the system doesn't say.
const char* stack_end() noexcept {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return nullptr;
  void* lowest = nullptr;
  std::size_t size = 0, guard = 0;
  pthread_attr_getstack(&attributes, &lowest, &size);
  pthread_attr_getguardsize(&attributes, &guard);
  pthread_attr_destroy(&attributes);
  return static_cast<const char*>(lowest) + guard;
}

}  // namespace

void check_stack_room() {
  thread_local const char* const end = stack_end();
  const char here = 0;
  if (end == nullptr || static_cast<std::size_t>(&here - end) > needed) return;
  PyErr_SetString(PyExc_RecursionError, "Python and C++ have called each other too deeply: the stack is almost full");
  throw PythonRaised{};
}

}  // namespace py4cpp
