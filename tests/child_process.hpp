// A forked child that runs one function, for tests of what processes do to one another: killing, forking, limits,
// namespaces. It must be forked while this process has one thread. The destructor kills and reaps it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace py4cpp::test {

// One end of a conversation between parent and child, in plain structs.
class Talk {
 public:
  Talk(int in, int out) : in_(in), out_(out) {}
  Talk(const Talk&) = delete;
  Talk& operator=(const Talk&) = delete;
  ~Talk();

  template <class T>
  void send(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    write_all(&value, sizeof value);
  }
  // Throws when the other end is gone.
  template <class T>
  T receive() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    read_all(&value, sizeof value);
    return value;
  }

 private:
  void write_all(const void* data, std::size_t size);
  void read_all(void* data, std::size_t size);
  int in_, out_;
};

class ChildProcess {
 public:
  // The child ends with the function's result, or with 99 and a message on stderr if it throws; its static objects are
  // not destroyed.
  explicit ChildProcess(const std::function<int(Talk&)>& body);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  Talk& talk() { return *talk_; }
  void kill();  // SIGKILL, and waits for the end
  int wait();   // the exit code, or minus the signal that ended it

 private:
  pid_t pid_ = -1;
  std::optional<Talk> talk_;
};

// Runs the function in a child and returns what wait() does.
int in_child(const std::function<int()>& body);

// For a process with one thread: gives it a /dev/shm of its own with room for that many bytes. False where the system
// doesn't allow it.
bool private_shared_memory(std::size_t bytes);

// The names in /dev/shm that contain the text.
std::vector<std::string> names_with(const std::string& text);
// Calls the function until no name contains the text, for ten seconds at most; whether that was reached. A sweep may
// find that another process is just sweeping the same arena.
bool names_go(const std::string& text, const std::function<void()>& function);
// This process's mappings of files whose path contains the text.
std::vector<std::string> list_mappings(const std::string& text);

}  // namespace py4cpp::test
