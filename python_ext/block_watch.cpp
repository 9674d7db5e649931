#include "block_watch.hpp"

#include "shared_block.hpp"

#include <memory>
#include <new>
#include <utility>

namespace py4cpp {

namespace {

struct BlockWatch {
  PyObject head;
  std::weak_ptr<Block> block;
};

BlockWatch& of(PyObject* object) noexcept { return *reinterpret_cast<BlockWatch*>(object); }

void deallocate(PyObject* self) noexcept {
  PyTypeObject* type = Py_TYPE(self);
  of(self).block.~weak_ptr();
  PyObject_Free(self);
  Py_DECREF(reinterpret_cast<PyObject*>(type));
}

PyObject* alive(PyObject* self, PyObject*) noexcept { return PyBool_FromLong(of(self).block.expired() ? 0 : 1); }

PyTypeObject* type() {
  static PyMethodDef methods[] = {{"alive", alive, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};
  static PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(&deallocate)}, {Py_tp_methods, methods}, {0, nullptr}};
  static PyType_Spec spec{"py4cpp._native.BlockWatch", sizeof(BlockWatch), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots};
  static PyTypeObject* made = nullptr;  // the GIL is its lock
  if (made == nullptr) made = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)).release());
  return made;
}

}  // namespace

PyObject* native_watch(PyObject*, PyObject* exporter) noexcept {
  try {
    std::weak_ptr<Block> block = block_of(exporter);
    BlockWatch* made = PyObject_New(BlockWatch, type());
    if (made == nullptr) return nullptr;
    new (&made->block) std::weak_ptr<Block>(std::move(block));
    return reinterpret_cast<PyObject*>(made);
  } catch (const PythonRaised&) {
    return nullptr;
  }
}

}  // namespace py4cpp
