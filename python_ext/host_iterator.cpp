// py4cpp.HostIterator: a C++ generator in Python's hands. It asks for ever more elements at once; whether they may be
// made ahead is for the C++ side to know, which then sends one at a time.
#include "host_reference.hpp"

#include "conversion.hpp"

#include <algorithm>
#include <utility>

namespace py4cpp {

namespace {

using Self = HostReferenceObject;

constexpr std::uint64_t most_ahead = 256;

void keep(Self& iterator, Ref extra) noexcept {
  const Ref before = Ref::steal(std::exchange(iterator.extra, extra.release()));
}

// `extra` is a list of the elements that came ahead, the next one last; None once the end has been seen. `number` is
// how many were asked for last.
Ref next(PyObject* self) {
  Self& iterator = Self::of(self);
  if (iterator.extra == Py_None) return {};
  if (iterator.extra != nullptr) {
    if (const Py_ssize_t size = PyList_Size(iterator.extra); size > 0) {
      Ref element = Ref::borrow(PyList_GetItem(iterator.extra, size - 1));
      checked(PyList_SetSlice(iterator.extra, size - 1, size, nullptr));
      return element;
    }
  }
  iterator.number = std::min(most_ahead, std::max<std::uint64_t>(1, 2 * iterator.number));
  const Ref arguments = checked(Py_BuildValue("(K)", static_cast<unsigned long long>(iterator.number)));
  Ref came = Self::call(self, arguments.get(), nullptr, "generator");
  if (PyList_Check(came.get()) == 0) raise_python(PyExc_TypeError, "a C++ generator returned no list");
  const Py_ssize_t size = PyList_Size(came.get());
  if (size == 0) {
    keep(iterator, Ref::borrow(Py_None));
    return {};
  }
  Ref first = Ref::borrow(PyList_GetItem(came.get(), 0));
  if (size == 1) return first;
  checked(PyList_SetSlice(came.get(), 0, 1, nullptr));
  checked(PyList_Reverse(came.get()));
  // Another thread may have brought some meanwhile: they were asked for earlier or later, and all of them count.
  if (iterator.extra != nullptr && iterator.extra != Py_None) {
    checked(PyList_SetSlice(came.get(), size - 1, size - 1, iterator.extra));
  }
  keep(iterator, std::move(came));
  return first;
}

PyObject* iternext(PyObject* self) noexcept {
  return guarded([&] { return next(self); });
}

PyObject* represent(PyObject*) noexcept { return PyUnicode_FromString("<C++ generator>"); }

PyTypeObject* make_type() {
  static char doc[] = "Iterates over what the C++ program generates; what it throws is raised here.";
  static PyType_Slot slots[] = {{Py_tp_doc, doc},
                                {Py_tp_dealloc, reinterpret_cast<void*>(&Self::deallocate)},
                                {Py_tp_traverse, reinterpret_cast<void*>(&Self::traverse)},
                                {Py_tp_clear, reinterpret_cast<void*>(&Self::clear)},
                                {Py_tp_repr, reinterpret_cast<void*>(&represent)},
                                {Py_tp_iter, reinterpret_cast<void*>(&PyObject_SelfIter)},
                                {Py_tp_iternext, reinterpret_cast<void*>(&iternext)},
                                {0, nullptr}};
  return make_host_type("py4cpp.HostIterator", slots, 0);
}

}  // namespace

PyTypeObject* host_iterator_type() {
  static PyTypeObject* type = nullptr;  // the GIL is its lock
  if (type == nullptr) type = make_type();
  return type;
}

}  // namespace py4cpp
