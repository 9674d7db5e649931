#include "server.hpp"

#include "from_wire.hpp"
#include "pooled_writer.hpp"
#include "stack_room.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include <unistd.h>

namespace py4cpp {

namespace {

using namespace std::chrono_literals;

constexpr int exit_broken = 70;
constexpr auto host_is_dying = 1s;  // the time between its descriptors and the process itself, on a busy machine
constexpr const char* session_ended = "the C++ program ended the session while Python waited for it";
constexpr auto longest_ending = 2s;  // once the host has closed the channel; also for what is left to send at the end

thread_local PyThreadState* suspended = nullptr;

// What a reader has left when a request is over is given back, whatever happened.
class Rest {
 public:
  Rest(ValueReader& reader, Conversion& conversion) : reader_(reader), conversion_(conversion) {}
  ~Rest() {
    if (!reader_.done()) discard_rest(reader_, conversion_);
  }
  Rest(const Rest&) = delete;
  Rest& operator=(const Rest&) = delete;

 private:
  ValueReader& reader_;
  Conversion& conversion_;
};

// An answer that names Python objects: the host keeps them until it hears that the answer has been taken.
class Digested {
 public:
  Digested(Session& session, const Message& answer) : session_(session) {
    const auto* failure = answer.as<wire::Failure>();
    const auto* reply = answer.as<wire::Reply>();
    if (failure != nullptr && failure->exceptions() != nullptr) {
      for (const auto* exception : *failure->exceptions()) named_ = named_ || exception->object() != 0;
    }
    if (reply != nullptr && reply->nodes() != nullptr) {
      for (const auto* node : *reply->nodes()) named_ = named_ || node->kind() == wire::Kind::object;
    }
    id_ = reply != nullptr ? reply->id() : failure->id();
  }
  ~Digested() {
    if (named_) session_.release_object(id_);
  }
  Digested(const Digested&) = delete;
  Digested& operator=(const Digested&) = delete;

 private:
  Session& session_;
  std::uint64_t id_ = 0;
  bool named_ = false;
};

}  // namespace

class Server::Bridge final : public Conversion {
 public:
  Bridge(Server& server, const HelloInfo& host, std::shared_ptr<Arena> own)
      : Conversion(server.objects_, server.session_->ledger(), std::move(own), host.inline_limit), server_(server) {}

  Ref make_callable(std::uint64_t id, Ref face) override { return server_.references_.make(id, face); }
  void drop_callable(std::uint64_t id) noexcept override { server_.release_callable(id, 1); }
  std::optional<std::uint64_t> callable_id(PyObject* object) const noexcept override {
    return HostReferences::id_of(object);
  }

 private:
  Server& server_;
};

Server::Server(std::unique_ptr<Channel> channel, const HelloInfo& host, std::shared_ptr<Arena> arena,
               Watchdog& watchdog)
    : watchdog_(watchdog) {
  Session::Options options;
  options.spin = std::chrono::microseconds(host.spin);
  options.peer_arena = {host.arena_high, host.arena_low, host.pid};
  options.has_server = true;
  options.guard_descriptors = true;
  session_ = Session::make(*this, std::move(channel), arena, options);
  bridge_ = std::make_unique<Bridge>(*this, host, std::move(arena));
  conversion_ = bridge_.get();
  watchdog_.serve(*session_);
}

Server::~Server() = default;

std::string Server::run() {
  session_->serve_until_closed();
  std::string problem = session_->problem();
  if (session_->closed() && problem.empty()) {  // the host closed the channel, most likely by dying
    const GilRelease others_may_run;
    watchdog_.end_with_host(host_is_dying);
  }
  return problem;
}

// Daemon threads of Python live on until the process ends. The interpreter ends those that want the GIL by unwinding
// their stacks, which C++ frames don't survive; so they wait for the end of the process instead.
void Server::ending() noexcept {
  static const std::thread::id main_thread = main_thread_;
  static const std::terminate_handler before = std::get_terminate();
  std::set_terminate([] {
    if (std::this_thread::get_id() != main_thread) {
      for (;;) pause();
    }
    before();
  });
  ending_.store(true);
  objects_.clear();
  session_->service();
  const auto deadline = Session::Clock::now() + longest_ending;
  const auto busy = [&] { return resuming_.load() > 0 || (watchdog_.sending() && !session_->closed()); };
  while (busy() && Session::Clock::now() < deadline) {
    const GilRelease others_may_run;
    std::this_thread::sleep_for(200us);
  }
  session_->ledger().close(false);  // what the host still uses is left to it; the rest of our names goes with us
}

// ---- what the host asks

void Server::serve(const wire::Request& request) noexcept {
  ActiveCall active(request.id());
  try {
    active.start();
    check_stack_room();
    ValueReader values(request);
    const Rest rest(values, *conversion_);
    const Ref result = steps_.run(request, values, *conversion_);
    answer(request, result, active);
    return;
  } catch (const PythonRaised&) {
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::bug) {  // what no sane host sends
      PyErr_Clear();
      return session_->close(error.what());
    }
    set_python_error();
  } catch (const std::exception&) {
    set_python_error();
  }
  active.end();
  fail(request, take_exception());
}

void Server::answer(const wire::Request& request, const Ref& result, ActiveCall& active) {
  PooledWriter writer(*conversion_);
  switch (request.want()) {
    case wire::Want::value:
      to_wire(result.get(), *writer, *conversion_);
      break;
    case wire::Want::object:
      writer->object(request.keep() ? request.id() : objects_.add(result));
      break;
    case wire::Want::nothing:
      break;
    default:
      throw BadMessage("a request that wants something unknown");
  }
  active.end();
  if (!made_in_.same_process()) leave_child(nullptr);
  if (request.keep()) objects_.keep(request.id(), result);
  session_->reply(request.id(), *writer);
  writer.sent();
}

void Server::fail(const wire::Request& request, const Ref& exception) noexcept {
  if (!made_in_.same_process()) leave_child(exception.get());
  try {
    if (request.keep()) objects_.keep_exception(request.id(), exception);
    FailureReport report(exception, objects_);
    try {
      return session_->failure(request.id(), report.exceptions());
    } catch (const std::exception&) {
      report.take_back();
    }
  } catch (const PythonRaised&) {
    PyErr_Clear();
  } catch (const std::exception&) {
  }
  try {
    session_->failure(request.id(), FailureReport::minimal(exception.get()));
  } catch (const std::exception&) {
    _exit(exit_broken);  // a host that got no answer would wait for ever
  }
}

// A child that Python code forked has come back to where the parent goes on: it has no part in the session, and ends as
// a script would.
void Server::leave_child(PyObject* exception) const noexcept {
  int code = 0;
  if (exception != nullptr && PyErr_GivenExceptionMatches(exception, PyExc_SystemExit) != 0) {
    const Ref value = Ref::steal(PyObject_GetAttrString(exception, "code"));
    if (value && PyLong_Check(value.get()) != 0) {
      code = static_cast<int>(PyLong_AsLong(value.get()));
    } else if (value && value.get() != Py_None) {
      PySys_FormatStderr("%S\n", value.get());
      code = 1;
    }
  } else if (exception != nullptr) {
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception)), exception);
    PyErr_Print();
    code = 1;
  }
  PyErr_Clear();
  for (const char* name : {"stdout", "stderr"}) {
    PyObject* stream = PySys_GetObject(name);
    const Ref flushed = stream != nullptr ? Ref::steal(PyObject_CallMethod(stream, "flush", nullptr)) : Ref();
    if (!flushed) PyErr_Clear();
  }
  _exit(code);
}

// ---- what Python asks of the host

void Server::check_usable() const {
  if (!made_in_.same_process()) {
    raise_python(PyExc_RuntimeError,
                 "this process was forked from a py4cpp worker: only the worker itself can call C++");
  }
}

namespace {

// The callable, called.
std::array<wire::Step, 2> call_steps(PyObject* arguments, PyObject* keywords) noexcept {
  const Py_ssize_t positional = PyTuple_Size(arguments);
  const Py_ssize_t named = keywords != nullptr ? PyDict_Size(keywords) : 0;
  return {wire::Step(wire::Op::value, 0, 0),
          wire::Step(wire::Op::call, static_cast<std::uint32_t>(positional), static_cast<std::uint32_t>(named))};
}

}  // namespace

void Server::write_call(ValueWriter& writer, std::uint64_t id, PyObject* arguments, PyObject* keywords) {
  writer.callable(id);
  writer.none();
  const Py_ssize_t positional = PyTuple_Size(arguments);
  for (Py_ssize_t i = 0; i < positional; ++i) to_wire(PyTuple_GetItem(arguments, i), writer, *conversion_);
  PyObject *keyword = nullptr, *value = nullptr;
  for (Py_ssize_t position = 0; keywords != nullptr && PyDict_Next(keywords, &position, &keyword, &value) != 0;) {
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(keyword, &size);
    if (text == nullptr) throw PythonRaised{};
    writer.string({text, static_cast<std::size_t>(size)});
    to_wire(value, writer, *conversion_);
  }
}

Ref Server::call(std::uint64_t id, PyObject* arguments, PyObject* keywords, const char* name) {
  check_usable();
  PooledWriter writer(*conversion_);
  write_call(*writer, id, arguments, keywords);
  Session::Call call;
  const auto steps = call_steps(arguments, keywords);
  const auto outcome = session_->ask(call, steps, wire::Want::value, false, *writer, std::nullopt);
  writer.sent();
  if (outcome != Session::Outcome::answered) raise_python(PyExc_RuntimeError, session_ended);
  return digest(call.answer(), name);
}

Ref Server::start(std::uint64_t id, PyObject* arguments, PyObject* keywords, const char* name) {
  check_usable();
  PooledWriter writer(*conversion_);
  write_call(*writer, id, arguments, keywords);
  auto call = std::make_unique<Session::Call>(Session::Call::Answers::many);
  const auto steps = call_steps(arguments, keywords);
  session_->start(*call, steps, wire::Want::value, false, *writer, Session::Sending::now);
  writer.sent();
  try {
    started_.started(call->id(), id);
  } catch (const std::exception&) {
    drop(*call);
    throw;
  }
  return make_pending_call(*this, std::move(call), name);
}

Message Server::next_answer(Session::Call& call) {
  check_usable();
  const bool interruptible = std::this_thread::get_id() == main_thread_;
  auto outcome = Session::Outcome::timed_out;
  while (outcome == Session::Outcome::timed_out) {
    check_interrupts();
    outcome = interruptible ? session_->wait(call, interrupt_pending()) : session_->wait(call, std::nullopt);
  }
  if (outcome != Session::Outcome::answered) raise_python(PyExc_RuntimeError, session_ended);
  Message answer = session_->next_answer(call);
  note_last(answer);
  return answer;
}

// If nothing follows this answer to a started call, what the call kept from being released goes.
void Server::note_last(const Message& answer) noexcept {
  const auto* reply = answer.as<wire::Reply>();
  if (reply != nullptr && reply->more()) return;
  const auto* failure = answer.as<wire::Failure>();
  if (reply == nullptr && failure == nullptr) return;
  const auto due = started_.answered(reply != nullptr ? reply->id() : failure->id());
  if (due.references > 0) session_->release_callable(due.callable, due.references);
}

void Server::drop(Session::Call& call) noexcept {
  if (!made_in_.same_process()) return;
  session_->abandon(call);
  for (Message answer = session_->next_answer(call); !answer.empty(); answer = session_->next_answer(call)) {
    discard(answer);
  }
}

Ref Server::digest(const Message& answer, const char* name) {
  if (answer.empty()) raise_python(PyExc_RuntimeError, session_ended);
  const Digested digested(*session_, answer);
  try {
    return take_answer(answer, name);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::bug) session_->close(error.what());
    throw;
  }
}

Ref Server::take_answer(const Message& answer, const char* name) {
  if (const auto* failure = answer.as<wire::Failure>()) raise_failure(*failure, objects_, *this, name);
  ValueReader values(*answer.as<wire::Reply>());
  const Rest rest(values, *conversion_);
  if (values.roots() != 1) throw BadMessage("an answer that is not one value");
  return from_wire(values, *conversion_);
}

void Server::release_callable(std::uint64_t id, std::uint64_t count) noexcept {
  if (made_in_.same_process() && !started_.keeps(id, count)) session_->release_callable(id, count);
}

void Server::print(std::string_view text) {
  constexpr std::size_t piece = std::size_t{1} << 20;
  while (!text.empty()) {
    session_->print(wire::Stream::out, text.substr(0, piece));
    text.remove_prefix(std::min(piece, text.size()));
  }
}

// ---- Session::Side

void Server::suspend() noexcept { suspended = PyEval_SaveThread(); }

void Server::resume() noexcept {
  resuming_.fetch_add(1);
  if (ending_.load() && std::this_thread::get_id() != main_thread_) {
    resuming_.fetch_sub(1);
    for (;;) pause();
  }
  PyEval_RestoreThread(std::exchange(suspended, nullptr));
  resuming_.fetch_sub(1);
}

void Server::unattended(Message) { throw BadMessage("a request that nobody can run"); }

void Server::released(const wire::Release& release) {
  if (release.objects() == nullptr) return;
  const std::lock_guard lock(released_mutex_);
  released_objects_.insert(released_objects_.end(), release.objects()->begin(), release.objects()->end());
}

void Server::housekeep() noexcept {
  std::vector<std::uint64_t> due;
  {
    const std::lock_guard lock(released_mutex_);
    due.swap(released_objects_);
  }
  for (const std::uint64_t id : due) objects_.drop(id);
}

void Server::print(wire::Stream, std::string_view) noexcept {}  // the host prints for itself

void Server::discard(const Message& answer) noexcept try {
  const Digested digested(*session_, answer);
  note_last(answer);
  if (const auto* failure = answer.as<wire::Failure>(); failure != nullptr && failure->exceptions() != nullptr) {
    for (const wire::Exception* exception : *failure->exceptions()) {
      if (exception->host_exception() != 0) release_callable(exception->host_exception(), 1);
    }
  } else if (const auto* reply = answer.as<wire::Reply>()) {
    ValueReader values(*reply);
    discard_rest(values, *conversion_);
  }
} catch (const std::exception& error) {
  session_->close(error.what());
}

void Server::attend(std::chrono::microseconds within) noexcept { watchdog_.attend(within); }

void Server::closed(const std::string&) noexcept { watchdog_.end_within(longest_ending); }

}  // namespace py4cpp
