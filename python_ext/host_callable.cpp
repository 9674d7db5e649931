#include "host_callable.hpp"

#include "conversion.hpp"
#include "names.hpp"
#include "stack_room.hpp"

#include <structmember.h>

#include <cstddef>
#include <string>
#include <utility>

namespace py4cpp {

struct HostCallableObject {
  PyObject head;
  HostCallables* owner;
  std::uint64_t id;
  std::uint64_t references;  // received with messages
  PyObject* names;           // a tuple of str, or None
  PyObject* dict;            // what Python code attaches, such as a name of its own
  PyObject* weak_references;

  static HostCallableObject& of(PyObject* object) noexcept { return *reinterpret_cast<HostCallableObject*>(object); }

  static CallableHost& host(PyObject* object) noexcept { return of(object).owner->host_; }

  static void deallocate(PyObject* self) noexcept {
    HostCallableObject& dying = of(self);
    PyObject_GC_UnTrack(self);
    if (dying.owner != nullptr) {
      dying.owner->alive_.erase(dying.id);  // first: from here on the callable may come again as a new object
      host(self).release_callable(dying.id, dying.references);
    }
    if (dying.weak_references != nullptr) PyObject_ClearWeakRefs(self);
    Py_CLEAR(dying.names);
    Py_CLEAR(dying.dict);
    PyTypeObject* type = Py_TYPE(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
  }

  static int traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(of(self).names);
    Py_VISIT(of(self).dict);
    return 0;
  }

  static int clear(PyObject* self) {
    Py_CLEAR(of(self).dict);
    return 0;
  }
};

namespace {

using Self = HostCallableObject;

Ref name_of(PyObject* self) {
  if (Self::of(self).dict != nullptr) {
    if (PyObject* name = PyDict_GetItemString(Self::of(self).dict, "__name__")) return Ref::borrow(name);
  }
  return checked(PyUnicode_FromString("callback"));
}

// Calls `ask` with the name that tracebacks show.
template <class Ask>
PyObject* named_call(PyObject* self, Ask ask) noexcept {
  try {
    check_stack_room();
    const Ref name = name_of(self);
    const char* text = PyUnicode_Check(name.get()) != 0 ? PyUnicode_AsUTF8AndSize(name.get(), nullptr) : nullptr;
    if (text == nullptr) PyErr_Clear();
    return Ref(ask(Self::host(self), Self::of(self).id, text != nullptr ? text : "callback")).release();
  } catch (const PythonRaised&) {
  } catch (const std::exception&) {
    set_python_error();
  }
  return nullptr;
}

PyObject* call(PyObject* self, PyObject* arguments, PyObject* keywords) noexcept {
  return named_call(self, [&](CallableHost& host, std::uint64_t id, const char* name) {
    return host.call(id, arguments, keywords, name);
  });
}

PyObject* start(PyObject* self, PyObject* arguments, PyObject* keywords) noexcept {
  return named_call(self, [&](CallableHost& host, std::uint64_t id, const char* name) {
    return host.start(id, arguments, keywords, name);
  });
}

PyObject* represent(PyObject* self) noexcept {
  if (PyTuple_Check(Self::of(self).names) == 0) return PyUnicode_FromString("<C++ function>");
  const Ref comma = Ref::steal(PyUnicode_FromString(", "));
  const Ref list = comma ? Ref::steal(PyUnicode_Join(comma.get(), Self::of(self).names)) : Ref();
  return list ? PyUnicode_FromFormat("<C++ function (%U)>", list.get()) : nullptr;
}

PyObject* get_name(PyObject* self, void*) noexcept {
  try {
    return name_of(self).release();
  } catch (const PythonRaised&) {
    return nullptr;
  }
}

int set_name(PyObject* self, PyObject* name, void*) noexcept {
  const Ref dict = Ref::steal(PyObject_GenericGetDict(self, nullptr));
  if (!dict) return -1;
  return name != nullptr ? PyDict_SetItemString(dict.get(), "__name__", name)
                         : PyDict_DelItemString(dict.get(), "__name__");
}

PyObject* get_signature(PyObject* self, void*) noexcept {
  const Ref module = Ref::steal(PyImport_ImportModule("py4cpp._introspect"));
  return module ? PyObject_CallMethod(module.get(), "signature_of", "(O)", Self::of(self).names) : nullptr;
}

PyTypeObject* make_type() {
  static PyMemberDef members[] = {
      {"__dictoffset__", T_PYSSIZET, offsetof(Self, dict), READONLY, nullptr},
      {"__weaklistoffset__", T_PYSSIZET, offsetof(Self, weak_references), READONLY, nullptr},
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
  static PyType_Spec spec{"py4cpp.HostCallable", sizeof(Self), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)).release());
}

}  // namespace

PyTypeObject* host_callable_type() {
  static PyTypeObject* type = nullptr;  // the GIL is its lock
  if (type == nullptr) type = make_type();
  return type;
}

Ref HostCallables::make(std::uint64_t id, const Ref& names) {
  if (const auto found = alive_.find(id); found != alive_.end()) {
    ++HostCallableObject::of(found->second).references;
    return Ref::borrow(found->second);
  }
  try {
    const Ref made = checked(PyType_GenericAlloc(host_callable_type(), 0));
    alive_.emplace(id, made.get());
    HostCallableObject& callable = HostCallableObject::of(made.get());
    callable.id = id;
    callable.references = 1;
    callable.names = Ref(names).release();
    callable.owner = this;
    return made;
  } catch (const std::exception&) {
    host_.release_callable(id, 1);
    PyErr_NoMemory();
    throw PythonRaised{};
  } catch (const PythonRaised&) {
    host_.release_callable(id, 1);
    throw;
  }
}

std::optional<std::uint64_t> HostCallables::id_of(PyObject* object) noexcept {
  try {
    if (Py_TYPE(object) != host_callable_type()) return std::nullopt;
  } catch (const PythonRaised&) {
    PyErr_Clear();
    return std::nullopt;
  }
  return HostCallableObject::of(object).id;
}

}  // namespace py4cpp
