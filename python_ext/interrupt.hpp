// Interrupts: the host queues a real-time signal with a call's id to this process, and that call, if it is running on
// the main thread, gets a KeyboardInterrupt now; if it hasn't started, it gets one when it does; if it is over, nothing
// happens, in particular not to the next call.
//
//   1. The handler only notes the id and, if the call is on the active stack, does what Ctrl-C does. It runs on the
//      main thread, so it can't interleave with 2 and 3 but at their every step.
//   2. A call is put on the active stack before it asks whether its id has been noted: whoever is first, it is seen.
//   3. A call leaves the stack before it lets Python act on what is pending: nothing pending outlives it, except what
//      was meant for an outer call, which is then set off again.
//   4. While interrupts are held back, the handler only notes them; the last holder lets Python act on one that came.
// Calls on other threads can't be interrupted: Python delivers signals to the main thread only.
#pragma once

#include "watchdog.hpp"

#include <atomic>
#include <cstdint>

namespace py4cpp {

// Once, on the main thread, before the host knows of us. The watchdog wakes what waits on the main thread.
void install_interrupts(Watchdog& watchdog);

// For what waits without running Python: true once an active call was interrupted, until Python has been let act on it.
const std::atomic<bool>& interrupt_pending() noexcept;
// On the main thread with the GIL, before such a wait. Throws PythonRaised if Python has something to raise.
void check_interrupts();

// For what must not be left half done. Interrupts wait while one lives on the main thread; on others it does nothing.
class HeldInterrupts {
 public:
  explicit HeldInterrupts(bool hold = true) noexcept;
  ~HeldInterrupts();
  HeldInterrupts(const HeldInterrupts&) = delete;
  HeldInterrupts& operator=(const HeldInterrupts&) = delete;

 private:
  const bool holds_;
};

// One call being run; on the stack of the thread that runs it, which holds the GIL.
class ActiveCall {
 public:
  explicit ActiveCall(std::uint64_t id) noexcept;
  ~ActiveCall();
  ActiveCall(const ActiveCall&) = delete;
  ActiveCall& operator=(const ActiveCall&) = delete;

  void start();         // throws PythonRaised, KeyboardInterrupt, if the call was interrupted before it started
  void end() noexcept;  // a Python error that is set stays; later interrupts come too late

 private:
  const std::uint64_t id_;
  const bool tracked_;
  bool ended_ = false;
  bool interrupted_ = false;
  bool set_off_again_ = false;
};

}  // namespace py4cpp
