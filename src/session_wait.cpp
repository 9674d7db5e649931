// Waiting, and running what a waiting thread is asked meanwhile.
#include "session_parts.hpp"

#include <utility>

namespace py4cpp {

// The calls of the other side that this thread is running, innermost first.
class Session::Serving {
 public:
  Serving(const Session& session, std::uint64_t id) noexcept
      : session_(&session), id_(id), innermost_(innermost()), outer_(innermost_) {
    innermost_ = this;
  }
  ~Serving() { innermost_ = outer_; }
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;
  static std::uint64_t current(const Session& session) noexcept {
    for (const Serving* serving = innermost(); serving != nullptr; serving = serving->outer_) {
      if (serving->session_ == &session) return serving->id_;
    }
    return 0;
  }

 private:
  static const Serving*& innermost() noexcept {
    constinit thread_local const Serving* innermost = nullptr;
    return innermost;
  }

  const Session* session_;
  std::uint64_t id_;
  const Serving*& innermost_;  // this thread's
  const Serving* outer_;
};

std::uint64_t Session::current() const noexcept { return Serving::current(*this); }

// ---- who waits

thread_local Session::Waiter* Session::Waiter::innermost = nullptr;

void Session::enlist(Waiter& me) noexcept {
  me.session = this;
  me.enclosing = std::exchange(Waiter::innermost, &me);
  for (me.outer = me.enclosing; me.outer != nullptr && me.outer->session != this;) me.outer = me.outer->enclosing;
  if (me.outer != nullptr) me.outer->inner = &me;
  me.after = std::exchange(waiters_, &me);
  if (me.after != nullptr) me.after->before = &me;
  if (me.call != nullptr) me.next = std::exchange(me.call->waiting_, &me);
  if (me.server) server_ = &me;
  if (me.drain_to) ++draining_;
  if (me.stop != nullptr) ++stoppable_;
}

void Session::leave(Waiter& me) noexcept {
  Waiter::innermost = me.enclosing;
  if (me.outer != nullptr) me.outer->inner = nullptr;
  (me.before != nullptr ? me.before->after : waiters_) = me.after;
  if (me.after != nullptr) me.after->before = me.before;
  if (me.server) server_ = nullptr;
  if (me.drain_to) --draining_;
  if (me.stop != nullptr) --stoppable_;
  if (me.call == nullptr) return;
  Waiter** link = &me.call->waiting_;
  while (*link != &me) link = &(*link)->next;
  *link = me.next;
  if (me.call->waiting_ == nullptr) reroute(*me.call);
}

// For whoever changes what `waiter` waits for, with the lock. One that runs something looks before it sleeps.
void Session::wake(Waiter& waiter) noexcept {
  if (waiter.sleeping) {
    waiter.sleeping = false;
    waiter.wakeup->notify_one();
  } else if (&waiter == leader_) {
    wake_leader();
  }
}

void Session::look_again() noexcept {
  const Lock lock(mutex_);
  wake_stopped();
}

void Session::wake_stopped() noexcept {
  if (stoppable_ == 0) return;
  for (Waiter* waiter = waiters_; waiter != nullptr; waiter = waiter->after) {
    if (stopped(*waiter)) wake(*waiter);
  }
}

void Session::wake_drained() noexcept {
  for (Waiter* waiter = waiters_; waiter != nullptr; waiter = waiter->after) {
    if (waiter->drain_to && done(*waiter)) wake(*waiter);
  }
}

// ---- what there is to do

bool Session::stopped(const Waiter& me) noexcept { return me.stop != nullptr && me.stop->load(); }

// Whether `me` has what it waits for. What it is to run first has been run.
bool Session::done(const Waiter& me) const noexcept {
  if (closed_) return true;
  if (me.call != nullptr) return me.call->state_ != Call::State::waiting || !me.call->answers_.empty();
  if (me.server) return bye_;
  return me.drain_to && channel_->queued() <= *me.drain_to;
}

bool Session::has_work(const Waiter& me) noexcept {
  if (done(me) || stopped(me) || housekeeping_ || output_to_print()) return true;
  return inbox(me) != nullptr;
}

// Where the next request is that `me` is to run, null if there is none. That may be one under a call for which this
// thread waits further out, whose answer depends on it: the other side may in turn be held up by that.
Session::Inbox* Session::inbox(const Waiter& me) noexcept {
  if (me.drain_to) return nullptr;
  if (me.server) return server_inbox_.empty() ? nullptr : &server_inbox_;
  for (const Waiter* waiter = &me; waiter != nullptr; waiter = waiter->outer) {
    if (waiter->call != nullptr && !waiter->call->nested_.empty()) return &waiter->call->nested_;
  }
  return nullptr;
}

// Whether this thread will run something more before it waits.
bool Session::more_to_run() noexcept {
  const Waiter* me = Waiter::innermost;
  while (me != nullptr && me->session != this) me = me->enclosing;
  return me != nullptr && inbox(*me) != nullptr;
}

// Runs the next thing that this thread is to run, without the lock. False if there is none.
bool Session::run_one(Lock& lock, Waiter& me, bool& suspended) noexcept {
  Inbox* const requests = inbox(me);
  if (requests == nullptr && !housekeeping_ && !output_to_print()) return false;
  offer_lead();
  if (channel_->queued() > batch_size) {
    flush();
  } else if (channel_->queued() > 0) {
    attend_soon(batch_delay);
  }
  // The interpreter first: to take it back takes time, in which more may arrive, or others do this.
  if (suspended && has_server_) {
    lock.unlock();
    side_.resume();
    lock.lock();
    suspended = false;
  } else if (housekeeping_) {
    housekeeping_ = false;
    lock.unlock();
    side_.housekeep();
    lock.lock();
  } else if (output_to_print()) {
    print_arrived(lock);
  } else {
    const Message next = std::move(requests->front());
    requests->pop_front();
    if (me.server && next.as<wire::Request>()->under() != 0) --strays_;
    serve(lock, next);
  }
  return true;
}

void Session::serve(Lock& lock, const Message& request) noexcept {
  {
    const auto& body = *request.as<wire::Request>();
    // From here on: what the output handler asks must not wait for this request.
    const Serving serving(*this, body.id());
    print_arrived(lock);
    lock.unlock();
    side_.serve(body);
  }
  lock.lock();
  if (channel_->queued() > max_queued) drain(lock, max_queued / 2);  // answers faster than the other side reads
}

void Session::run(Message request) noexcept {
  Lock lock(mutex_);
  if (closed_) return;
  serve(lock, request);
  flush();
}

// ---- waiting

// Returns, with the lock, when `me` has what it waits for, the session is closed, or the deadline has passed; then what
// is left for it to run is left. Leads while nobody else does.
void Session::block(Lock& lock, Waiter& me, Deadline deadline) noexcept {
  const bool prints = printer_ == std::this_thread::get_id();  // what prints, waits: nobody need wait for its turn
  if (prints && printer_waits_++ == 0) output_goes_on();
  bool suspended = !has_server_;  // where there is no interpreter, there is nothing to let go of
  bool tried = false;             // to read before that
  enlist(me);
  // Whoever only looks, over and over, reads what has arrived: the service thread takes that for calls and doesn't.
  if (deadline && !done(me) && lead_is_to_be_had() && Clock::now() >= *deadline) {
    flush(true);
    read_once(lock, me, nullptr);
  }
  for (;;) {
    const bool late = !done(me) && (stopped(me) || (deadline && Clock::now() >= *deadline));
    if (!closed_ && !late && run_one(lock, me, suspended)) {
      tried = false;
      continue;
    }
    if (late || done(me)) break;
    flush(lead_is_to_be_had());
    if (closed_) break;
    if (!suspended && !tried && lead_is_to_be_had()) {
      tried = true;
      read_held(lock, me);
    } else if (!suspended) {  // not user code, and short: sleepers may count on us to lead all the same
      lock.unlock();
      side_.suspend();
      lock.lock();
      suspended = true;
    } else if (lead_is_to_be_had()) {
      lead(lock, me, deadline);
    } else {
      sleep(lock, me, deadline);
    }
  }
  leave(me);
  offer_lead();
  flush();
  count(activity_);
  if (suspended && has_server_) {
    lock.unlock();
    side_.resume();
    lock.lock();
  }
  if (prints) --printer_waits_;
}

// Until somebody wakes us, which is when we may have something to do, or the deadline.
void Session::sleep(Lock& lock, Waiter& me, Deadline deadline) noexcept {
  if (!me.wakeup) me.wakeup.emplace();
  me.sleeping = true;
  while (me.sleeping) {
    if (!deadline) {
      me.wakeup->wait(lock);
    } else if (me.wakeup->wait_until(lock, *deadline) == std::cv_status::timeout) {
      me.sleeping = false;
    }
  }
  if (heir_ == &me) heir_ = nullptr;
}

Session::Outcome Session::wait(Lock& lock, Call& call, Deadline deadline, const std::atomic<bool>* stop) noexcept {
  Waiter me;
  me.call = &call;
  me.stop = stop;
  if (call.many_) release_now();  // the other side may need what was released to give the next answer
  block(lock, me, deadline);
  const bool has_answer = !call.answers_.empty() || call.state_ == Call::State::answered;
  if (has_answer || closed_) print_arrived(lock);  // printed before it, so shown before it
  if (!call.answers_.empty()) return Outcome::answered;
  switch (call.state_) {
    case Call::State::answered:
      return Outcome::answered;
    case Call::State::lost:
      return Outcome::closed;
    default:
      return Outcome::timed_out;
  }
}

bool Session::wait(const std::atomic<bool>& stop, Deadline deadline) {
  Lock lock(mutex_);
  Waiter me;
  me.stop = &stop;
  block(lock, me, deadline);
  return !closed_;
}

void Session::serve_until_closed() {
  Lock lock(mutex_);
  Waiter me;
  me.server = true;
  block(lock, me, std::nullopt);
  drain(lock, 0);
}

void Session::drain(Lock& lock, std::size_t limit) noexcept {
  Waiter me;
  me.drain_to = limit;
  block(lock, me, std::nullopt);
}

}  // namespace py4cpp
