// py4cpp.PendingCall: a call of a C++ callable that Python doesn't wait for yet, made by HostCallable.start(). A
// DeferredCallable may answer it many times. Several threads of Python may wait for it: each answer is for one of them.
// Everything here needs the GIL.
#pragma once

#include "refs.hpp"
#include "session.hpp"

#include <memory>
#include <string>

namespace py4cpp {

// What a pending call needs of the server.
class PendingCallHost {
 public:
  // Waits for the next answer; interruptible on the main thread. Empty if another thread has taken the last one
  // meanwhile. Throws PythonRaised.
  virtual Message next_answer(Session::Call& call) = 0;
  // What it says, which has then been taken. Throws PythonRaised, which may be what it says.
  virtual Ref digest(const Message& answer, const char* name) = 0;
  virtual bool answered(const Session::Call& call) const noexcept = 0;
  // No answer is wanted any more; `call` may go when this returns.
  virtual void drop(Session::Call& call) noexcept = 0;

 protected:
  ~PendingCallHost() = default;
};

// The type, made at first use. Throws PythonRaised.
PyTypeObject* pending_call_type();

// `call` has been asked. `name` is what tracebacks call it. `host` outlives it.
Ref make_pending_call(PendingCallHost& host, std::shared_ptr<Session::Call> call, std::string name);

// Waits for the next answer of such an object: what its method result() does.
Ref next_result(PyObject* pending_call);

// Whether it has been received.
bool has_result(PyObject* pending_call);

}  // namespace py4cpp
