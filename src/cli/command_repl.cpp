// py4cpp repl: a Python prompt in a worker. One thread, which reads lines while Python waits for them, and looks for
// Ctrl-C while Python runs: the worker is in a session of its own, so the terminal's signal reaches this process alone.
#include "commands.hpp"
#include "exit_status.hpp"

#include <py4cpp/py4cpp.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>
#include <system_error>
#include <variant>

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace py4cpp::cli {

namespace {

using namespace std::chrono_literals;

// SIGINT as something to look for instead of something that happens. Made before any other thread, which inherit the
// mask.
class Interrupts {
 public:
  Interrupts() {
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    pthread_sigmask(SIG_BLOCK, &interrupt, nullptr);
    descriptor_ = signalfd(-1, &interrupt, SFD_CLOEXEC | SFD_NONBLOCK);
    if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
  }
  ~Interrupts() { close(descriptor_); }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  int descriptor() const noexcept { return descriptor_; }
  bool take() const noexcept {
    signalfd_siginfo info{};
    bool any = false;
    while (read(descriptor_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) any = true;
    return any;
  }

 private:
  int descriptor_ = -1;
};

// A line without its end; None at the end of the input, false after Ctrl-C.
using Line = std::variant<None, bool, std::string>;

class Input {
 public:
  explicit Input(const Interrupts& interrupts) : interrupts_(interrupts) {}

  bool interactive() const noexcept { return interactive_; }

  Line read_line(std::string_view prompt) {
    if (!prompt.empty()) std::cout << prompt << std::flush;
    for (;;) {
      if (const std::size_t end = read_.find('\n'); end != std::string::npos) {
        std::string line = read_.substr(0, end);
        read_.erase(0, end + 1);
        return line;
      }
      if (at_end_) {
        if (read_.empty()) return None{};
        return std::exchange(read_, {});
      }
      if (!read_more()) return false;
    }
  }

 private:
  // False after Ctrl-C.
  bool read_more() {
    pollfd either[] = {{STDIN_FILENO, POLLIN, 0}, {interrupts_.descriptor(), POLLIN, 0}};
    if (poll(either, 2, -1) < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "cannot read a line");
    }
    if (interrupts_.take()) {
      read_.clear();
      return false;
    }
    if (either[0].revents == 0) return true;
    char piece[4096];
    const ssize_t got = read(STDIN_FILENO, piece, sizeof piece);
    if (got > 0) read_.append(piece, static_cast<std::size_t>(got));
    at_end_ = got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN);
    return true;
  }

  const Interrupts& interrupts_;
  const bool interactive_ = isatty(STDIN_FILENO) != 0;
  std::string read_;
  bool at_end_ = false;
};

class Repl {
 public:
  Repl()
      : console_(python_.call<Object>(
            "py4cpp._repl.start", [this](const std::string& prompt) { return input_.read_line(prompt); },
            [](std::string_view text) { std::cerr << text << std::flush; })) {}

  void run() {
    if (input_.interactive()) std::cout << console_.method<std::string>("banner") << "\n";
    bool more = false;
    for (;;) {
      const Line line = input_.read_line(!input_.interactive() ? "" : more ? "... " : ">>> ");
      if (const auto* text = std::get_if<std::string>(&line)) {
        more = take(*text);
      } else if (std::holds_alternative<bool>(line)) {
        std::cout << "\nKeyboardInterrupt" << std::endl;
        console_.method<void>("cut_short");
        more = false;
      } else {
        break;
      }
    }
    if (more) take("");  // the end of the input is the end of what was begun
    if (input_.interactive()) std::cout << std::endl;
  }

 private:
  bool take(const std::string& line) {
    const auto more = python_.method_async<bool>(console_, "take", line);
    while (!more.wait_for(20ms)) {
      if (interrupts_.take()) python_.interrupt();
    }
    return more.get();
  }

  Interrupts interrupts_;
  Input input_{interrupts_};
  Python python_;
  Object console_;
};

}  // namespace

int repl() {
  Repl repl;
  try {
    repl.run();
    return 0;
  } catch (const errors::SystemExit& exit) {
    return exit_status(exit);
  }
}

}  // namespace py4cpp::cli
