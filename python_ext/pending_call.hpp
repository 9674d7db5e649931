// py4cpp.PendingCall: a call of a C++ callable that Python doesn't wait for yet, made by HostCallable.start().
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
  // Waits for the answer, which is then taken; interruptible on the main thread. Throws PythonRaised.
  virtual Ref finish(Session::Call& call, const char* name) = 0;
  virtual bool answered(const Session::Call& call) const noexcept = 0;
  // It is wanted no more; `call` may go when this returns.
  virtual void drop(Session::Call& call) noexcept = 0;

 protected:
  ~PendingCallHost() = default;
};

// The type, made at first use. Throws PythonRaised.
PyTypeObject* pending_call_type();

// `call` has been asked. `name` is what tracebacks call it. `host` outlives it.
Ref make_pending_call(PendingCallHost& host, std::unique_ptr<Session::Call> call, std::string name);

}  // namespace py4cpp
