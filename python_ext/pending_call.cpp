#include "pending_call.hpp"

#include "conversion.hpp"

#include <new>
#include <utility>

namespace py4cpp {

namespace {

struct PendingCall {
  PyObject head;
  PendingCallHost* host;
  std::shared_ptr<Session::Call> call;  // null once the last result has been taken
  std::string name;
};

PendingCall& of(PyObject* object) noexcept { return *reinterpret_cast<PendingCall*>(object); }

void deallocate(PyObject* self) noexcept {
  PyTypeObject* type = Py_TYPE(self);
  PendingCall& dying = of(self);
  if (dying.call) dying.host->drop(*dying.call);
  dying.call.~shared_ptr();
  dying.name.~basic_string();
  PyObject_Free(self);
  Py_DECREF(reinterpret_cast<PyObject*>(type));
}

[[noreturn]] void raise_taken() { raise_python(PyExc_RuntimeError, "the result of this call has already been taken"); }

const std::shared_ptr<Session::Call>& untaken(PyObject* self) {
  if (!of(self).call) raise_taken();
  return of(self).call;
}

PyObject* result(PyObject* self, PyObject*) noexcept {
  return guarded([&] { return next_result(self); });
}

PyObject* ready(PyObject* self, PyObject*) noexcept {
  return guarded([&] { return checked(PyBool_FromLong(has_result(self) ? 1 : 0)); });
}

PyTypeObject* make_type() {
  static PyMethodDef methods[] = {
      {"result", result, METH_NOARGS, "Waits for what C++ returns, or raises what it throws. Once for each answer."},
      {"ready", ready, METH_NOARGS, "Whether an answer has been received."},
      {nullptr, nullptr, 0, nullptr}};
  static char doc[] = "A call of a C++ function that nobody waits for yet.";
  static PyType_Slot slots[] = {
      {Py_tp_doc, doc}, {Py_tp_dealloc, reinterpret_cast<void*>(&deallocate)}, {Py_tp_methods, methods}, {0, nullptr}};
  static PyType_Spec spec{"py4cpp.PendingCall", sizeof(PendingCall), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots};
  return reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)).release());
}

}  // namespace

PyTypeObject* pending_call_type() {
  static PyTypeObject* type = nullptr;  // the GIL is its lock
  if (type == nullptr) type = make_type();
  return type;
}

// What was interrupted may be waited for again. Others may wait too, and take the last answer: the call outlives that.
Ref next_result(PyObject* pending_call) {
  PendingCall& mine = of(pending_call);
  const std::shared_ptr<Session::Call> call = untaken(pending_call);
  const Message answer = mine.host->next_answer(*call);
  if (answer.empty()) raise_taken();
  const auto* reply = answer.as<wire::Reply>();
  if (reply == nullptr || !reply->more()) mine.call.reset();
  return mine.host->digest(answer, mine.name.c_str());
}

bool has_result(PyObject* pending_call) { return of(pending_call).host->answered(*untaken(pending_call)); }

Ref make_pending_call(PendingCallHost& host, std::shared_ptr<Session::Call> call, std::string name) {
  PendingCall* made = nullptr;
  try {
    made = PyObject_New(PendingCall, pending_call_type());
    if (made == nullptr) throw PythonRaised{};
  } catch (const PythonRaised&) {
    host.drop(*call);
    throw;
  }
  made->host = &host;
  new (&made->call) std::shared_ptr<Session::Call>(std::move(call));
  new (&made->name) std::string(std::move(name));
  return Ref::steal(reinterpret_cast<PyObject*>(made));
}

}  // namespace py4cpp
