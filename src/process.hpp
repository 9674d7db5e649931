// One child process and the pipes to it. The session owns it; it knows nothing of Python.
//
// The child leads a session of its own, with no signal blocked or ignored, and has exactly these descriptors:
//   0 /dev/null   1 the host's stdout, or a pipe   2 a pipe   3 reads what we write   4 writes what we read
// Our ends are private: close-on-exec, non-blocking, moved out of the way of the numbers a program reckons with.
//
// The child is known by its pidfd only, so nothing else can be signalled, and it does not depend on the thread that
// spawned it. In a forked child of the host the object is inert: its destructor closes descriptors and no more.
// reap() and kill() may be called from any thread; moving and destroying need the object to oneself.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace py4cpp {

struct SpawnOptions {
  std::filesystem::path interpreter;                    // absolute; is argv[0]
  std::vector<std::string> arguments = {};              // without argv[0]
  std::map<std::string, std::string> environment = {};  // added to ours, or replacing
  std::filesystem::path working_directory = {};         // empty: ours
  bool capture_stdout = false;
};

class Process {
 public:
  // How it ended. Both empty: nobody can know (the host ignores SIGCHLD, or something else reaped the child).
  struct Exit {
    std::optional<int> code;
    std::optional<int> signal;
  };

  // Throws Error(invalid), naming the interpreter and the cause, for what cannot be executed; Error(exhausted) when
  // descriptors, processes or memory ran out. Leaves nothing behind then.
  static Process spawn(const SpawnOptions& options);

  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;
  ~Process();  // SIGKILL and reap, if it still runs

  pid_t pid() const noexcept;       // for people to read; never signal it
  int pidfd() const noexcept;       // readable once the child has ended
  int to_child() const noexcept;    // we write
  int from_child() const noexcept;  // we read
  // Hands over what it returns: the caller closes it. Writing to a dead child raises no SIGPIPE while this object
  // lives.
  int take_to_child() noexcept;
  int take_from_child() noexcept;
  int stderr_fd() const noexcept;  // we read
  int stdout_fd() const noexcept;  // we read; -1 unless captured

  // Closes our writing end: the child reads end-of-file. No other thread may be using to_child().
  void close_to_child() noexcept;

  // Waits up to `wait` (0: not at all) for the end of the child; empty if it still runs. The first success reaps,
  // later ones repeat the answer.
  std::optional<Exit> reap(std::chrono::milliseconds wait = std::chrono::milliseconds{0}) noexcept;

  // False if there is nothing left to signal.
  bool kill(int signal_number) noexcept;
  bool queue_signal(int signal_number, std::uint64_t value) noexcept;  // with a value, as sigqueue()

 private:
  struct State;

  explicit Process(std::unique_ptr<State> state) noexcept;

  std::unique_ptr<State> state_;  // null after a move
};

}  // namespace py4cpp
