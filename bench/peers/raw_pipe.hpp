// The floor under every call: a child process that echoes bytes through two pipes, with nothing on top. It spins or
// blocks the same way as py4cpp does.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>

#include <sys/types.h>

namespace py4cpp::bench {

class RawPipe {
 public:
  static constexpr std::size_t message_size = 128;  // bytes, as the messages of a scalar call

  // `spin`: how long each side reads again before it blocks; zero blocks at once.
  explicit RawPipe(std::chrono::microseconds spin);
  ~RawPipe();
  RawPipe(const RawPipe&) = delete;
  RawPipe& operator=(const RawPipe&) = delete;

  void ping();  // one message there and back

 private:
  std::chrono::microseconds spin_;
  std::array<int, 2> down_{-1, -1};
  std::array<int, 2> up_{-1, -1};
  pid_t child_ = -1;
};

}  // namespace py4cpp::bench
