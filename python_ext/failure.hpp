// Exceptions across the border: a Python exception as the wire's list, and what the host reports as a Python exception.
// All functions need the GIL.
#pragma once

#include "message.hpp"
#include "object_table.hpp"
#include "refs.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

namespace py4cpp {

// The error that is set, which then isn't any more: the exception with its traceback, without our own frames in front.
Ref take_exception() noexcept;

// "KeyError", "numpy.ndarray": a class's qualified name, without "builtins.".
std::string qualified_name(PyTypeObject* type);

// An exception with its causes and contexts, as it travels. Every part is found on its own: one that fails (an
// exception whose __str__ raises, no memory, no depth left) leaves the others as they are.
class FailureReport {
 public:
  // Adds a handle to each exception to `objects`. Throws std::bad_alloc; no Python error is left set in any case.
  FailureReport(const Ref& exception, ObjectTable& objects);
  FailureReport(const FailureReport&) = delete;
  FailureReport& operator=(const FailureReport&) = delete;

  const std::vector<WireException>& exceptions() const noexcept { return list_; }
  void take_back() noexcept;  // it will not be sent: drops the handles

  // What is sent when nothing else can be: the type and nothing more.
  static std::vector<WireException> minimal(PyObject* exception);

 private:
  void gather(const Ref& exception);
  void describe(std::size_t index);
  std::string_view keep(std::string text);
  std::uint32_t reference(Ref exception, std::size_t from) const;

  ObjectTable& objects_;
  std::vector<Ref> exceptions_;  // each one before its cause and its context, unless that would be a loop
  std::unordered_map<PyObject*, std::size_t> index_;
  std::deque<std::string> texts_;
  std::vector<WireException> list_;
};

// A reference to a C++ exception that the host keeps for us is given back when the last Python object for it dies.
class HostExceptions {
 public:
  virtual void release_host_exception(std::uint64_t id) noexcept = 0;

 protected:
  ~HostExceptions() = default;
};

// Sets the Python error that a failed callback means: a Python exception that passed through C++ is that very object
// again, a C++ exception a py4cpp.HostError. Then throws PythonRaised. `function` is the callable's name.
[[noreturn]] void raise_failure(const wire::Failure& failure, const ObjectTable& objects, HostExceptions& host,
                                const char* function);

}  // namespace py4cpp
