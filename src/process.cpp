#include "process.hpp"

#include "spawn.hpp"

#include <py4cpp/error.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <thread>
#include <utility>

namespace py4cpp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

int open_pidfd(pid_t pid) noexcept { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

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
  SpawnedChild child;
  Descriptor pidfd;
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
  pidfd = Descriptor(open_pidfd(child.pid));
  while (pidfd.get() < 0 && errno != ESRCH) {
    // Other threads took every free descriptor. Without a pidfd the child cannot be killed, so room is made by giving
    // up the pipes, whose loss ends a worker anyway, until there is a pidfd and the destructor can do its work.
    const int error = errno;
    child.close_pipes();
    pidfd = Descriptor(open_pidfd(child.pid));
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
  state->child = spawn_child(options);  // the ends that are the child's are closed, which leaves room for the pidfd
  state->watch();
  return Process(std::move(state));
}

pid_t Process::pid() const noexcept { return state_->child.pid; }
int Process::pidfd() const noexcept { return state_->pidfd.get(); }
int Process::to_child() const noexcept { return state_->child.to_child.get(); }
int Process::from_child() const noexcept { return state_->child.from_child.get(); }
int Process::stderr_fd() const noexcept { return state_->child.stderr_pipe.get(); }
int Process::stdout_fd() const noexcept { return state_->child.stdout_pipe.get(); }
void Process::close_to_child() noexcept {
  state_->child.to_child.close();
  state_->child.to_child_reader.close();
}
int Process::take_to_child() noexcept { return state_->child.to_child.release(); }
int Process::take_from_child() noexcept { return state_->child.from_child.release(); }

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
