// py4cpp.HostCallable: a C++ callable in Python's hands. While one is alive, the same callable sent again is the same
// Python object. Everything here needs the GIL.
#pragma once

#include "refs.hpp"

#include <cstdint>
#include <optional>
#include <unordered_map>

namespace py4cpp {

// The type, made at first use. Throws PythonRaised.
PyTypeObject* host_callable_type();

// What a host callable needs of the server.
class CallableHost {
 public:
  // Calls the callable with these arguments (a tuple, and a dict or null). Throws PythonRaised.
  virtual Ref call(std::uint64_t id, PyObject* arguments, PyObject* keywords, const char* name) = 0;
  // The same without waiting: a PendingCall.
  virtual Ref start(std::uint64_t id, PyObject* arguments, PyObject* keywords, const char* name) = 0;
  // So many references that came with messages are no longer held.
  virtual void release_callable(std::uint64_t id, std::uint64_t count) noexcept = 0;

 protected:
  ~CallableHost() = default;
};

// Those that are alive, of one host. Outlives them.
class HostCallables {
 public:
  explicit HostCallables(CallableHost& host) : host_(host) {}

  // Takes over one reference, also when it throws PythonRaised. `names` is a tuple of parameter names, or None.
  Ref make(std::uint64_t id, const Ref& names);
  static std::optional<std::uint64_t> id_of(PyObject* object) noexcept;

 private:
  friend struct HostCallableObject;

  CallableHost& host_;
  std::unordered_map<std::uint64_t, PyObject*> alive_;  // not owned
};

}  // namespace py4cpp
