// What arrives: handing messages to whom they belong. All of it under the session's lock.
#include "session_parts.hpp"

#include <algorithm>
#include <utility>

namespace py4cpp {

namespace {

void push(Session::Inbox& inbox, Message&& message) {
  if (inbox.full()) inbox.set_capacity(std::max<std::size_t>(4, inbox.capacity() * 2));
  inbox.push_back(std::move(message));
}

}  // namespace

// ---- what arrives

// Marks the thread that hands out what has arrived: it looks at everything when it is done.
class Session::Dispatching {
 public:
  explicit Dispatching(const Session& session) noexcept : here_(here()) { here_ = &session; }
  ~Dispatching() { here_ = nullptr; }
  Dispatching(const Dispatching&) = delete;
  Dispatching& operator=(const Dispatching&) = delete;
  static bool in(const Session& session) noexcept { return here() == &session; }

 private:
  static const Session*& here() noexcept {
    constinit thread_local const Session* here = nullptr;
    return here;
  }

  const Session*& here_;
};

void Session::nudge() noexcept {
  if (Dispatching::in(*this)) return;
  const std::lock_guard lock(hook_mutex_);
  if (!hooks_off_) side_.attend(std::chrono::microseconds(0));
}

void Session::arrived(Channel::Arrival arrival) noexcept {
  if (closed_ || arrival == Channel::Arrival::nothing) return;
  if (arrival == Channel::Arrival::closed) return close_locked(read_failure_);
  try {
    const Dispatching here(*this);
    while (auto message = channel_->next()) dispatch(std::move(*message));
  } catch (const std::exception& error) {
    close_locked(error.what());
  }
  wake_stopped();
}

void Session::dispatch(Message&& message) {
  switch (message.kind()) {
    case wire::MessageKind::Request:
      return dispatch_request(std::move(message));
    case wire::MessageKind::Reply: {
      const auto* reply = message.as<wire::Reply>();
      const auto id = reply->id();
      const bool more = reply->more();
      return dispatch_answer(id, std::move(message), more);
    }
    case wire::MessageKind::Failure: {
      const auto id = message.as<wire::Failure>()->id();
      return dispatch_answer(id, std::move(message), false);
    }
    case wire::MessageKind::Release:
      return dispatch_release(*message.as<wire::Release>());
    case wire::MessageKind::Output:
      return dispatch_output(*message.as<wire::Output>());
    case wire::MessageKind::Bye:
      if (!has_server_) throw BadMessage("a farewell to the side that ends the conversation");
      bye_ = true;
      return notify_server();
    default:
      throw BadMessage("a greeting in the middle of the conversation");
  }
}

void Session::dispatch_request(Message&& message) {
  const std::uint64_t under = message.as<wire::Request>()->under();
  if (Call* call = under != 0 ? calls_.find(under) : nullptr; call != nullptr && call->waiting_ != nullptr) {
    push(call->nested_, std::move(message));
    for (Waiter* waiter = call->waiting_; waiter != nullptr; waiter = waiter->next) {
      Waiter* innermost = waiter;
      while (innermost->inner != nullptr) innermost = innermost->inner;
      wake(*innermost);
    }
  } else if (has_server_) {
    push(server_inbox_, std::move(message));
    if (under != 0) ++strays_;
    notify_server();
  } else {
    side_.unattended(std::move(message));
  }
}

// Nobody waits for the call any more: what its threads were to run goes elsewhere.
void Session::reroute(Call& call) noexcept {
  if (call.nested_.empty()) return;
  Inbox left;
  left.swap(call.nested_);
  try {
    for (Message& request : left) {
      if (!closed_) dispatch_request(std::move(request));
    }
  } catch (const std::exception& error) {
    close_locked(error.what());
  }
}

// The server may be the very thread that is about to wait: what was asked under the call before it could be waited for
// must not stay in the server's inbox.
void Session::fetch_strays(Call& call) noexcept {
  if (strays_ == 0 || call.state_ != Call::State::waiting) return;
  try {
    for (auto request = server_inbox_.begin(); request != server_inbox_.end();) {
      if (request->as<wire::Request>()->under() == call.id_) {
        push(call.nested_, std::move(*request));
        request = server_inbox_.erase(request);
        --strays_;
      } else {
        ++request;
      }
    }
  } catch (const std::exception& error) {
    close_locked(error.what());
  }
}

void Session::dispatch_answer(std::uint64_t id, Message&& message, bool more) {
  if (Call* call = calls_.find(id)) {
    if (more && !call->many_) throw BadMessage("several answers to a call that has one");
    if (call->many_) {
      if (message.kind() == wire::MessageKind::Failure) {  // it is what there is to know now
        for (Message& answer : call->answers_) discarded_.push_back(std::move(answer));
        call->answers_.clear();
      }
      push(call->answers_, std::move(message));
    } else {
      call->answer_ = std::move(message);
    }
    if (more) return notify(*call);
    calls_.remove(*call);
    settle(*call, Call::State::answered);
    return;
  }
  const auto given_up = abandoned_.find(id);
  if (given_up == abandoned_.end()) throw BadMessage("an answer to a call that nobody asked");
  if (given_up->second) release_object(id);
  if (!more) abandoned_.erase(given_up);
  discarded_.push_back(std::move(message));
}

void Session::dispatch_release(const wire::Release& release) {
  if (release.blocks() != nullptr) {
    for (const auto* block : *release.blocks()) {
      ledger_->released({block->arena_high(), block->arena_low(), block->arena_pid()}, block->generation(),
                        block->count());
    }
  }
  if (release.segments() != nullptr) {
    for (const std::uint32_t segment : *release.segments()) ledger_->retired(peer_arena_, segment);
  }
  if (release.objects() != nullptr || release.callables() != nullptr) {
    side_.released(release);
    housekeeping_ = true;
  }
}

// An answered Call may be gone as soon as the lock is, or as soon as settled() has told somebody.
void Session::settle(Call& call, Call::State state) noexcept {
  call.state_ = state;
  notify(call);
  call.settled();
}

void Session::notify(Call& call) noexcept {
  for (Waiter* waiter = call.waiting_; waiter != nullptr; waiter = waiter->next) wake(*waiter);
}

void Session::notify_server() noexcept {
  if (server_ != nullptr) wake(*server_);
}

void Session::discard_unwanted(Lock& lock) noexcept {
  if (discarded_.empty()) return;
  std::vector<Message> unwanted;
  unwanted.swap(discarded_);
  lock.unlock();
  for (const Message& message : unwanted) side_.discard(message);
  lock.lock();
}

}  // namespace py4cpp
