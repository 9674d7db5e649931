#include "process.hpp"

#include <py4cpp/error.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace py4cpp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

int open_pidfd(pid_t pid) noexcept { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

std::string text_of(int error) { return std::generic_category().message(error); }

[[noreturn]] void throw_exhausted(int error) {
  throw Error(ErrorKind::exhausted, "a Python process cannot be started: " + text_of(error));
}

[[noreturn]] void throw_invalid(const std::string& what) {
  throw Error(ErrorKind::invalid, "a Python process cannot be started: " + what);
}

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }

  int get() const noexcept { return number_; }
  void close() noexcept {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }
  int release() noexcept { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

// Moves a descriptor to a high number: away from 0 to 4, which are set up in the child, and from the small numbers that
// programs hard-code or close in loops.
Descriptor moved_up(Descriptor low) {
  for (const int lowest : {64, 10}) {
    const int high = ::fcntl(low.get(), F_DUPFD_CLOEXEC, lowest);
    if (high >= 0) return Descriptor(high);
  }
  throw_exhausted(errno == EINVAL ? EMFILE : errno);  // EINVAL: RLIMIT_NOFILE is below
}

struct Pipe {
  Descriptor read, write;
};

struct Pipes {
  Pipe to_child, from_child, error_text, output;  // output: only where stdout is captured
};

// Close-on-exec from the start, so a child that another thread spawns meanwhile does not get it.
Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_exhausted(errno);
  Descriptor read(ends[0]);
  Descriptor write(ends[1]);
  return {moved_up(std::move(read)), moved_up(std::move(write))};
}

Pipes make_pipes(bool capture_stdout) {
  Pipes pipes{make_pipe(), make_pipe(), make_pipe(), capture_stdout ? make_pipe() : Pipe{}};
  // Our ends alone: the child's are other open file descriptions and stay blocking.
  for (const Descriptor* ours :
       {&pipes.to_child.write, &pipes.from_child.read, &pipes.error_text.read, &pipes.output.read}) {
    if (ours->get() >= 0) ::fcntl(ours->get(), F_SETFL, ::fcntl(ours->get(), F_GETFL) | O_NONBLOCK);
  }
  return pipes;
}

void check(int error) {
  if (error != 0) throw_exhausted(error);
}

class FileActions {
 public:
  FileActions() { check(::posix_spawn_file_actions_init(&actions_)); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }

  // dup2 onto itself clears close-on-exec.
  void duplicate(int from, int to) { check(::posix_spawn_file_actions_adddup2(&actions_, from, to)); }
  void open(int number, const char* path, int flags) {
    check(::posix_spawn_file_actions_addopen(&actions_, number, path, flags, 0));
  }
  void close_from(int number) { check(::posix_spawn_file_actions_addclosefrom_np(&actions_, number)); }
  void change_directory(const char* path) { check(::posix_spawn_file_actions_addchdir_np(&actions_, path)); }
  const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

// What the child has open, and where it is.
void set_up(FileActions& actions, const Pipes& pipes, const SpawnOptions& options) {
  actions.open(0, "/dev/null", O_RDONLY);
  if (options.capture_stdout) {
    actions.duplicate(pipes.output.write.get(), 1);
  } else if (::fcntl(1, F_GETFD) >= 0) {
    actions.duplicate(1, 1);
  } else {
    actions.open(1, "/dev/null", O_WRONLY);  // or the first file that the child opens would be its stdout
  }
  actions.duplicate(pipes.error_text.write.get(), 2);
  actions.duplicate(pipes.to_child.read.get(), 3);
  actions.duplicate(pipes.from_child.write.get(), 4);
  actions.close_from(5);
  if (!options.working_directory.empty()) actions.change_directory(options.working_directory.c_str());
}

// A session of its own, so that Ctrl-C at our terminal is not the child's; no signal blocked or ignored, whatever we
// do.
class Attributes {
 public:
  Attributes() {
    check(::posix_spawnattr_init(&attributes_));
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    constexpr int flags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    ::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  const posix_spawnattr_t* get() const noexcept { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

// Strings as exec wants them.
class StringList {
 public:
  void add(std::string text, std::string_view what) {
    if (text.find('\0') != std::string::npos) throw_invalid(std::string(what) + " contains a NUL character");
    texts_.push_back(std::move(text));
  }
  // Valid until the next add().
  char* const* pointers() {
    pointers_.clear();
    for (std::string& text : texts_) pointers_.push_back(text.data());
    pointers_.push_back(nullptr);
    return pointers_.data();
  }

 private:
  std::vector<std::string> texts_;
  std::vector<char*> pointers_;
};

StringList arguments_of(const SpawnOptions& options) {
  StringList list;
  list.add(options.interpreter.string(), "the interpreter's path");
  for (const std::string& argument : options.arguments) list.add(argument, "an argument");
  return list;
}

StringList environment_of(const SpawnOptions& options) {
  StringList list;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string name(text.substr(0, text.find('=')));
    if (!options.environment.contains(name)) list.add(std::string(text), name);
  }
  for (const auto& [name, value] : options.environment) {
    if (name.empty() || name.find('=') != std::string::npos) {
      throw_invalid("\"" + name + "\" cannot be the name of an environment variable");
    }
    list.add(name + "=" + value, "an environment variable");
  }
  return list;
}

// Empty if a process can work there, else why not.
std::string directory_obstacle(const std::filesystem::path& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) return text_of(errno);
  if (!S_ISDIR(status.st_mode)) return text_of(ENOTDIR);
  if (::faccessat(AT_FDCWD, directory.c_str(), X_OK, AT_EACCESS) != 0) return text_of(errno);
  return {};
}

// posix_spawn tells an errno, not the step that failed: looking again finds out.
[[noreturn]] void throw_spawn_error(const SpawnOptions& options, int error) {
  if (error == EAGAIN || error == EMFILE || error == ENFILE || error == ENOMEM) throw_exhausted(error);
  if (!options.working_directory.empty()) {
    if (const std::string why = directory_obstacle(options.working_directory); !why.empty()) {
      throw_invalid("the working directory \"" + options.working_directory.string() + "\": " + why);
    }
  }
  const std::string who = "\"" + options.interpreter.string() + "\": ";
  struct stat status {};
  switch (error) {
    case ENOEXEC:
      throw_invalid(who + "not a program (neither a binary for this machine nor a script with #!)");
    case E2BIG:
      throw_invalid(who + "its arguments and environment are too large");
    case EACCES:
      if (::stat(options.interpreter.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) error = EISDIR;
      throw_invalid(who + text_of(error));
    case ENOENT:
      if (::stat(options.interpreter.c_str(), &status) == 0) {
        throw_invalid(who + "the program that runs it (its #! line or its loader) does not exist");
      }
      [[fallthrough]];
    default:
      throw_invalid(who + text_of(error));
  }
}

bool readable(int descriptor, steady_clock::time_point deadline) noexcept {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
    pollfd wait{descriptor, POLLIN, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(std::clamp<decltype(left)>(left, 0, 1'000'000'000)));
    if (ready > 0) return (wait.revents & POLLIN) != 0;
    if (ready < 0 && errno != EINTR && errno != EAGAIN) return false;
    if (ready == 0 && steady_clock::now() >= deadline) return false;
  }
}

// Never moves back past the clock's end.
steady_clock::time_point after(milliseconds wait) noexcept {
  const auto now = steady_clock::now();
  const auto most = std::chrono::duration_cast<milliseconds>(steady_clock::time_point::max() - now);
  return now + std::clamp(wait, milliseconds{0}, most);
}

}  // namespace

struct Process::State {
  ~State();

  void watch();
  std::optional<Exit> reap(milliseconds wait) noexcept;
  bool kill(int signal_number, siginfo_t* info) noexcept;
  void take_status() noexcept;

  const pid_t owner = ::getpid();  // a forked child of ours has a copy, and nothing to do with it
  pid_t pid = -1;
  Descriptor pidfd, to_child, from_child, stderr_pipe, stdout_pipe;
  Descriptor to_child_reader;  // the child's end as well: while it is open, writing to a dead child is no SIGPIPE
  std::mutex mutex;
  std::optional<Exit> exit;  // guarded by mutex
};

Process::State::~State() {
  if (::getpid() != owner || pidfd.get() < 0) return;
  kill(SIGKILL, nullptr);
  // Even a killed process may hang in the kernel, on a dead disk; a destructor must not.
  reap(seconds{5});
}

// Gets hold of the child just spawned, of which only the pid is known. A foreign waitpid(-1) or an ignored SIGCHLD may
// have reaped it by now; then the pid is nobody's, or a stranger's.
void Process::State::watch() {
  const auto deadline = after(seconds{5});
  pidfd = Descriptor(open_pidfd(pid));
  while (pidfd.get() < 0 && errno != ESRCH) {
    // Other threads took every free descriptor. Without a pidfd the child cannot be killed, so room is made by giving
    // up the pipes, whose loss ends a worker anyway, until there is a pidfd and the destructor can do its work.
    const int error = errno;
    for (Descriptor* end : {&to_child, &to_child_reader, &from_child, &stderr_pipe, &stdout_pipe}) end->close();
    pidfd = Descriptor(open_pidfd(pid));
    if (pidfd.get() >= 0 || steady_clock::now() > deadline) throw_exhausted(error);
    std::this_thread::sleep_for(milliseconds{1});
  }
  siginfo_t info{};
  const auto id = static_cast<id_t>(pidfd.get());
  if (pidfd.get() >= 0 && ::waitid(P_PIDFD, id, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
    if (const int high = ::fcntl(pidfd.get(), F_DUPFD_CLOEXEC, 64); high >= 0) pidfd = Descriptor(high);
    return;
  }
  // In place of a pidfd stands what a dead child's would be: always readable.
  exit = Exit{};
  pidfd = moved_up(Descriptor(::eventfd(1, EFD_CLOEXEC)));
}

// Only once the pidfd is readable: before that, ECHILD would not mean that the child has ended.
void Process::State::take_status() noexcept {
  const std::lock_guard lock(mutex);
  if (exit) return;
  siginfo_t info{};
  int result = 0;
  do {
    result = ::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG);
  } while (result != 0 && errno == EINTR);
  Exit status;
  if (result == 0 && info.si_pid != 0) (info.si_code == CLD_EXITED ? status.code : status.signal) = info.si_status;
  exit = status;
}

std::optional<Process::Exit> Process::State::reap(milliseconds wait) noexcept {
  {
    const std::lock_guard lock(mutex);
    if (exit) return exit;
  }
  if (::getpid() != owner || !readable(pidfd.get(), after(wait))) return std::nullopt;
  take_status();
  const std::lock_guard lock(mutex);
  return exit;
}

bool Process::State::kill(int signal_number, siginfo_t* info) noexcept {
  if (::getpid() != owner) return false;
  const std::lock_guard lock(mutex);
  return !exit && ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal_number, info, 0) == 0;
}

Process::Process(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Process::Process(Process&&) noexcept = default;
Process& Process::operator=(Process&&) noexcept = default;
Process::~Process() = default;

Process Process::spawn(const SpawnOptions& options) {
  if (Descriptor(open_pidfd(::getpid())).get() < 0 && (errno == ENOSYS || errno == EPERM)) {
    throw Error(ErrorKind::incompatible, "py4cpp needs pidfd_open: Linux 5.4, and a sandbox that allows it");
  }
  auto state = std::make_unique<State>();
  StringList arguments = arguments_of(options);
  StringList environment = environment_of(options);
  {
    Pipes pipes = make_pipes(options.capture_stdout);
    FileActions actions;
    set_up(actions, pipes, options);
    const Attributes attributes;
    const int error = ::posix_spawn(&state->pid, options.interpreter.c_str(), actions.get(), attributes.get(),
                                    arguments.pointers(), environment.pointers());
    if (error != 0) throw_spawn_error(options, error);
    state->to_child = std::move(pipes.to_child.write);
    state->to_child_reader = std::move(pipes.to_child.read);
    state->from_child = std::move(pipes.from_child.read);
    state->stderr_pipe = std::move(pipes.error_text.read);
    state->stdout_pipe = std::move(pipes.output.read);
  }  // the other ends are closed here, which leaves room for the pidfd
  state->watch();
  return Process(std::move(state));
}

pid_t Process::pid() const noexcept { return state_->pid; }
int Process::pidfd() const noexcept { return state_->pidfd.get(); }
int Process::to_child() const noexcept { return state_->to_child.get(); }
int Process::from_child() const noexcept { return state_->from_child.get(); }
int Process::stderr_fd() const noexcept { return state_->stderr_pipe.get(); }
int Process::stdout_fd() const noexcept { return state_->stdout_pipe.get(); }
void Process::close_to_child() noexcept {
  state_->to_child.close();
  state_->to_child_reader.close();
}
int Process::take_to_child() noexcept { return state_->to_child.release(); }
int Process::take_from_child() noexcept { return state_->from_child.release(); }

std::optional<Process::Exit> Process::reap(milliseconds wait) noexcept { return state_->reap(wait); }
bool Process::kill(int signal_number) noexcept { return state_->kill(signal_number, nullptr); }
bool Process::queue_signal(int signal_number, std::uint64_t value) noexcept {
  siginfo_t info{};
  info.si_signo = signal_number;
  info.si_code = SI_QUEUE;
  info.si_pid = ::getpid();
  info.si_uid = ::getuid();
  info.si_value.sival_ptr = reinterpret_cast<void*>(value);
  return state_->kill(signal_number, &info);
}

}  // namespace py4cpp
