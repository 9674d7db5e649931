#include "session_fixture.hpp"

#include <csignal>
#include <stdexcept>
#include <utility>

namespace py4cpp::test {

namespace {

thread_local const Worker* interpreter_of = nullptr;  // whose interpreter this thread holds

ArenaId other_arena(const Endpoint& other) { return other.arena->id(); }

}  // namespace

// ---- Endpoint

Endpoint::Endpoint() : arena(std::make_shared<Arena>()) {}

void Endpoint::start(Session::Call& call, const ValueWriter& values, Session::Sending sending, bool keep) {
  const wire::Step step(wire::Op::call, 0, 0);
  session->start(call, {&step, 1}, wire::Want::value, keep, values, sending);
}

void Endpoint::start(Session::Call& call, std::string_view name, std::initializer_list<std::int64_t> arguments,
                     Session::Sending sending, bool keep) {
  ValueWriter values;
  values.string(name);
  for (const std::int64_t argument : arguments) values.integer(argument);
  start(call, values, sending, keep);
}

std::int64_t Endpoint::finish(Session::Call& call, Session::Deadline deadline) {
  const auto outcome = session->wait(call, deadline);
  if (outcome == Session::Outcome::timed_out && session->abandon(call)) throw TimedOut("a test's call");
  const Message answer = call.take_answer();
  if (answer.empty()) throw Error(ErrorKind::disconnected, session->problem());
  if (const auto* failure = answer.as<wire::Failure>()) {
    ValueReader texts(*failure);
    texts.expect_string();
    throw std::runtime_error(std::string(texts.expect_string()));
  }
  EXPECT_EQ(answer.as<wire::Reply>()->id(), call.id());
  return ValueReader(*answer.as<wire::Reply>()).next().integer();
}

std::int64_t Endpoint::ask(std::string_view name, std::initializer_list<std::int64_t> arguments,
                           Session::Deadline deadline) {
  ValueWriter values;
  values.string(name);
  for (const std::int64_t argument : arguments) values.integer(argument);
  const wire::Step step(wire::Op::call, 0, 0);
  TestCall call;
  session->ask(call, {&step, 1}, wire::Want::value, false, values, deadline);
  return finish(call, deadline);
}

void Endpoint::check_may_run_user_code() const {
  // Deadlocks if this thread held the session's lock.
  static_cast<void>(session->closed());
}

void Endpoint::serve(const wire::Request& request) noexcept {
  check_may_run_user_code();
  EXPECT_EQ(session->current(), request.id());
  jitter();
  try {
    ValueWriter result;
    try {
      ValueReader arguments(request);
      const std::string_view name = arguments.expect_string();
      const auto handler = handlers_.find(name);
      if (handler == handlers_.end()) throw std::runtime_error("no handler " + std::string(name));
      handler->second(arguments, result);
      if (result.nodes().empty()) result.none();
    } catch (const std::exception& error) {
      WireException exception;
      exception.type = "RuntimeError";
      exception.message = error.what();
      ++served;  // who is answered may look
      return session->failure(request.id(), {exception});
    }
    ++served;
    session->reply(request.id(), result);
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
}

void Endpoint::released(const wire::Release& release) {
  jitter();
  const std::lock_guard lock(mutex_);
  if (release.objects() != nullptr) objects_noted_ += release.objects()->size();
  if (release.callables() != nullptr) {
    for (const auto* callable : *release.callables()) callables_noted_ += callable->count();
  }
}

void Endpoint::housekeep() noexcept {
  check_may_run_user_code();
  const std::lock_guard lock(mutex_);
  objects_released += std::exchange(objects_noted_, 0);
  callables_released += std::exchange(callables_noted_, 0);
  ++housekeepings;
}

void Endpoint::print(wire::Stream, std::string_view text) noexcept {
  check_may_run_user_code();
  jitter();
  if (on_print) on_print(text);
}

void Endpoint::discard(const Message& answer) noexcept {
  jitter();
  ++discarded;
  if (answer.kind() != wire::MessageKind::Reply) return;
  ValueReader values(*answer.as<wire::Reply>());
  while (!values.done()) {
    const auto node = values.next();
    if (node.kind == wire::Kind::array) static_cast<void>(session->ledger().borrow(values.array().block));
    if (node.kind == wire::Kind::string) values.text(node);
  }
}

void Endpoint::attend(std::chrono::microseconds within) noexcept {
  jitter();
  service.attend(within);
}

void Endpoint::lead_is_free() noexcept {
  jitter();
  service.lead_is_free();
}

void Endpoint::closed(const std::string&) noexcept { ++closings; }

void Endpoint::hold(const std::shared_ptr<Block>& block) {
  const std::lock_guard lock(mutex_);
  held_.push_back(block);
}

void Endpoint::drop_held() {
  std::vector<std::shared_ptr<Block>> dropped;
  const std::lock_guard lock(mutex_);
  dropped.swap(held_);
}

// ---- the two sides

void Host::unattended(Message request) {
  ++unattended_requests;
  executor.post([this, message = std::make_shared<Message>(std::move(request))] { session->run(std::move(*message)); });
}

void Host::output_waiting() noexcept {
  executor.post([this] { session->drain_output(); });
}

void Worker::unattended(Message) { ADD_FAILURE() << "the worker has a server"; }

void Worker::output_waiting() noexcept { ADD_FAILURE() << "nobody prints to the worker"; }

void Worker::suspend() noexcept {
  EXPECT_EQ(interpreter_of, this);
  jitter();
  interpreter_of = nullptr;
  interpreter_.unlock();
  jitter();
}

void Worker::resume() noexcept {
  EXPECT_EQ(interpreter_of, nullptr);
  jitter();
  interpreter_.lock();
  interpreter_of = this;
  jitter();
}

void Worker::check_may_run_user_code() const {
  EXPECT_EQ(interpreter_of, this);
  Endpoint::check_may_run_user_code();
}

// ---- Pair

Pair::Pair(const PairOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);  // as Python does
  set_jitter(options.seed);
  auto [worker_reads, host_writes] = make_pipe(options.pipe_size);
  auto [host_reads, worker_writes] = make_pipe(options.pipe_size);
  if (options.relayed) {
    auto [next_worker_reads, relay_writes_down] = make_pipe(options.pipe_size);
    auto [next_host_reads, relay_writes_up] = make_pipe(options.pipe_size);
    relays_.push_back(
        std::make_unique<Relay>(std::exchange(worker_reads, next_worker_reads), relay_writes_down, options.seed + 1));
    relays_.push_back(
        std::make_unique<Relay>(std::exchange(host_reads, next_host_reads), relay_writes_up, options.seed + 2));
  }
  Session::Options settings;
  settings.spin = options.spin;
  settings.peer_arena = other_arena(worker);
  host.session = Session::make(host, std::make_unique<Channel>(host_reads, host_writes), host.arena, settings);
  settings.peer_arena = other_arena(host);
  settings.has_server = true;
  settings.guard_descriptors = true;
  worker.session =
      Session::make(worker, std::make_unique<Channel>(worker_reads, worker_writes), worker.arena, settings);
  host.service.start(*host.session, options.host_leads);
  worker.service.start(*worker.session, false);
  if (options.serving) start_server();
}

void Pair::start_server() {
  worker.server = std::thread([this] {
    const Worker::Interpreter held(worker);
    worker.session->serve_until_closed();
  });
}

void Pair::stop() {
  if (std::exchange(stopped_, true)) return;
  host.session->say_bye();
  if (host.session->closed()) worker.session->close("the test has ended");
  if (worker.server.joinable()) worker.server.join();
  host.session->close("the test has ended");
  worker.session->close("the test has ended");
  host.service.stop();
  worker.service.stop();
  host.executor.finish();
  host.drop_held();
  worker.drop_held();
  host.session->ledger().close(true);
  worker.session->ledger().close(true);
  host.session.reset();
  worker.session.reset();
  relays_.clear();
  set_jitter(0);
}

}  // namespace py4cpp::test
