// Owning references to Python objects, and how a Python error passes through C++. Everything here needs the GIL, except
// moving a Ref and destroying an empty one.
#pragma once

#ifndef PY_SSIZE_T_CLEAN
#define PY_SSIZE_T_CLEAN
#endif
#include <Python.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

namespace py4cpp {

// Thrown when a Python error is set; caught where C++ returns to Python, which then sees the error.
struct PythonRaised {};

// One reference to a Python object, or none.
class Ref {
 public:
  constexpr Ref() noexcept = default;
  constexpr Ref(std::nullptr_t) noexcept {}                          // NOLINT(google-explicit-constructor)
  static Ref steal(PyObject* owned) noexcept { return Ref(owned); }  // takes over the caller's reference; may be null
  static Ref borrow(PyObject* other) noexcept {                      // adds one; may be null
    Py_XINCREF(other);
    return Ref(other);
  }
  Ref(const Ref& other) noexcept : object_(other.object_) { Py_XINCREF(object_); }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {  // the old object dies last, with *this already changed: it may run user code
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() { Py_XDECREF(object_); }

  PyObject* get() const noexcept { return object_; }
  [[nodiscard]] PyObject* release() noexcept { return std::exchange(object_, nullptr); }
  void reset() noexcept { *this = Ref(); }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  explicit constexpr Ref(PyObject* owned) noexcept : object_(owned) {}
  PyObject* object_ = nullptr;
};

// What a C API function returned: a new reference, or null with an error set.
inline Ref checked(PyObject* owned) {
  if (owned == nullptr) throw PythonRaised{};
  return Ref::steal(owned);
}

// What a C API function returned: negative with an error set, or anything else.
inline void checked(int status) {
  if (status < 0) throw PythonRaised{};
}

[[noreturn]] inline void raise_python(PyObject* type, const std::string& text) {
  PyErr_SetString(type, text.c_str());
  throw PythonRaised{};
}

inline Ref attribute(PyObject* object, const char* name) { return checked(PyObject_GetAttrString(object, name)); }

// Lets other Python threads run while it lives; nothing of Python may be touched meanwhile.
class GilRelease {
 public:
  GilRelease() noexcept : state_(PyEval_SaveThread()) {}
  ~GilRelease() { PyEval_RestoreThread(state_); }
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;

 private:
  PyThreadState* state_;
};

// memcpy that lets other Python threads run while it takes long. The caller holds what the bytes belong to.
inline void copy_memory(void* to, const void* from, std::size_t bytes) noexcept {
  constexpr std::size_t takes_long = std::size_t{1} << 20;
  if (bytes < takes_long) {
    if (bytes > 0) std::memcpy(to, from, bytes);
    return;
  }
  const GilRelease others_may_run;
  std::memcpy(to, from, bytes);
}

}  // namespace py4cpp
