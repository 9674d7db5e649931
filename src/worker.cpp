#include "worker.hpp"

#include "arena.hpp"
#include "async_call.hpp"
#include "failure_codec.hpp"
#include "guards.hpp"
#include "interrupt_signal.hpp"
#include "worker_writing.hpp"

#include <py4cpp/error.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include <unistd.h>

namespace py4cpp {

namespace {

using namespace std::chrono_literals;

constexpr auto death_patience = 5s;  // from a closed channel to the end of the process

wire::Step to_wire(const Step& step) { return {static_cast<wire::Op>(step.op), step.positional, step.named}; }

// A request's, as they travel.
class WireSteps {
 public:
  explicit WireSteps(std::span<const Step> steps) : count_(steps.size()) {
    if (count_ > few_.size()) many_.resize(count_);
    std::transform(steps.begin(), steps.end(), count_ > few_.size() ? many_.data() : few_.data(), to_wire);
  }
  operator std::span<const wire::Step>() const noexcept {
    return {count_ > few_.size() ? many_.data() : few_.data(), count_};
  }

 private:
  std::array<wire::Step, 4> few_;
  std::vector<wire::Step> many_;
  std::size_t count_;
};

Followed followed_in(const Request& request) {
  Followed found;
  for (const Value& value : request.values) {
    const Object* object = value.get_if<Object>();
    if (object == nullptr || object->get() == nullptr || object->get()->form() != ObjectState::Form::other) continue;
    if (auto followed = std::dynamic_pointer_cast<FollowedObject>(object->state()))
      found.push_back(std::move(followed));
  }
  return found;
}

static_assert(static_cast<int>(wire::Op::delete_item) == static_cast<int>(Op::delete_item));
static_assert(static_cast<int>(wire::Want::nothing) == static_cast<int>(Want::nothing));

}  // namespace

// ---- start and end

std::shared_ptr<Worker> Worker::start(const Config& config, const void* python) {
  // Convert knows no worker, so what is large and how much memory there is are the process's: the first Config says.
  static const bool configured = [&] {
    configure_process_arena({config.shared_memory_limit, config.cache_limit});
    set_inline_limit(config.inline_limit);
    return true;
  }();
  static_cast<void>(configured);
  Launched launched = launch(config, process_arena()->id());
  const std::string early = std::move(launched.stderr_text);
  std::shared_ptr<Worker> worker(new Worker(config, python, std::move(launched)));
  worker->attendant_storage_ =
      std::make_unique<Attendant>(static_cast<Attendant::Client&>(*worker), worker->process_, *worker->session_);
  worker->attendant_.store(worker->attendant_storage_.get());
  if (!early.empty()) worker->wrote(wire::Stream::err, early);
  return worker;
}

Worker::Worker(const Config& config, const void* python, Launched launched)
    : config_(config), python_(python), hello_(std::move(launched.hello)), process_(std::move(launched.process)) {
  Session::Options options;
  options.spin = config.spin;
  options.peer_arena = {hello_.arena_high, hello_.arena_low, hello_.pid};
  session_ = Session::make(*this, std::move(launched.channel), process_arena(), options);
}

Worker::~Worker() {
  if (!made_in_.same_process()) {  // a forked child: the threads and the process are not ours
    if (attendant_storage_) attendant_storage_->forget();
    return;
  }
  stop();
}

bool Worker::alive() const {
  const std::lock_guard lock(mutex_);
  return made_in_.same_process() && !exit_ && !stopping_;
}

void Worker::stop() noexcept {
  if (!made_in_.same_process()) return;
  std::unique_lock lock(mutex_);
  stopping_ = true;
  const auto ended = [&] { return exit_.has_value(); };
  if (!exit_ && attendant_.load() != nullptr) {
    const auto watchers = watchers_;
    lock.unlock();
    exports_.worker_stops();
    for (const auto& watcher : watchers) {
      if (const auto living = watcher.lock()) living->worker_stops();
    }
    session_->say_bye();
    lock.lock();
    const auto wait = [&](auto time) { return changed_.wait_for(lock, time, ended); };
    if (config_.stop_timeout.count() == 0) {
      changed_.wait(lock, ended);
    } else if (!wait(config_.stop_timeout)) {
      process_.kill(SIGTERM);
      if (!wait(500ms)) process_.kill(SIGKILL);
      wait(death_patience);
    }
  }
  // Callbacks still running refer to what their owner is about to destroy. One that stops its own worker isn't waited
  // for.
  if (session_->current() == 0) {
    callbacks_awaited_.store(true);
    changed_.wait_for(lock, death_patience, [&] { return callbacks_.load() == 0; });
  }
  lock.unlock();
  {
    const std::lock_guard joining(joining_);
    if (attendant_storage_) attendant_storage_->join();
  }
  if (!in_handler()) printing_.wait_until_idle();
  exports_.clear_callables();
}

void Worker::ended(const Process::Exit& exit) noexcept {
  session_->close("");
  session_->ledger().close(true);
  std::vector<std::weak_ptr<EndWatcher>> watchers;
  std::unordered_map<std::uint64_t, Held> calls, answers;  // they refer to us
  {
    const std::lock_guard lock(held_mutex_);
    calls.swap(held_calls_);
    answers.swap(held_answers_);
  }
  calls.clear();
  answers.clear();
  {
    const std::lock_guard lock(mutex_);
    exit_ = exit;
    watchers.swap(watchers_);
    changed_.notify_all();
  }
  for (const auto& watcher : watchers) {
    if (const auto living = watcher.lock()) living->worker_ended();
  }
}

void Worker::watch_end(std::weak_ptr<EndWatcher> watcher) {
  {
    const std::lock_guard lock(mutex_);
    if (!exit_) {
      std::erase_if(watchers_, [](const auto& known) { return known.expired(); });
      watchers_.push_back(std::move(watcher));
      return;
    }
  }
  if (const auto living = watcher.lock()) living->worker_ended();
}

void Worker::throw_died(std::string what) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, death_patience, [&] { return exit_.has_value(); });
  const auto exit = exit_.value_or(Process::Exit{});
  what += stopping_ ? "the Python worker has been stopped" : "the Python worker died";
  if (const std::string problem = session_->problem(); !problem.empty()) what += ": " + problem;
  throw WorkerDied(what, exit.code, exit.signal, stderr_tail_);
}

// ---- asking

void Worker::check_usable() const {
  if (!made_in_.same_process()) {
    throw Error(ErrorKind::invalid,
                "this process was forked from the one that started the Python worker: start one here");
  }
}

// Hands the request, encoded, to `send`, which gives it to the session.
template <class Send>
auto Worker::send(const Request& request, Held* held, Send send) {
  check_usable();
  Writing writing(*this);
  encode(request, *writing, *this, held);
  try {
    const auto result = send(WireSteps(request.steps), static_cast<wire::Want>(request.want), *writing);
    writing.sent();
    return result;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::disconnected) throw_died();
    throw;
  }
}

void Worker::start_call(Session::Call& call, const Request& request, bool keep, Session::Sending sending, Held* held) {
  send(request, held, [&](const WireSteps& steps, wire::Want want, ValueWriter& values) {
    session_->start(call, steps, want, keep, values, sending);
    return true;
  });
}

Session::Deadline Worker::time_limit() const { return guards::deadline(python_); }

Session::Deadline Worker::deadline() const {
  Session::Deadline earliest = time_limit();
  if (config_.timeout.count() > 0) {
    const auto own = detail::time_after<Session::Clock>(config_.timeout);
    if (!earliest || own < *earliest) earliest = own;
  }
  return earliest;
}

bool Worker::wait(const std::atomic<bool>& stop, Session::Deadline deadline) {
  check_usable();
  return session_->wait(stop, deadline);
}

Value Worker::run(const Request& request) {
  const Followed followed = followed_in(request);
  if (followed.empty()) return ask(request);
  for (const auto& object : followed) object->call_started();
  try {
    Value result = ask(request);
    for (const auto& object : followed) object->call_ended(nullptr);
    return result;
  } catch (...) {
    for (const auto& object : followed) object->call_ended(std::current_exception());
    throw;
  }
}

Value Worker::ask(const Request& request) {
  Session::Call call;
  const auto limit = deadline();
  if (limit && *limit <= Session::Clock::now()) {
    throw TimedOut("the time limit had passed before the call: it was not made");
  }
  Held held;  // without a limit the caller's arguments outlive the call
  const auto asking = [&](const WireSteps& steps, wire::Want want, ValueWriter& values) {
    return session_->ask(call, steps, want, request.want == Want::object, values, limit);
  };
  switch (send(request, limit ? &held : nullptr, asking)) {
    case Session::Outcome::answered:
      return result_of(call.answer());
    case Session::Outcome::timed_out:
      give_up(call, std::move(held));
    case Session::Outcome::closed:
      break;
  }
  throw_died();
}

void Worker::give_up(Session::Call& call, Held held) {
  if (abandon(call, std::move(held))) {
    interrupt(call.id());
  } else if (const Message late = call.take_answer(); !late.empty()) {
    discard(late);
    session_->release_object(call.id());
  }
  throw TimedOut("the call took longer than its time limit; it has been interrupted");
}

bool Worker::abandon(Session::Call& call, Held held) {
  const std::uint64_t id = call.id();
  hold(held_calls_, id, std::move(held));  // first: discard() lets go of them when the answer comes
  const bool abandoned = session_->abandon(call);
  if (!abandoned) let_go(held_calls_, id);
  return abandoned;
}

void Worker::hold(std::unordered_map<std::uint64_t, Held>& where, std::uint64_t id, Held held) {
  if (held.empty()) return;
  const std::lock_guard lock(held_mutex_);
  where[id] = std::move(held);
}

void Worker::let_go(std::unordered_map<std::uint64_t, Held>& where, std::uint64_t id) noexcept {
  Held held;  // destroyed after the lock
  const std::lock_guard lock(held_mutex_);
  if (const auto found = where.find(id); found != where.end()) {
    held = std::move(found->second);
    where.erase(found);
  }
}

std::shared_ptr<PendingCall> Worker::run_async(const Request& request) {
  Followed followed = followed_in(request);
  for (const auto& object : followed) object->call_started();
  try {
    // What is given a feed leaves at once: what the caller does next is to fill it, and Python could begin.
    const auto sending = followed.empty() ? Session::Sending::batched : Session::Sending::now;
    auto call = std::make_shared<AsyncCall>(shared_from_this(), request, sending);
    if (!followed.empty()) call->follow(followed);
    return call;
  } catch (...) {
    for (const auto& object : followed) object->call_ended(std::current_exception());
    throw;
  }
}

Value Worker::result_of(const Message& answer) {
  try {
    if (const auto* reply = answer.as<wire::Reply>()) {
      ValueReader reader(*reply);
      return reader.roots() == 0 ? Value() : decode(reader, *this);
    }
    std::rethrow_exception(decode_failure(*answer.as<wire::Failure>(), *this, exports_));
  } catch (const BadMessage& error) {
    session_->close(error.what());
    throw;
  }
}

void Worker::interrupt(std::uint64_t call_id) noexcept {
  if (made_in_.same_process()) process_.queue_signal(interrupt_signal(), call_id);
}

void Worker::interrupt_oldest() noexcept {
  if (const std::uint64_t id = session_->oldest_call(); id != 0) interrupt(id);
}

void Worker::release(std::uint64_t id) noexcept {
  if (!made_in_.same_process()) return;
  live_objects_.fetch_sub(1, std::memory_order_relaxed);
  session_->release_object(id);
}

bool Worker::keeps_results() const noexcept { return guards::keeps_results(python_, session_->current()); }

Stats Worker::host_stats() const {
  Stats stats;
  stats.calls = session_->calls_started();
  stats.arrays_shared = arrays_shared_.load();
  stats.arrays_copied = arrays_copied_.load();
  stats.bytes_shared = bytes_shared_.load();
  stats.bytes_copied = bytes_copied_.load();
  stats.live_objects = live_objects_.load();
  stats.live_segments = process_arena()->stats().live_segments;
  return stats;
}

}  // namespace py4cpp
