#include "stack_left.hpp"

#include <algorithm>

#include <pthread.h>

namespace py4cpp {

namespace {

struct Stack {
  const char* lowest = nullptr;  // null if the system doesn't say
  std::size_t size = 0;
};

Stack this_stack() noexcept {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return {};
  void* lowest = nullptr;
  std::size_t size = 0, guard = 0;
  pthread_attr_getstack(&attributes, &lowest, &size);
  pthread_attr_getguardsize(&attributes, &guard);
  pthread_attr_destroy(&attributes);
  return {static_cast<const char*>(lowest) + guard, size - std::min(size, guard)};
}

}  // namespace

bool stack_almost_full(std::size_t needed) noexcept {
  thread_local const Stack stack = this_stack();
  const char* here = static_cast<const char*>(__builtin_frame_address(0));
  if (stack.lowest == nullptr || here < stack.lowest || here > stack.lowest + stack.size) return false;  // a fiber's
  return static_cast<std::size_t>(here - stack.lowest) < std::min(needed, stack.size / 4);
}

}  // namespace py4cpp
