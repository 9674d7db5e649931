#include "interrupt.hpp"

#include "interrupt_signal.hpp"
#include "refs.hpp"
#include "saved_error.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace py4cpp {

namespace {

// Ids count up by one, so this many calls in a row have places of their own; an id noted long ago is overwritten by
// that of a later call.
constexpr std::size_t noted_count = 4096;
constexpr std::size_t deepest = 1024;  // calls nested deeper can't be interrupted

std::array<std::atomic<std::uint64_t>, noted_count> noted;
std::array<std::atomic<std::uint64_t>, deepest> active;
std::atomic<std::size_t> active_count{0};
std::atomic<std::size_t> held{0};
std::atomic<bool> came_while_held{false};
std::atomic<bool> pending{false};
std::atomic<Watchdog*> waker{nullptr};
pthread_t main_thread{};
pid_t main_thread_id = 0;
pid_t main_process = 0;

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// `noted`, `active`, `active_count`, `held` and `came_while_held` belong to the main thread and to the handler, which
// runs on it: they must be atomic and in order for the compiler, but no other processor looks.
constexpr auto here = std::memory_order_relaxed;
void in_order() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }

bool on_main_thread() noexcept { return pthread_equal(pthread_self(), main_thread) != 0; }

std::atomic<std::uint64_t>& place_of(std::uint64_t id) noexcept { return noted[id % noted_count]; }
bool is_noted(std::uint64_t id) noexcept { return place_of(id).load(here) == id; }

bool take_note(std::uint64_t id) noexcept {
  in_order();
  if (!is_noted(id)) return false;  // nearly always
  std::uint64_t expected = id;
  return place_of(id).compare_exchange_strong(expected, 0);
}

bool any_active_noted() noexcept {
  const std::size_t count = active_count.load(here);
  for (std::size_t i = 0; i < count; ++i) {
    if (is_noted(active[i].load(here))) return true;
  }
  return false;
}

void forget_active() noexcept {
  const std::size_t count = active_count.load(here);
  for (std::size_t i = 0; i < count; ++i) take_note(active[i].load(here));
}

// Async-signal-safe.
void set_off() noexcept {
  PyErr_SetInterruptEx(SIGINT);
  pending.store(true);
  waker.load()->look_again();
}

// Async-signal-safe.
void on_interrupt(int signal_number, siginfo_t* info, void*) noexcept {
  const int saved_errno = errno;
  if (!on_main_thread()) {  // the kernel chose another thread, whose system calls nobody wants to break
    if (getpid() == main_process) syscall(SYS_rt_tgsigqueueinfo, main_process, main_thread_id, signal_number, info);
  } else if (info->si_code == SI_QUEUE) {
    const auto id = reinterpret_cast<std::uint64_t>(info->si_value.sival_ptr);
    place_of(id).store(id, here);
    const std::size_t count = active_count.load(here);
    for (std::size_t i = 0; i < count; ++i) {
      if (active[i].load(here) != id) continue;
      if (held.load(here) > 0) {
        came_while_held.store(true, here);
      } else {
        set_off();
      }
    }
  }
  errno = saved_errno;
}

// Lets Python act on what is pending. Whether that was an interrupt. Only while no error is set.
bool drain_signals() noexcept {
  if (PyErr_CheckSignals() >= 0) return false;
  const bool interrupted = PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) != 0;
  if (interrupted) {
    PyErr_Clear();
  } else {
    PyErr_WriteUnraisable(nullptr);  // a signal handler of the user's raised where nobody can catch it
  }
  return interrupted;
}

bool drain() noexcept {
  SavedError saved;
  const bool interrupted = drain_signals();
  saved.restore();
  return interrupted;
}

}  // namespace

void install_interrupts(Watchdog& watchdog) {
  waker.store(&watchdog);
  main_thread = pthread_self();
  main_thread_id = static_cast<pid_t>(syscall(SYS_gettid));
  main_process = getpid();
  struct sigaction action {};
  action.sa_sigaction = on_interrupt;
  action.sa_flags = SA_SIGINFO;  // no SA_RESTART: a sleeping call wakes
  sigfillset(&action.sa_mask);
  sigaction(interrupt_signal(), &action, nullptr);
}

const std::atomic<bool>& interrupt_pending() noexcept { return pending; }

void check_interrupts() {
  if (!on_main_thread()) return;
  pending.store(false);
  if (PyErr_CheckSignals() < 0) throw PythonRaised{};
}

HeldInterrupts::HeldInterrupts(bool hold) noexcept : holds_(hold && on_main_thread()) {
  if (holds_) held.store(held.load(here) + 1, here);
  in_order();
}

HeldInterrupts::~HeldInterrupts() {
  in_order();
  if (!holds_) return;
  held.store(held.load(here) - 1, here);
  in_order();
  if (held.load(here) == 0 && came_while_held.exchange(false) && any_active_noted()) set_off();
}

ActiveCall::ActiveCall(std::uint64_t id) noexcept
    : id_(id), tracked_(on_main_thread() && active_count.load(here) < deepest) {
  if (!tracked_) return;
  const std::size_t depth = active_count.load(here);
  if (depth == 0) drain_signals();  // a Ctrl-C from somewhere while nothing ran
  active[depth].store(id, here);
  in_order();
  active_count.store(depth + 1, here);
}

void ActiveCall::start() {
  if (!tracked_ || !take_note(id_)) return;
  interrupted_ = true;
  PyErr_SetNone(PyExc_KeyboardInterrupt);
  throw PythonRaised{};
}

void ActiveCall::end() noexcept {
  if (!tracked_ || ended_) return;
  ended_ = true;
  active_count.store(active_count.load(here) - 1, here);
  interrupted_ |= take_note(id_);
  if (!interrupted_ && !any_active_noted()) return;
  const bool raised = PyErr_Occurred() != nullptr && PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) != 0;
  const bool was_pending = drain();
  if (raised && !interrupted_) {
    forget_active();  // an outer call's interrupt is on its way to it, as our failure
  } else if (any_active_noted()) {
    set_off_again_ = was_pending || interrupted_;
  }
}

ActiveCall::~ActiveCall() {
  end();
  if (set_off_again_) PyErr_SetInterruptEx(SIGINT);
}

}  // namespace py4cpp
