// Leading: who reads the channel, and how the lead passes from thread to thread.
//
// Why no wake-up is lost, in terms of the lock. Call a waiting thread awake if it is enlisted, doesn't sleep, and is
// not between offer_lead() and its next look at block()'s loop.
//   - A thread starts to sleep only in a moment when leader_ is another thread.
//   - leader_ becomes null in give_up_lead() only. The thread that does this is awake, and goes on in block()'s loop,
//     where it leads again, or finds another leader, or passes offer_lead() before it runs, resumes or leaves. Only
//     suspend() comes in between, which is no user code and doesn't wait.
//   - offer_lead() wakes a sleeper, the heir, if the lead is free; the heir is awake, and the same holds for it. No
//     second one is needed while an heir is on its way.
// So there is no moment, with the lock free, in which a thread sleeps, nobody leads and nobody is awake. A thread that
// finds neither leader nor sleeper when it offers the lead says lead_is_free(); one that comes later leads itself.
#include "session_parts.hpp"

#include <unistd.h>

namespace py4cpp {

using namespace std::chrono_literals;

namespace {

constexpr int looks = 4;  // of 250 ns each, between two of 25 ns at the clock: who is in a read sees it soonest

}  // namespace

void Session::take_lead(Waiter& me) noexcept {
  leader_ = &me;
  service_leads_ = false;
  lead_announced_ = false;
}

// Discards what nobody wanted of the last reading; that lets go of the lock.
void Session::give_up_lead(Lock& lock) noexcept {
  leader_ = nullptr;
  if (discarded_.empty()) return;
  offer_lead();
  discard_unwanted(lock);
}

// This thread will not lead for a while: somebody else is to, if nobody does.
void Session::offer_lead() noexcept {
  if (leader_ != nullptr || heir_ != nullptr || service_leads_) return;
  for (Waiter* waiter = waiters_; waiter != nullptr; waiter = waiter->after) {
    if (waiter->sleeping) {
      heir_ = waiter;
      return wake(*waiter);
    }
  }
  if (lead_announced_ || closed_) return;
  lead_announced_ = true;
  side_.lead_is_free();
}

// Before this thread lets go of the interpreter: that, and taking it back, takes longer than a quick host takes for its
// next call.
void Session::read_held(Lock& lock, Waiter& me) noexcept { read_once(lock, me, &held_spin_); }

// Without blocking, but `spinning` if there is nothing at once.
void Session::read_once(Lock& lock, Waiter& me, Spin* spinning) noexcept {
  if (too_much_output()) return;
  take_lead(me);
  lock.unlock();
  auto arrival = receive();
  if (arrival == Channel::Arrival::nothing && spinning != nullptr) {
    if (const auto budget = spinning->budget(); budget.count() > 0) arrival = spin(*spinning, budget);
  }
  lock.lock();
  arrived(arrival);
  give_up_lead(lock);
}

// Reads until there is something for `me` to do, or the deadline. Takes the lead and gives it up.
void Session::lead(Lock& lock, Waiter& me, Deadline deadline) noexcept {
  take_lead(me);
  auto arrival = Channel::Arrival::nothing;
  for (;;) {
    flush(true);
    if (has_work(me) || !discarded_.empty() || (deadline && Clock::now() >= *deadline)) break;
    const bool reading = polling_reads_ = !too_much_output();
    const bool writing = polling_writes_ = channel_->queued() > 0;
    polling_ = true;
    lock.unlock();
    const bool more = arrival == Channel::Arrival::bytes;  // likely: a read takes only so much
    arrival = reading ? read_some(spin_of(me), more, writing, deadline) : look_up(false, writing, deadline);
    lock.lock();
    if (!polling_) {  // wake_ was written to
      std::uint64_t wakes = 0;
      [[maybe_unused]] const auto ignored = ::read(wake_, &wakes, sizeof wakes);
    }
    polling_ = polling_writes_ = polling_reads_ = false;
    arrived(arrival);
  }
  give_up_lead(lock);
}

// Without the lock: spins a little for something to read, then blocks until something can be read or written.
Channel::Arrival Session::read_some(Spin& spinning, bool more, bool writing, Deadline deadline) noexcept {
  if (const auto budget = spinning.budget(); budget.count() > 0) {
    if (const auto arrival = spin(spinning, budget); arrival != Channel::Arrival::nothing) return arrival;
  } else if (more) {
    if (const auto arrival = receive(); arrival != Channel::Arrival::nothing) return arrival;
  }
  return look_up(true, writing, deadline);
}

Spin& Session::spin_of(const Waiter& me) noexcept {
  const bool in_stream = me.call != nullptr ? me.call->many_ : me.stop != nullptr;
  return in_stream ? stream_spin_ : spin_;
}

Channel::Arrival Session::spin(Spin& spin, std::chrono::nanoseconds budget) noexcept {
  auto arrival = Channel::Arrival::nothing;
  const auto until = Clock::now() + budget;
  do {
    for (int look = 0; look < looks && arrival == Channel::Arrival::nothing; ++look) arrival = receive();
  } while (arrival == Channel::Arrival::nothing && Clock::now() < until);
  spin.outcome(arrival != Channel::Arrival::nothing);
  return arrival;
}

// Blocks; then reads, if that is wanted.
Channel::Arrival Session::look_up(bool reading, bool writing, Deadline deadline) noexcept {
  if (guard_descriptors_ && !channel_->reads_its_own()) {
    read_failure_ = replaced_descriptors;
    return Channel::Arrival::closed;
  }
  channel_->wait(wake_, reading, writing, deadline);
  return reading ? receive() : Channel::Arrival::nothing;
}

Channel::Arrival Session::receive() noexcept {
  try {
    return channel_->receive();
  } catch (const std::exception&) {
    read_failure_ = "there is no memory for what the other side sends";
    return Channel::Arrival::closed;
  }
}

// Once is enough until it looks.
void Session::wake_leader() noexcept {
  if (!polling_) return;
  polling_ = false;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto ignored = ::write(wake_, &one, sizeof one);
}

// ---- the service thread

bool Session::lead_idle() {
  const Lock lock(mutex_);
  if (closed_) return false;
  if (leader_ != nullptr || heir_ != nullptr) return false;
  for (const Waiter* waiter = waiters_; waiter != nullptr; waiter = waiter->after) {
    if (waiter->sleeping) return false;
  }
  service_leads_ = true;
  return true;
}

bool Session::pump_idle() {
  Lock lock(mutex_);
  if (!service_leads_ || closed_) return service_leads_ = false;
  if (too_much_output()) printed_.wait_for(lock, 1ms);  // it has other things to look after, too
  if (!service_leads_ || closed_) return service_leads_ = false;
  if (!too_much_output()) arrived(receive());
  flush();
  if (housekeeping_ || output_to_print()) side_.output_waiting();
  discard_unwanted(lock);
  if (closed_) service_leads_ = false;
  return service_leads_;
}

bool Session::led_by_thread() const {
  const Lock lock(mutex_);
  return leader_ != nullptr;
}

}  // namespace py4cpp
