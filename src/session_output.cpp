// What the other side printed: in order, by one thread at a time, without the lock.
#include "session_parts.hpp"

#include <algorithm>
#include <utility>

namespace py4cpp {

namespace {

std::size_t cost(const std::string& text) { return sizeof(std::string) + text.size(); }

}  // namespace

void Session::dispatch_output(const wire::Output& output) {
  Printed printed{output.stream(), {}};
  if (output.text() != nullptr) printed.text.assign(output.text()->begin(), output.text()->end());
  if (output_.full()) output_.set_capacity(std::max<std::size_t>(8, output_.capacity() * 2));
  unprinted_ += cost(printed.text);
  output_.push_back(std::move(printed));
  ++output_arrived_;
}

// Whoever reads is to wait: for the thread that prints, unless that one waits itself. If nobody prints, whoever reads
// does.
bool Session::too_much_output() const noexcept {
  return unprinted_ > max_unprinted && printer_ != std::thread::id() && printer_waits_ == 0;
}

// Of that.
void Session::output_goes_on() noexcept {
  printed_.notify_all();
  if (!polling_reads_ && !too_much_output()) wake_leader();
}

// Returns when everything that has arrived until now is printed, unless the thread that prints waits for a call, maybe
// for what we are about to run, or is this one. The lock is let go of meanwhile.
void Session::print_arrived(Lock& lock) noexcept {
  const std::uint64_t last = output_arrived_;
  while (output_printed_ < last) {
    if (printer_ == std::thread::id()) {
      print_until(lock, last);
    } else if (printer_ == std::this_thread::get_id() || printer_waits_ > 0) {
      return;
    } else {
      printed_.wait(lock);
    }
  }
}

// Only so far, so that a flood of output doesn't hold up the thread that happens to print it.
void Session::print_until(Lock& lock, std::uint64_t last) noexcept {
  printer_ = std::this_thread::get_id();
  while (output_printed_ < last) {
    const Printed next = std::move(output_.front());
    output_.pop_front();
    lock.unlock();
    side_.print(next.stream, next.text);
    lock.lock();
    ++output_printed_;
    unprinted_ -= cost(next.text);
    output_goes_on();
  }
  printer_ = std::thread::id();
  if (!output_.empty()) pass_output_on();
}

// More arrived while we printed, and whoever read it left it to us.
void Session::pass_output_on() noexcept {
  for (Waiter* waiter = waiters_; waiter != nullptr; waiter = waiter->after) {
    if (waiter->sleeping || waiter == leader_) return wake(*waiter);
  }
  if (!closed_) side_.output_waiting();
}

void Session::drain_output() noexcept {
  Lock lock(mutex_);
  if (housekeeping_ && !closed_) {
    housekeeping_ = false;
    lock.unlock();
    side_.housekeep();
    lock.lock();
  }
  print_arrived(lock);
}

}  // namespace py4cpp
