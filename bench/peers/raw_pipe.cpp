#include "raw_pipe.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

namespace py4cpp::bench {

namespace {

// False at the end of the pipe.
bool read_message(int descriptor, std::chrono::microseconds spin) {
  std::array<char, RawPipe::message_size> message;
  const auto until = std::chrono::steady_clock::now() + spin;
  for (;;) {
    const ssize_t got = read(descriptor, message.data(), message.size());
    if (got > 0) return true;  // messages this small are never split
    if (got == 0) return false;
    if (spin.count() > 0 && std::chrono::steady_clock::now() < until) continue;
    pollfd watched{descriptor, POLLIN, 0};
    poll(&watched, 1, -1);
  }
}

void write_message(int descriptor) {
  static const std::array<char, RawPipe::message_size> message{};
  if (write(descriptor, message.data(), message.size()) != static_cast<ssize_t>(message.size())) {
    throw std::runtime_error("the pipe took only a part");
  }
}

}  // namespace

RawPipe::RawPipe(std::chrono::microseconds spin) : spin_(spin) {
  if (pipe2(down_.data(), O_CLOEXEC | O_NONBLOCK) != 0 || pipe2(up_.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    throw std::runtime_error("no pipe");
  }
  child_ = fork();
  if (child_ < 0) throw std::runtime_error("no process");
  if (child_ == 0) {
    close(down_[1]);
    while (read_message(down_[0], spin_)) write_message(up_[1]);
    _exit(0);
  }
  close(down_[0]);
  close(up_[1]);
}

RawPipe::~RawPipe() {
  close(down_[1]);
  close(up_[0]);
  waitpid(child_, nullptr, 0);
}

void RawPipe::ping() {
  write_message(down_[1]);
  if (!read_message(up_[0], spin_)) throw std::runtime_error("the echo has ended");
}

}  // namespace py4cpp::bench
