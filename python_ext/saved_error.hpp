// The Python error that is set, put aside while something else is tried. Needs the GIL.
#pragma once

#include "refs.hpp"

#include <utility>

namespace py4cpp {

class SavedError {
 public:
  SavedError() noexcept {  // takes it, so that none is set
    PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    type_ = Ref::steal(type);
    value_ = Ref::steal(value);
    traceback_ = Ref::steal(traceback);
  }

  explicit operator bool() const noexcept { return static_cast<bool>(type_); }

  void restore() noexcept { PyErr_Restore(type_.release(), value_.release(), traceback_.release()); }  // or clears

  // The exception itself, with its traceback; nothing is put aside any more. Nothing if there was no error.
  Ref exception() && noexcept {
    PyObject *type = type_.release(), *value = value_.release(), *traceback = traceback_.release();
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != nullptr && value != nullptr) PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return Ref::steal(value);
  }

 private:
  Ref type_, value_, traceback_;
};

}  // namespace py4cpp
