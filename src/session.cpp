#include "session.hpp"

#include "high_descriptor.hpp"
#include "session_parts.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include <unistd.h>

namespace py4cpp {

namespace {

using namespace std::chrono_literals;

constexpr auto release_delay = 50ms;
// Who waits in a stream waits for the other side's work on one element, and wakes up only when there is another one: in
// a virtual machine that takes 50 to 300 microseconds, many elements' time.
constexpr int stream_spins = 3;
constexpr std::chrono::microseconds longest_held{3};  // that other threads of Python may wait for us to spin

}  // namespace

std::shared_ptr<Session> Session::make(Side& side, std::unique_ptr<Channel> channel, std::shared_ptr<Arena> arena,
                                       const Options& options) {
  std::shared_ptr<Session> session(new Session(side, std::move(channel), arena, options));
  session->ledger_->on_release([weak = session->weak_from_this()] {
    if (const auto alive = weak.lock()) alive->attend_release();
  });
  session->ledger_->meet(options.peer_arena);
  arena->observe(session);
  return session;
}

Session::Session(Side& side, std::unique_ptr<Channel> channel, const std::shared_ptr<Arena>& arena,
                 const Options& options)
    : side_(side),
      channel_(std::move(channel)),
      peer_arena_(options.peer_arena),
      ledger_(std::make_shared<BlockLedger>(arena)),
      wake_(options.guard_descriptors ? move_high_if_possible(make_eventfd()) : make_eventfd()),
      has_server_(options.has_server),
      guard_descriptors_(options.guard_descriptors),
      spin_(options.spin),
      stream_spin_(stream_spins * options.spin),
      held_spin_(std::min(options.spin, longest_held)) {}

Session::~Session() {
  close("the session has ended");
  ::close(wake_);
}

// ---- asking

void Session::start(Call& call, std::span<const wire::Step> steps, wire::Want want, bool keep,
                    const ValueWriter& values, Sending sending) {
  const std::uint64_t under = current();
  check_message_size(values);

  Lock lock(mutex_);
  const RequestMessage message{{next_id(), under, steps, want, keep}, values};
  const bool alone = calls_.size() == 0;
  send(call, keep, message);
  if (sending == Sending::now || alone || channel_->queued() > batch_size) {
    flush();
  } else {
    attend_soon(batch_delay);
  }
  if (channel_->queued() > max_queued) drain(lock, max_queued / 2);
}

Session::Outcome Session::ask(Call& call, std::span<const wire::Step> steps, wire::Want want, bool keep,
                              ValueWriter& values, Deadline deadline) {
  const std::uint64_t under = current();
  check_message_size(values);

  Lock lock(mutex_);
  const RequestMessage message{{next_id(), under, steps, want, keep}, values};
  send(call, keep, message);
  if (!values.blocks().empty()) {  // the last use of one may be here, and the end of a block calls back
    flush();
    lock.unlock();
    values.drop_blocks();
    lock.lock();
  }
  return wait(lock, call, deadline);
}

// The call is in calls_ and its message queued, or neither.
void Session::send(Call& call, bool keep, const RequestMessage& message) {
  assert(call.state_ != Call::State::waiting);
  if (closed_) throw Error(ErrorKind::disconnected, problem_.empty() ? "the other side has ended" : problem_);
  call.id_ = message.head.id;
  call.keep_ = keep;
  calls_.insert(call);
  call.state_ = Call::State::waiting;
  try {
    queue_call(message);
  } catch (...) {
    if (call.state_ == Call::State::waiting) calls_.remove(call);
    call.state_ = Call::State::idle;
    throw;
  }
  count(activity_);
}

Session::Outcome Session::wait(Call& call, Deadline deadline) {
  Lock lock(mutex_);
  fetch_strays(call);
  return wait(lock, call, deadline);
}

Session::Outcome Session::wait(Call& call, const std::atomic<bool>& stop) {
  Lock lock(mutex_);
  fetch_strays(call);
  return wait(lock, call, std::nullopt, &stop);
}

bool Session::answered(const Call& call) const {
  const Lock lock(mutex_);
  return call.state_ != Call::State::waiting || !call.answers_.empty();
}

Message Session::next_answer(Call& call) noexcept {
  const Lock lock(mutex_);
  if (call.answers_.empty()) return {};
  Message answer = std::move(call.answers_.front());
  call.answers_.pop_front();
  return answer;
}

bool Session::abandon(Call& call) noexcept {
  const Lock lock(mutex_);
  if (call.state_ != Call::State::waiting) return false;
  calls_.remove(call);
  call.state_ = Call::State::idle;
  abandoned_.emplace(call.id_, call.keep_);
  notify(call);
  return true;
}

// ---- what leaves

template <class Message>
void Session::queue_call(const Message& message) {
  if (channel_->queued() == 0) queue_releases();  // those of a batch go together, with it
  const std::size_t size = message.size();
  channel_->make_room(size);
  try {
    for (const auto& block : message.values.blocks()) ledger_->lend(block);
  } catch (const std::exception& error) {  // some are lent in vain, and nothing can tell the other side
    close_locked(error.what());
    throw;
  }
  message.write(channel_->queue(Message::kind, size));
}

void Session::queue(const MessageBytes& message) {
  queue_releases();
  channel_->queue(message);
}

void Session::queue_releases() {
  if (!has_releases()) return;
  {
    const std::lock_guard lock(release_mutex_);
    std::swap(releases_, sending_);
    release_pending_.store(false, std::memory_order_relaxed);
  }
  ledger_->take_releases(released_blocks_);
  for (const auto& block : released_blocks_) {
    sending_.blocks.emplace_back(block.arena.high, block.arena.low, block.generation, block.count, block.arena.pid);
  }
  released_blocks_.clear();
  if (sending_.empty()) return;
  const ReleaseMessage message{sending_};
  const std::size_t size = message.size();
  channel_->make_room(size);
  message.write(channel_->queue(ReleaseMessage::kind, size));
  sending_.clear();
}

// Queues them, if there are any; the next flush() sends them.
void Session::release_now() noexcept {
  if (closed_) return;
  try {
    queue_releases();
  } catch (const std::exception& error) {
    close_locked(error.what());
  }
}

// Writes what the pipe takes. What is left is the leader's to write; if nobody leads, the service thread's, unless this
// thread is about to lead itself (`leading`).
void Session::flush(bool leading) noexcept {
  if (closed_ || channel_->queued() == 0) return;
  release_now();
  if (closed_) return;
  if (guard_descriptors_ && !channel_->writes_its_own()) return close_locked(replaced_descriptors);
  bool all = false;
  try {
    all = channel_->flush();
  } catch (const std::exception& error) {
    return close_locked(error.what());
  }
  if (draining_ > 0) wake_drained();
  if (all || leading) return;
  if (leader_ != nullptr) {
    if (!polling_writes_) wake_leader();
  } else {
    attend_soon(0us);
  }
}

void Session::attend_soon(std::chrono::microseconds within) noexcept {
  batching_ = true;
  if (attended_ && *attended_ <= within) return;
  attended_ = within;
  side_.attend(within);
}

void Session::reply(std::uint64_t id, const ValueWriter& values, bool more) {
  check_message_size(values);
  const Lock lock(mutex_);
  if (closed_) return;
  queue_call(ReplyMessage{id, values, more});
  if (channel_->queued() > answers_size || !more_to_run()) flush();
  if (more) count(activity_);  // nobody need look after a channel in constant use
}

void Session::failure(std::uint64_t id, const std::vector<WireException>& exceptions) {
  const Lock lock(mutex_);
  if (!closed_) queue(builder_.failure(id, exceptions));
}

void Session::print(wire::Stream stream, std::string_view text) {
  Lock lock(mutex_);
  if (closed_) return;
  queue(builder_.output(stream, text));
  flush();
  if (channel_->queued() > max_unprinted) drain(lock, max_unprinted / 2);
}

// ---- what was released: noted by any thread, at any time, in destructors

template <class Note>
void Session::note_release(Note note) noexcept {
  {
    const std::lock_guard lock(release_mutex_);
    note(releases_);
    if (release_pending_.exchange(true, std::memory_order_release)) return;  // somebody has been told
  }
  attend_release();
}

void Session::release_object(std::uint64_t id) noexcept {
  note_release([&](ReleaseBatch& batch) { batch.objects.push_back(id); });
}

void Session::release_callable(std::uint64_t id, std::uint64_t count) noexcept {
  note_release([&](ReleaseBatch& batch) { batch.callables.emplace_back(id, count); });
}

void Session::retired(std::uint32_t segment) noexcept {
  note_release([&](ReleaseBatch& batch) { batch.segments.push_back(segment); });
}

// The side may be gone once the session is closed, but handles, blocks and the arena still call.
void Session::attend_release() noexcept {
  const std::lock_guard lock(hook_mutex_);
  if (!hooks_off_) side_.attend(release_delay);
}

void Session::send_released() noexcept {
  if (!has_releases()) return;
  const Lock lock(mutex_);
  release_now();
  flush();
}

void Session::service() noexcept {
  const Lock lock(mutex_);
  service_locked();
}

bool Session::service_on_time() noexcept {
  const Lock lock(mutex_);
  service_locked();
  if (closed_ || !std::exchange(batching_, false)) return false;
  if (!attended_) attended_ = batch_delay;
  return true;
}

void Session::service_locked() noexcept {
  if (closed_) return;
  attended_.reset();
  release_now();
  flush();
  wake_stopped();
}

void Session::say_bye() noexcept {
  const Lock lock(mutex_);
  if (closed_) return;
  try {
    queue(builder_.bye());
  } catch (const std::exception& error) {
    return close_locked(error.what());
  }
  flush();
}

// ---- the end

void Session::close(const std::string& problem) noexcept {
  const Lock lock(mutex_);
  close_locked(problem);
}

void Session::close_locked(const std::string& problem) noexcept {
  if (closed_) return;
  closed_ = true;
  problem_ = problem;
  while (Call* call = calls_.any()) {
    calls_.remove(*call);
    settle(*call, Call::State::lost);
  }
  for (Waiter* waiter = waiters_; waiter != nullptr; waiter = waiter->after) wake(*waiter);
  {
    const std::lock_guard lock(hook_mutex_);
    hooks_off_ = true;
  }
  side_.closed(problem);
}

bool Session::closed() const {
  const Lock lock(mutex_);
  return closed_;
}

std::string Session::problem() const {
  const Lock lock(mutex_);
  return problem_;
}

std::uint64_t Session::oldest_call() const {
  const Lock lock(mutex_);
  std::uint64_t oldest = 0;
  calls_.for_each([&](const Call& call) {
    if (oldest == 0 || call.id_ < oldest) oldest = call.id_;
  });
  return oldest;
}

}  // namespace py4cpp
