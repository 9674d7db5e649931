#include "server.hpp"

#include "from_wire.hpp"
#include "message_values.hpp"
#include "stack_room.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <unistd.h>

namespace py4cpp {

namespace {

using namespace std::chrono_literals;

constexpr int exit_broken = 70;
constexpr auto host_is_dying = 1s;   // the time between its descriptors and the process itself, on a busy machine
constexpr auto longest_ending = 2s;  // once the host has closed the channel; also for what is left to send at the end

thread_local PyThreadState* suspended = nullptr;

}  // namespace

Server::Server(std::unique_ptr<Channel> channel, const HelloInfo& host, std::shared_ptr<Arena> arena,
               Watchdog& watchdog)
    : watchdog_(watchdog) {
  Session::Options options;
  options.spin = std::chrono::microseconds(host.spin);
  options.peer_arena = {host.arena_high, host.arena_low, host.pid};
  options.has_server = true;
  options.guard_descriptors = true;
  session_ = Session::make(*this, std::move(channel), arena, options);
  host_calls_ = std::make_unique<HostCalls>(*session_, objects_, std::move(arena), host.inline_limit);
  conversion_ = &host_calls_->conversion();
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
    const RestGivenBack rest(values, *conversion_);
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
  MessageValues writer(*conversion_);
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

// ---- what Python prints

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

void Server::discard(const Message& answer) noexcept { host_calls_->discard(answer); }

void Server::attend(std::chrono::microseconds within) noexcept { watchdog_.attend(within); }

void Server::closed(const std::string&) noexcept { watchdog_.end_within(longest_ending); }

}  // namespace py4cpp
