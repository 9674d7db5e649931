#include "launch.hpp"

#include "interpreter.hpp"
#include "lease.hpp"
#include "package_dir.hpp"
#include "version.hpp"

#include <py4cpp/error.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include <poll.h>
#include <unistd.h>

namespace py4cpp {

namespace {

using Clock = std::chrono::steady_clock;

// Runs in any Python, or it couldn't say that it is too old. With -c, and not -I, so that PYTHONPATH and virtual
// environments work as users expect.
constexpr const char* bootstrap =
    "import sys\n"
    "if sys.version_info[:2] < (3, 11) or 'PyPy' in sys.version:\n"
    "    sys.stderr.write('py4cpp needs CPython 3.11 or newer; ' + str(sys.executable) + ' is ' + sys.version + "
    "'\\n')\n"
    "    sys.exit(71)\n"
    "sys.path.insert(0, sys.argv[1])\n"
    "import py4cpp._worker\n"
    "py4cpp._worker.main(3, 4)\n";
constexpr int too_old = 71;

constexpr std::size_t most_kept = std::size_t{1} << 20;  // of what a child writes to stderr before it is a worker
constexpr std::size_t most_told = 8 * 1024;              // of that in an error

// One attempt to start: the deadline, and what the child has written to stderr meanwhile.
class Start {
 public:
  Start(const Config& config, const ArenaId& arena)
      : config_(config), arena_(arena), interpreter_(find_interpreter(config.python)), process_(spawn()) {
    if (config.start_timeout.count() > 0) deadline_ = Clock::now() + config.start_timeout;
    channel_ = std::make_unique<Channel>(process_.take_from_child(), process_.take_to_child());
    greet();
  }

  Launched finish() && {
    HelloInfo hello = await_greeting();
    if (hello.protocol != protocol_hash()) {
      throw Error(ErrorKind::incompatible, "this program uses py4cpp " + std::string(version) +
                                               ", but the Python package in " + package_.string() + " is py4cpp " +
                                               hello.version + " with another protocol: install both from one build");
    }
    if (hello.arena_high == arena_.high && hello.arena_low == arena_.low) not_a_worker();  // our own, sent back
    return {std::move(process_), std::move(channel_), std::move(hello), std::move(stderr_text_)};
  }

 private:
  Process spawn() {
    package_ = package_dir();
    return Process::spawn({.interpreter = interpreter_,
                           .arguments = {"-c", bootstrap, package_.string()},
                           .environment = config_.environment,
                           .working_directory = config_.working_directory,
                           .capture_stdout = static_cast<bool>(config_.on_stdout)});
  }

  void greet() {
    HelloInfo hello;
    hello.protocol = protocol_hash();
    hello.version = version;
    hello.pid = getpid();
    hello.arena_high = arena_.high;
    hello.arena_low = arena_.low;
    hello.inline_limit = config_.inline_limit;
    hello.shared_memory_limit = config_.shared_memory_limit;
    hello.cache_limit = config_.cache_limit;
    hello.spin = static_cast<std::uint32_t>(std::clamp<std::int64_t>(config_.spin.count(), 0, 1'000'000));
    hello.capture_stdout = static_cast<bool>(config_.on_stdout);
    MessageBuilder builder;
    channel_->queue(builder.hello(hello));
    channel_->flush();
  }

  HelloInfo await_greeting() {
    bool ended = false;
    for (;;) {
      const auto arrival = channel_->receive();
      if (const auto message = next_message()) {
        if (message->kind() != wire::MessageKind::Hello) not_a_worker();
        return HelloInfo::read(*message->as<wire::Hello>());
      }
      if (arrival == Channel::Arrival::bytes) continue;
      if (ended || arrival == Channel::Arrival::closed) died();
      ended = wait();
    }
  }

  std::optional<Message> next_message() {
    try {
      return channel_->next();
    } catch (const Error&) {
      not_a_worker();
    }
  }

  [[noreturn]] void not_a_worker() const {
    throw Error(ErrorKind::incompatible,
                "\"" + interpreter_.string() +
                    "\" answers with something that is no greeting of a py4cpp worker: is it Python?");
  }

  // True if the child has ended.
  bool wait() {
    pollfd watched[] = {
        {channel_->read_descriptor(), POLLIN, 0}, {process_.pidfd(), POLLIN, 0}, {process_.stderr_fd(), POLLIN, 0}};
    int timeout = -1;
    if (deadline_) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline_ - Clock::now()).count();
      if (left <= 0) timed_out();
      timeout = static_cast<int>(std::min<std::int64_t>(left, 1'000'000));
    }
    if (stderr_closed_) watched[2].fd = -1;
    poll(watched, 3, timeout);
    if (watched[2].revents != 0) read_stderr();
    return watched[1].revents != 0;
  }

  void read_stderr() {
    char text[16 * 1024];
    for (int turns = 0; turns < 16; ++turns) {  // more than a pipe holds; then look at the time
      const ssize_t got = read(process_.stderr_fd(), text, sizeof text);
      if (got == 0) stderr_closed_ = true;
      if (got <= 0) return;
      stderr_text_.append(text, static_cast<std::size_t>(got));
      if (stderr_text_.size() > 2 * most_kept) stderr_text_.erase(0, stderr_text_.size() - most_kept);
    }
  }

  std::string stderr_tail() const {
    return stderr_text_.substr(stderr_text_.size() - std::min(stderr_text_.size(), most_told));
  }

  [[noreturn]] void timed_out() {
    read_stderr();
    throw TimedOut("\"" + interpreter_.string() + "\" didn't become a worker within start_timeout (" +
                   std::to_string(config_.start_timeout.count()) + " ms)" +
                   (stderr_text_.empty() ? "" : "; it wrote:\n" + stderr_tail()));
  }

  [[noreturn]] void died() {
    const auto exit = process_.reap(std::chrono::seconds(1)).value_or(Process::Exit{});
    read_stderr();
    if (exit.code == too_old) throw Error(ErrorKind::incompatible, stderr_tail());
    throw WorkerDied(
        "\"" + interpreter_.string() + "\" ended before it was a worker" + (exit.code == 0 ? "; is it Python?" : ""),
        exit.code, exit.signal, stderr_tail());
  }

  const Config& config_;
  const ArenaId& arena_;
  std::filesystem::path interpreter_;
  std::filesystem::path package_;
  Process process_;
  std::unique_ptr<Channel> channel_;
  std::optional<Clock::time_point> deadline_;
  std::string stderr_text_;
  bool stderr_closed_ = false;
};

}  // namespace

Launched launch(const Config& config, const ArenaId& arena) {
  try {
    return Start(config, arena).finish();
  } catch (...) {
    sweep_abandoned();  // the child is dead; it may have got as far as making an arena
    throw;
  }
}

}  // namespace py4cpp
