#include "as_object.hpp"

namespace py4cpp {

namespace {

struct AsObject {
  PyObject head;
  PyObject* object;

  static AsObject& of(PyObject* self) noexcept { return *reinterpret_cast<AsObject*>(self); }
};

void deallocate(PyObject* self) noexcept {
  Py_CLEAR(AsObject::of(self).object);
  PyTypeObject* type = Py_TYPE(self);
  PyObject_Free(self);
  Py_DECREF(type);
}

PyTypeObject* made = nullptr;  // by the first; the GIL is its lock

PyTypeObject* type() {
  if (made != nullptr) return made;
  static PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(&deallocate)}, {0, nullptr}};
  static PyType_Spec spec{"py4cpp.AsObject", sizeof(AsObject), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return made = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)).release());
}

}  // namespace

Ref as_object(PyObject* object) {
  Ref made_now = checked(PyType_GenericAlloc(type(), 0));
  AsObject::of(made_now.get()).object = Ref::borrow(object).release();
  return made_now;
}

PyObject* stands_for(PyObject* object) noexcept {
  return made != nullptr && Py_TYPE(object) == made ? AsObject::of(object).object : nullptr;
}

}  // namespace py4cpp
