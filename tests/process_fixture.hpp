// For tests of Process: shell scripts as children, and what can be seen of them.
#pragma once

#include "process.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iterator>
#include <string>

namespace py4cpp::test {

namespace fs = std::filesystem;

constexpr auto patience = std::chrono::seconds(30);

inline SpawnOptions shell(const std::string& script) {
  return {.interpreter = "/bin/sh", .arguments = {"-c", script}, .capture_stdout = true};
}

// Everything until the end of file; our ends do not block by themselves.
inline std::string drain(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    pollfd wait{descriptor, POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(patience).count())) <= 0) return text + "<no end>";
    const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
    if (got <= 0) return got == 0 ? text : text + "<error>";
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

inline std::string output_of(const SpawnOptions& options) {
  Process child = Process::spawn(options);
  std::string text = drain(child.stdout_fd());
  const auto exit = child.reap(patience);
  EXPECT_TRUE(exit && exit->code == 0) << drain(child.stderr_fd());
  return text;
}

inline std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

inline bool alive(pid_t pid) { return fs::exists("/proc/" + std::to_string(pid)); }

inline bool readable(int descriptor) {
  pollfd wait{descriptor, POLLIN, 0};
  return ::poll(&wait, 1, 0) == 1 && (wait.revents & POLLIN) != 0;
}

// Runs `body` in a forked process, for what would upset this one; true if it returned true there.
template <class Body>
bool in_a_fork(Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    bool good = false;
    try {
      good = body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "in the fork: %s\n", error.what());
    }
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace py4cpp::test
