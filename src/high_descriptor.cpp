#include "high_descriptor.hpp"

#include <py4cpp/error.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

namespace py4cpp {

int move_high(int descriptor) {
  constexpr rlim_t high = 16 * 1024;  // the kernel's table grows with the highest number in use
  constexpr rlim_t room = 64;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t first = std::min(limit.rlim_cur, high);
  for (const rlim_t lowest : {first > 2 * room ? first - room : room / 2, room / 2, rlim_t{5}}) {
    const int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, static_cast<int>(lowest));
    if (moved < 0) continue;
    close(descriptor);
    return moved;
  }
  throw_no_descriptor();
}

int move_high_if_possible(int descriptor) noexcept {
  try {
    return move_high(descriptor);
  } catch (const Error&) {
    return descriptor;
  }
}

int make_eventfd() {
  const int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor < 0) throw_no_descriptor();
  return descriptor;
}

void throw_no_descriptor() {
  throw Error(ErrorKind::exhausted, std::string("no descriptor left (ulimit -n): ") + std::strerror(errno));
}

}  // namespace py4cpp
