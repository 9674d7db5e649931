#include "host_calls.hpp"

#include "from_wire.hpp"
#include "interrupt.hpp"
#include "message_values.hpp"

#include <array>
#include <exception>
#include <optional>
#include <utility>

namespace py4cpp {

namespace {

constexpr const char* session_ended = "the C++ program ended the session while Python waited for it";

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

// The callable, called.
std::array<wire::Step, 2> call_steps(PyObject* arguments, PyObject* keywords) noexcept {
  const Py_ssize_t positional = PyTuple_Size(arguments);
  const Py_ssize_t named = keywords != nullptr ? PyDict_Size(keywords) : 0;
  return {wire::Step(wire::Op::value, 0, 0),
          wire::Step(wire::Op::call, static_cast<std::uint32_t>(positional), static_cast<std::uint32_t>(named))};
}

}  // namespace

class HostCalls::Bridge final : public Conversion {
 public:
  Bridge(HostCalls& calls, ObjectTable& objects, std::shared_ptr<Arena> own, std::uint64_t inline_limit)
      : Conversion(objects, calls.session_.ledger(), std::move(own), inline_limit), calls_(calls) {}

  Ref make_callable(std::uint64_t id, Ref face) override { return calls_.references_.make(id, face); }
  void drop_callable(std::uint64_t id) noexcept override { calls_.release_callable(id, 1); }
  std::optional<std::uint64_t> callable_id(PyObject* object) const noexcept override {
    return HostReferences::id_of(object);
  }

 private:
  HostCalls& calls_;
};

HostCalls::HostCalls(Session& session, ObjectTable& objects, std::shared_ptr<Arena> own, std::uint64_t inline_limit)
    : session_(session),
      bridge_(std::make_unique<Bridge>(*this, objects, std::move(own), inline_limit)),
      conversion_(bridge_.get()) {}

HostCalls::~HostCalls() = default;

Conversion& HostCalls::conversion() noexcept { return *conversion_; }

void HostCalls::check_usable() const {
  if (!made_in_.same_process()) {
    raise_python(PyExc_RuntimeError,
                 "this process was forked from a py4cpp worker: only the worker itself can call C++");
  }
}

void HostCalls::write_call(ValueWriter& writer, std::uint64_t id, PyObject* arguments, PyObject* keywords) {
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

Ref HostCalls::call(std::uint64_t id, PyObject* arguments, PyObject* keywords, const char* name) {
  check_usable();
  MessageValues writer(*conversion_);
  write_call(*writer, id, arguments, keywords);
  Session::Call call;
  const auto steps = call_steps(arguments, keywords);
  const auto outcome = session_.ask(call, steps, wire::Want::value, false, *writer, std::nullopt);
  writer.sent();
  if (outcome != Session::Outcome::answered) raise_python(PyExc_RuntimeError, session_ended);
  return digest(call.answer(), name);
}

Ref HostCalls::start(std::uint64_t id, PyObject* arguments, PyObject* keywords, const char* name) {
  check_usable();
  MessageValues writer(*conversion_);
  write_call(*writer, id, arguments, keywords);
  auto call = std::make_shared<Session::Call>(Session::Call::Answers::many);
  const auto steps = call_steps(arguments, keywords);
  session_.start(*call, steps, wire::Want::value, false, *writer, Session::Sending::now);
  writer.sent();
  try {
    started_.started(call->id(), id);
  } catch (const std::exception&) {
    drop(*call);
    throw;
  }
  return make_pending_call(*this, std::move(call), name);
}

Message HostCalls::next_answer(Session::Call& call) {
  check_usable();
  const bool interruptible = std::this_thread::get_id() == main_thread_;
  auto outcome = Session::Outcome::timed_out;
  while (outcome == Session::Outcome::timed_out) {
    check_interrupts();
    outcome = interruptible ? session_.wait(call, interrupt_pending()) : session_.wait(call, std::nullopt);
  }
  if (outcome != Session::Outcome::answered) raise_python(PyExc_RuntimeError, session_ended);
  Message answer = session_.next_answer(call);
  note_last(answer);
  return answer;
}

// If nothing follows this answer to a started call, what the call kept from being released goes.
void HostCalls::note_last(const Message& answer) noexcept {
  const auto* reply = answer.as<wire::Reply>();
  if (reply != nullptr && reply->more()) return;
  const auto* failure = answer.as<wire::Failure>();
  if (reply == nullptr && failure == nullptr) return;
  const auto due = started_.answered(reply != nullptr ? reply->id() : failure->id());
  if (due.references > 0) session_.release_callable(due.callable, due.references);
}

void HostCalls::drop(Session::Call& call) noexcept {
  if (!made_in_.same_process()) return;
  session_.abandon(call);
  for (Message answer = session_.next_answer(call); !answer.empty(); answer = session_.next_answer(call)) {
    discard(answer);
  }
}

Ref HostCalls::digest(const Message& answer, const char* name) {
  const Digested digested(session_, answer);
  try {
    return take_answer(answer, name);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::bug) session_.close(error.what());
    throw;
  }
}

Ref HostCalls::take_answer(const Message& answer, const char* name) {
  if (const auto* failure = answer.as<wire::Failure>()) raise_failure(*failure, conversion_->objects, *this, name);
  ValueReader values(*answer.as<wire::Reply>());
  const RestGivenBack rest(values, *conversion_);
  if (values.roots() != 1) throw BadMessage("an answer that is not one value");
  return from_wire(values, *conversion_);
}

void HostCalls::release_callable(std::uint64_t id, std::uint64_t count) noexcept {
  if (made_in_.same_process() && !started_.keeps(id, count)) session_.release_callable(id, count);
}

void HostCalls::send_released() noexcept {
  if (made_in_.same_process()) session_.send_released();
}

void HostCalls::discard(const Message& answer) noexcept try {
  const Digested digested(session_, answer);
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
  session_.close(error.what());
}

}  // namespace py4cpp
