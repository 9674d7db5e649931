#include "watchdog.hpp"

#include "high_descriptor.hpp"
#include "lease.hpp"

#include <py4cpp/error.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace py4cpp {

namespace {

constexpr int exit_code = 70;                                  // nobody is left to read it
constexpr auto without_pidfd = std::chrono::milliseconds(20);  // how often to look whether the parent has changed

std::int64_t now() noexcept { return std::chrono::steady_clock::now().time_since_epoch().count(); }

int open_pidfd(pid_t process) noexcept {
  const int descriptor = static_cast<int>(syscall(SYS_pidfd_open, process, 0));
  return descriptor < 0 ? -1 : move_high_if_possible(descriptor);
}

int wake_signal() noexcept { return SIGRTMIN + 6; }

void do_nothing(int) {}

// A process that has ended and that nobody has waited for yet still has its pid.
bool is_zombie(pid_t process) noexcept {
  char path[32], text[512];
  std::snprintf(path, sizeof path, "/proc/%d/stat", static_cast<int>(process));
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const ssize_t size = read(descriptor, text, sizeof text);
  close(descriptor);
  const std::string_view stat(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  const std::size_t name_end = stat.rfind(") ");
  return name_end != std::string_view::npos && stat.substr(name_end + 2, 1) == "Z";
}

}  // namespace

Watchdog::Watchdog() : parent_(getppid()), host_descriptor_(open_pidfd(parent_)), host_(parent_) {
  if (getppid() != parent_) _exit(exit_code);
  struct sigaction action {};
  action.sa_handler = do_nothing;
  action.sa_flags = SA_RESTART;
  sigaction(wake_signal(), &action, nullptr);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread{};
  const int error = pthread_create(&thread, nullptr, run, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) throw Error(ErrorKind::exhausted, std::string("no thread can be started: ") + std::strerror(error));
  pthread_detach(thread);
  thread_.store(thread);
}

void Watchdog::watch_host(pid_t host) {
  if (host == parent_ || host <= 0) return;
  const int descriptor = open_pidfd(host);
  host_.store(host);
  host_descriptor_.store(descriptor);
  wake();
}

void Watchdog::remove_names_of(const ArenaId& arena) {
  const std::lock_guard lock(mutex_);
  arenas_.push_back(arena);
}

void Watchdog::collect(ForkPins& pins) {
  pins_.store(&pins);
  wake();
}

void Watchdog::serve(Session& session) { session_.store(&session); }

void Watchdog::attend(std::chrono::microseconds within) noexcept {
  if (!made_in_.same_process()) return;
  if (pthread_equal(pthread_self(), thread_.load()) != 0) {  // from service(): the pipe is full
    blocked_.store(true);
    return;
  }
  if (due_within(within)) wake();
}

// False if it is due earlier anyway.
bool Watchdog::due_within(std::chrono::microseconds time) noexcept {
  const std::int64_t due = now() + std::chrono::nanoseconds(time).count();
  std::int64_t before = due_.load();
  while (due < before) {
    if (due_.compare_exchange_weak(before, due)) return true;
  }
  return false;
}

void Watchdog::look_again() noexcept {
  if (!made_in_.same_process()) return;
  looking_again_.store(true);
  wake();
}

bool Watchdog::sending() const noexcept {
  const std::int64_t due = due_.load();
  return sending_.load() || blocked_.load() || (due != never && due < now() + 1'000'000);
}

void Watchdog::end_within(std::chrono::milliseconds time) noexcept {
  if (!made_in_.same_process()) return;
  end_at_.store(now() + std::chrono::nanoseconds(time).count());
  wake();
}

void Watchdog::end_with_host(std::chrono::milliseconds patience) noexcept {
  const std::int64_t until = now() + std::chrono::nanoseconds(patience).count();
  while (host_ended() || now() < until) usleep(500);
}

void Watchdog::last_look() noexcept {
  if (made_in_.same_process() && host_ended()) remove_names();
}

void Watchdog::wake() noexcept {
  if (!woken_.exchange(true)) pthread_kill(thread_.load(), wake_signal());
}

// ---- its thread

void* Watchdog::run(void* self) noexcept {
  static_cast<Watchdog*>(self)->watch();
  return nullptr;
}

// What ends the process runs no destructor, no atexit handler, no Python: they may be loops that never end.
void Watchdog::watch() noexcept {
  thread_.store(pthread_self());
  for (;;) {
    wait();
    if (host_ended()) {
      remove_names();
      _exit(exit_code);
    }
    if (now() >= end_at_.load()) _exit(exit_code);  // the names are the host's to remove
    if (now() >= due_.load() || blocked_.load()) send();
    Session* const session = session_.load();
    if (looking_again_.exchange(false) && session != nullptr) session->look_again();
  }
}

void Watchdog::send() noexcept {
  sending_.store(true);
  due_.store(never);
  blocked_.store(false);
  Session* session = session_.load();
  if (session != nullptr && session->service_on_time()) due_within(Session::batch_delay);
  sending_.store(false);
}

void Watchdog::wait() noexcept {
  Session* session = session_.load();
  ForkPins* pins = pins_.load();
  pollfd watched[] = {
      {host_descriptor_.load(), POLLIN, 0}, {-1, POLLOUT, 0}, {pins != nullptr ? pins->descriptor() : -1, POLLIN, 0}};
  if (blocked_.load() && session != nullptr) watched[1].fd = session->channel().write_descriptor();
  std::int64_t until = std::min(end_at_.load(), due_.load());
  if (watched[0].fd < 0) until = std::min(until, now() + std::chrono::nanoseconds(without_pidfd).count());
  timespec left{};
  if (until != never) {
    const std::int64_t rest = std::max<std::int64_t>(0, until - now());
    left.tv_sec = static_cast<time_t>(rest / 1'000'000'000);
    left.tv_nsec = static_cast<long>(rest % 1'000'000'000);
  }
  sigset_t all_but_ours;
  sigfillset(&all_but_ours);
  sigdelset(&all_but_ours, wake_signal());
  ppoll(watched, 3, until != never ? &left : nullptr, &all_but_ours);
  woken_.store(false);
  if (watched[0].revents != 0 && !host_ended()) host_descriptor_.store(-1);  // user code closed it
  if (watched[2].revents != 0 && !pins->collect()) pins_.store(nullptr);     // and this
}

// Whatever the descriptor says: user code may have closed it and opened something else in its place.
bool Watchdog::host_ended() noexcept {
  const pid_t host = host_.load();
  if (host == parent_) return getppid() != parent_;
  return (kill(host, 0) != 0 && errno == ESRCH) || is_zombie(host);
}

void Watchdog::remove_names() noexcept {
  const std::lock_guard lock(mutex_);
  for (const ArenaId& arena : arenas_) unlink_arena(arena);
}

}  // namespace py4cpp
