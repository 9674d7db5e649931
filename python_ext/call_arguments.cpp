#include "call_arguments.hpp"

#include <dlfcn.h>

#include <utility>

namespace py4cpp {

namespace {

// Exported by every CPython since 3.9, in the stable ABI since 3.12.
using Vectorcall = PyObject* (*)(PyObject*, PyObject* const*, std::size_t, PyObject*);
const Vectorcall vectorcall = reinterpret_cast<Vectorcall>(dlsym(RTLD_DEFAULT, "PyObject_Vectorcall"));
constexpr std::size_t place_before_is_free = std::size_t{1} << (8 * sizeof(std::size_t) - 1);  // ..._ARGUMENTS_OFFSET

// User code. A daemon thread that the interpreter ends while it is in there must not unwind our frames, whose
// destructors would touch Python without the GIL: `noexcept` stops it here (Server::ending).
PyObject* enter(PyObject* function, PyObject* const* arguments, std::size_t count, PyObject* keywords) noexcept {
  return vectorcall(function, arguments, count | place_before_is_free, keywords);
}
PyObject* enter(PyObject* function, PyObject* arguments, PyObject* keywords) noexcept {
  return PyObject_Call(function, arguments, keywords);
}

Ref tuple_of(PyObject* const* items, std::size_t count) {
  Ref tuple = checked(PyTuple_New(static_cast<Py_ssize_t>(count)));
  for (std::size_t i = 0; i < count; ++i) {
    checked(PyTuple_SetItem(tuple.get(), static_cast<Py_ssize_t>(i), Ref::borrow(items[i]).release()));
  }
  return tuple;
}

}  // namespace

CallArguments::~CallArguments() {
  PyObject** arguments = large_.empty() ? small_.data() : large_.data();
  for (std::size_t i = 1; i <= size_; ++i) Py_DECREF(arguments[i]);
}

void CallArguments::push(Ref value) {
  if (size_ == few && large_.empty()) {
    large_.reserve(4 * few);
    large_.assign(small_.begin(), small_.end());
  }
  if (large_.empty()) {
    small_[size_ + 1] = value.release();
  } else {
    large_.push_back(value.get());
    static_cast<void>(value.release());
  }
  ++size_;
}

void CallArguments::add(Ref value) { push(std::move(value)); }

void CallArguments::add_named(Ref keyword, Ref value) {
  for (const Ref& other : keywords_) {
    if (PyUnicode_Compare(other.get(), keyword.get()) != 0) continue;
    PyErr_Format(PyExc_TypeError, "keyword argument repeated: %U", keyword.get());
    throw PythonRaised{};
  }
  keywords_.reserve(keywords_.size() + 1);
  push(std::move(value));
  keywords_.push_back(std::move(keyword));
}

Ref CallArguments::call(PyObject* function) {
  PyObject* const* arguments = (large_.empty() ? small_.data() : large_.data()) + 1;
  const std::size_t positional = size_ - keywords_.size();
  Ref keywords;
  if (!keywords_.empty()) {
    std::vector<PyObject*> names;
    for (const Ref& keyword : keywords_) names.push_back(keyword.get());
    keywords = tuple_of(names.data(), names.size());
  }
  if (vectorcall != nullptr) {
    return checked(enter(function, arguments, positional, keywords.get()));
  }
  const Ref tuple = tuple_of(arguments, positional);
  Ref dict;
  if (keywords) {
    dict = checked(PyDict_New());
    for (std::size_t i = 0; i < keywords_.size(); ++i) {
      checked(PyDict_SetItem(dict.get(), keywords_[i].get(), arguments[positional + i]));
    }
  }
  return checked(enter(function, tuple.get(), dict.get()));
}

}  // namespace py4cpp
