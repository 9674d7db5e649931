#include "host_reference.hpp"

#include "conversion.hpp"
#include "stack_room.hpp"

#include <structmember.h>

#include <cstddef>
#include <utility>

namespace py4cpp {

using Self = HostReferenceObject;

// ---- the type

void HostReferenceObject::deallocate(PyObject* self) noexcept {
  Self& dying = of(self);
  PyObject_GC_UnTrack(self);
  if (dying.owner != nullptr) {
    dying.owner->alive_.erase(dying.id);  // first: from here on the callable may come again as a new object
    dying.owner->host_.release_callable(dying.id, dying.references);
  }
  if (dying.weak_references != nullptr) PyObject_ClearWeakRefs(self);
  Py_CLEAR(dying.face);
  Py_CLEAR(dying.extra);
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_Del(self);
  Py_DECREF(type);
}

int HostReferenceObject::traverse(PyObject* self, visitproc visit, void* arg) noexcept {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(of(self).face);
  Py_VISIT(of(self).extra);
  return 0;
}

int HostReferenceObject::clear(PyObject* self) noexcept {
  Py_CLEAR(of(self).extra);
  return 0;
}

// The host of a reference that came from it.
CallableHost& HostReferenceObject::host(PyObject* self) {
  check_stack_room();
  if (of(self).owner == nullptr) raise_python(PyExc_TypeError, "this object refers to nothing in the C++ program");
  return of(self).owner->host_;
}

Ref HostReferenceObject::call(PyObject* self, PyObject* arguments, PyObject* keywords, const char* name) {
  return host(self).call(of(self).id, arguments, keywords, name);
}

Ref HostReferenceObject::start(PyObject* self, PyObject* arguments, PyObject* keywords, const char* name) {
  return host(self).start(of(self).id, arguments, keywords, name);
}

PyTypeObject* make_host_type(const char* name, PyType_Slot* slots, unsigned flags) {
  PyType_Spec spec{name, sizeof(Self), 0,
                   static_cast<unsigned>(Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC) |
                       static_cast<unsigned>(Py_TPFLAGS_DISALLOW_INSTANTIATION) | flags,
                   slots};
  auto* base = reinterpret_cast<PyObject*>(host_reference_type());
  return reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpecWithBases(&spec, base)).release());
}

namespace {

PyTypeObject* make_type() {
  static PyMemberDef members[] = {
      {"__weaklistoffset__", T_PYSSIZET, offsetof(Self, weak_references), READONLY, nullptr},
      {nullptr, 0, 0, 0, nullptr}};
  static char doc[] = "Something of the C++ program that Python holds.";
  static PyType_Slot slots[] = {{Py_tp_doc, doc},
                                {Py_tp_dealloc, reinterpret_cast<void*>(&Self::deallocate)},
                                {Py_tp_traverse, reinterpret_cast<void*>(&Self::traverse)},
                                {Py_tp_clear, reinterpret_cast<void*>(&Self::clear)},
                                {Py_tp_members, members},
                                {0, nullptr}};
  static PyType_Spec spec{
      "py4cpp.HostReference", sizeof(Self), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)).release());
}

// The type of what has this face.
Ref type_for(PyObject* face) {
  if (face == Py_None || PyTuple_Check(face) != 0) {
    return Ref::borrow(reinterpret_cast<PyObject*>(host_callable_type()));
  }
  if (PyUnicode_Check(face) != 0) return Ref::borrow(reinterpret_cast<PyObject*>(host_iterator_type()));
  if (PyDict_Check(face) != 0 && PyDict_GetItemString(face, "objects") != nullptr) {
    return Ref::borrow(reinterpret_cast<PyObject*>(host_callable_type()));
  }
  const Ref module = checked(PyImport_ImportModule("py4cpp._host"));
  Ref type = checked(PyObject_CallMethod(module.get(), "class_for", "(O)", face));
  if (PyType_Check(type.get()) == 0 ||
      PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(type.get()), host_reference_type()) == 0) {
    raise_python(PyExc_TypeError, "py4cpp._host.class_for made no class of HostReference");
  }
  return type;
}

}  // namespace

PyTypeObject* host_reference_type() {
  static PyTypeObject* type = nullptr;  // the GIL is its lock
  if (type == nullptr) type = make_type();
  return type;
}

// ---- those that are alive

// One reference more to the object that stands for the callable, if it is alive.
PyObject* HostReferences::known(std::uint64_t id) noexcept {
  const auto found = alive_.find(id);
  if (found == alive_.end()) return nullptr;
  ++Self::of(found->second).references;
  return found->second;
}

Ref HostReferences::make(std::uint64_t id, const Ref& face) {
  if (PyObject* object = known(id)) return Ref::borrow(object);
  try {
    const Ref type = type_for(face.get());  // may run Python code, and other threads meanwhile
    if (PyObject* object = known(id)) return Ref::borrow(object);
    const Ref made = checked(PyType_GenericAlloc(reinterpret_cast<PyTypeObject*>(type.get()), 0));
    alive_.emplace(id, made.get());
    Self& reference = Self::of(made.get());
    reference.id = id;
    reference.references = 1;
    reference.face = Ref(face).release();
    reference.owner = this;
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

std::optional<std::uint64_t> HostReferences::id_of(PyObject* object) noexcept {
  try {
    if (PyType_IsSubtype(Py_TYPE(object), host_reference_type()) == 0) return std::nullopt;
  } catch (const PythonRaised&) {
    PyErr_Clear();
    return std::nullopt;
  }
  return Self::of(object).owner != nullptr ? std::optional(Self::of(object).id) : std::nullopt;
}

Ref invoke(PyObject* arguments) {
  PyObject *reference = nullptr, *given = nullptr, *keywords = nullptr;
  const char* name = nullptr;
  if (PyArg_ParseTuple(arguments, "O!sO!O", host_reference_type(), &reference, &name, &PyTuple_Type, &given,
                       &keywords) == 0) {
    throw PythonRaised{};
  }
  if (keywords != Py_None && PyDict_Check(keywords) == 0) raise_python(PyExc_TypeError, "keywords must be a dict");
  return Self::call(reference, given, keywords != Py_None ? keywords : nullptr, name);
}

}  // namespace py4cpp
