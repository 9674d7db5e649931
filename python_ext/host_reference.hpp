// py4cpp.HostReference: what Python holds of a callable of the C++ program. Its subclasses are what such a callable
// looks like, which its face says (schemas/wire.fbs): HostCallable a function, HostIterator an iterator, and the
// classes that py4cpp._host makes objects with attributes and methods. While one is alive, the same callable sent again
// is the same Python object. Everything here needs the GIL.
#pragma once

#include "refs.hpp"

#include <cstdint>
#include <optional>
#include <unordered_map>

namespace py4cpp {

// What a host reference needs to reach the host.
class CallableHost {
 public:
  // Calls the callable with these arguments (a tuple, and a dict or null). `name` is what tracebacks call it. Throws
  // PythonRaised.
  virtual Ref call(std::uint64_t id, PyObject* arguments, PyObject* keywords, const char* name) = 0;
  // The same without waiting: a PendingCall.
  virtual Ref start(std::uint64_t id, PyObject* arguments, PyObject* keywords, const char* name) = 0;
  // So many references that came with messages are no longer held.
  virtual void release_callable(std::uint64_t id, std::uint64_t count) noexcept = 0;
  // Sends what has been released, now rather than with the next message; doesn't wait for the host.
  virtual void send_released() noexcept = 0;

 protected:
  ~CallableHost() = default;
};

// Those that are alive, of one host. Outlives them.
class HostReferences {
 public:
  explicit HostReferences(CallableHost& host) : host_(host) {}

  // Takes over one reference, also when it throws PythonRaised.
  Ref make(std::uint64_t id, const Ref& face);
  static std::optional<std::uint64_t> id_of(PyObject* object) noexcept;

 private:
  friend struct HostReferenceObject;

  PyObject* known(std::uint64_t id) noexcept;

  CallableHost& host_;
  std::unordered_map<std::uint64_t, PyObject*> alive_;  // not owned
};

// The C layout of them all; the subclasses add nothing to it but their use of `extra`.
struct HostReferenceObject {
  PyObject head;
  HostReferences* owner;
  std::uint64_t id;
  std::uint64_t references;  // received with messages
  PyObject* face;
  PyObject* extra;  // a function's __dict__, what an iterator has ahead
  std::uint64_t number;
  PyObject* weak_references;

  static HostReferenceObject& of(PyObject* object) noexcept { return *reinterpret_cast<HostReferenceObject*>(object); }

  // Throws PythonRaised, also if this is none that came from the host.
  static Ref call(PyObject* self, PyObject* arguments, PyObject* keywords, const char* name);
  static Ref start(PyObject* self, PyObject* arguments, PyObject* keywords, const char* name);

  static void deallocate(PyObject* self) noexcept;
  static int traverse(PyObject* self, visitproc visit, void* arg) noexcept;
  static int clear(PyObject* self) noexcept;

  // Throws PythonRaised if this is none that came from the host.
  static CallableHost& host(PyObject* self);
};

// The types, made at first use. Throw PythonRaised.
PyTypeObject* host_reference_type();
PyTypeObject* host_callable_type();
PyTypeObject* host_iterator_type();

// Makes a subclass of HostReference whose slots are these. Throws PythonRaised.
PyTypeObject* make_host_type(const char* name, PyType_Slot* slots, unsigned flags);

// invoke(reference, name, arguments, keywords or None): calls the callable; `name` for tracebacks. Throws PythonRaised.
Ref invoke(PyObject* arguments);

}  // namespace py4cpp
