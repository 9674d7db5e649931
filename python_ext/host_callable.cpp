// py4cpp.HostCallable: a C++ function in Python's hands.
#include "host_reference.hpp"

#include "conversion.hpp"
#include "names.hpp"

#include <structmember.h>

#include <cstddef>

namespace py4cpp {

namespace {

using Self = HostReferenceObject;

constexpr const char* no_name = "callback";

// The one it was given, or nothing.
Ref own_name(PyObject* self) {
  PyObject* extra = Self::of(self).extra;
  PyObject* name = extra != nullptr ? PyDict_GetItemString(extra, "__name__") : nullptr;
  return name != nullptr ? Ref::borrow(name) : Ref();
}

// Calls `ask` with the arguments as C++ wants them and the name that tracebacks show.
template <class Ask>
PyObject* named_call(PyObject* self, PyObject* arguments, PyObject* keywords, Ask ask) noexcept {
  return guarded([&] {
    const Ref name = own_name(self);
    const char* text = no_name;
    if (name) {
      const char* given = PyUnicode_Check(name.get()) != 0 ? PyUnicode_AsUTF8AndSize(name.get(), nullptr) : nullptr;
      if (given != nullptr)
        text = given;
      else
        PyErr_Clear();
    }
    PyObject* face = Self::of(self).face;
    Ref as_wanted;
    if (face != nullptr && PyDict_Check(face) != 0) {
      const Ref module = checked(PyImport_ImportModule("py4cpp._host"));
      as_wanted = checked(PyObject_CallMethod(module.get(), "as_wanted", "(OOO)", face, arguments,
                                              keywords != nullptr ? keywords : Py_None));
      if (PyArg_ParseTuple(as_wanted.get(), "O!O", &PyTuple_Type, &arguments, &keywords) == 0) throw PythonRaised{};
      if (keywords == Py_None) keywords = nullptr;
    }
    return ask(arguments, keywords, text);
  });
}

PyObject* call(PyObject* self, PyObject* arguments, PyObject* keywords) noexcept {
  return named_call(self, arguments, keywords, [&](PyObject* given, PyObject* named, const char* name) {
    return Self::call(self, given, named, name);
  });
}

PyObject* start(PyObject* self, PyObject* arguments, PyObject* keywords) noexcept {
  return named_call(self, arguments, keywords, [&](PyObject* given, PyObject* named, const char* name) {
    return Self::start(self, given, named, name);
  });
}

// The names of its parameters, a tuple; None if they have none. Borrowed.
PyObject* names_of(PyObject* self) noexcept {
  PyObject* face = Self::of(self).face;
  if (face != nullptr && PyDict_Check(face) != 0) face = PyDict_GetItemString(face, "names");
  return face != nullptr && PyTuple_Check(face) != 0 ? face : Py_None;
}

PyObject* represent(PyObject* self) noexcept {
  PyObject* names = names_of(self);
  if (names == Py_None) return PyUnicode_FromString("<C++ function>");
  const Ref comma = Ref::steal(PyUnicode_FromString(", "));
  const Ref list = comma ? Ref::steal(PyUnicode_Join(comma.get(), names)) : Ref();
  return list ? PyUnicode_FromFormat("<C++ function (%U)>", list.get()) : nullptr;
}

PyObject* get_name(PyObject* self, void*) noexcept {
  return guarded([&] {
    const Ref name = own_name(self);
    return name ? name : checked(PyUnicode_FromString(no_name));
  });
}

int set_name(PyObject* self, PyObject* name, void*) noexcept {
  const Ref dict = Ref::steal(PyObject_GenericGetDict(self, nullptr));
  if (!dict) return -1;
  return name != nullptr ? PyDict_SetItemString(dict.get(), "__name__", name)
                         : PyDict_DelItemString(dict.get(), "__name__");
}

PyObject* get_signature(PyObject* self, void*) noexcept {
  const Ref module = Ref::steal(PyImport_ImportModule("py4cpp._introspect"));
  return module ? PyObject_CallMethod(module.get(), "signature_of", "(O)", names_of(self)) : nullptr;
}

PyTypeObject* make_type() {
  static PyMemberDef members[] = {{"__dictoffset__", T_PYSSIZET, offsetof(Self, extra), READONLY, nullptr},
                                  {nullptr, 0, 0, 0, nullptr}};
  static PyMethodDef methods[] = {{"start", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&start)),
                                   METH_VARARGS | METH_KEYWORDS, "Calls it without waiting: a PendingCall."},
                                  {nullptr, nullptr, 0, nullptr}};
  static PyGetSetDef properties[] = {{"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
                                     {"__name__", get_name, set_name, nullptr, nullptr},
                                     {"__signature__", get_signature, nullptr, nullptr, nullptr},
                                     {nullptr, nullptr, nullptr, nullptr, nullptr}};
  static char doc[] = "A C++ function. Calling it runs it in the C++ program; what it throws is raised here.";
  static PyType_Slot slots[] = {{Py_tp_doc, doc},
                                {Py_tp_dealloc, reinterpret_cast<void*>(&Self::deallocate)},
                                {Py_tp_traverse, reinterpret_cast<void*>(&Self::traverse)},
                                {Py_tp_clear, reinterpret_cast<void*>(&Self::clear)},
                                {Py_tp_call, reinterpret_cast<void*>(&call)},
                                {Py_tp_repr, reinterpret_cast<void*>(&represent)},
                                {Py_tp_members, members},
                                {Py_tp_methods, methods},
                                {Py_tp_getset, properties},
                                {0, nullptr}};
  return make_host_type("py4cpp.HostCallable", slots, 0);
}

}  // namespace

PyTypeObject* host_callable_type() {
  static PyTypeObject* type = nullptr;  // the GIL is its lock
  if (type == nullptr) type = make_type();
  return type;
}

}  // namespace py4cpp
