#include "fork_mark.hpp"

#include <fcntl.h>
#include <pthread.h>

#include <mutex>
#include <vector>

namespace py4cpp {

namespace detail {
std::atomic<std::uint32_t> fork_epoch{0};
}

namespace {

struct ChildrenClose {
  std::mutex mutex;
  std::vector<int> descriptors;
};

// Never destroyed: static objects that live longer than any order we could ask for still use it.
ChildrenClose& children_close() {
  static auto* const instance = new ChildrenClose;
  return *instance;
}

// The mutex is held across the fork, so that the child finds the list whole.
void before_fork() { children_close().mutex.lock(); }

void after_fork_in_parent() { children_close().mutex.unlock(); }

void after_fork_in_child() {
  detail::fork_epoch.fetch_add(1, std::memory_order_relaxed);
  for (const int descriptor : children_close().descriptors) ::close(descriptor);
  children_close().descriptors.clear();
  children_close().mutex.unlock();
}

}  // namespace

void detail::watch_forks() {
  static const int registered = [] {
    children_close();
    return ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  }();
  static_cast<void>(registered);
}

int open_unforked(const char* path, int flags, mode_t mode) {
  detail::watch_forks();
  const std::lock_guard lock(children_close().mutex);  // no fork between opening and noting it
  children_close().descriptors.reserve(children_close().descriptors.size() + 1);
  const int descriptor = ::open(path, flags, mode);
  if (descriptor >= 0) children_close().descriptors.push_back(descriptor);
  return descriptor;
}

void close_unforked(int descriptor) noexcept {
  const std::lock_guard lock(children_close().mutex);
  std::erase(children_close().descriptors, descriptor);
  ::close(descriptor);
}

}  // namespace py4cpp
