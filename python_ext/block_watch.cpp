#include "block_watch.hpp"

#include "conversion.hpp"
#include "numpy_api.hpp"
#include "shared_block.hpp"

#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace py4cpp {

namespace {

struct BlockWatch {
  PyObject head;
  std::vector<std::weak_ptr<Block>> blocks;
};

BlockWatch& of(PyObject* object) noexcept { return *reinterpret_cast<BlockWatch*>(object); }

PyObject* create(PyTypeObject* type, PyObject*, PyObject*) noexcept {
  BlockWatch* made = PyObject_New(BlockWatch, type);
  if (made == nullptr) return nullptr;
  new (&made->blocks) std::vector<std::weak_ptr<Block>>();
  return reinterpret_cast<PyObject*>(made);
}

void deallocate(PyObject* self) noexcept {
  PyTypeObject* type = Py_TYPE(self);
  of(self).blocks.~vector();
  PyObject_Free(self);
  Py_DECREF(reinterpret_cast<PyObject*>(type));
}

std::size_t count_alive(BlockWatch& watch) noexcept {
  std::erase_if(watch.blocks, [](const auto& block) { return block.expired(); });
  return watch.blocks.size();
}

PyObject* add(PyObject* self, PyObject* batch) noexcept {
  return guarded([&] {
    PyObject* array = nullptr;
    Py_ssize_t position = 0;
    if (PyDict_Check(batch) == 0 || PyDict_Next(batch, &position, nullptr, &array) == 0 ||
        !Numpy::get().is_array(array) || Numpy::fields(array).base == nullptr) {
      raise_python(PyExc_ValueError, "this is no dict of arrays that came from C++");
    }
    std::weak_ptr<Block> block = block_of(Numpy::fields(array).base);
    count_alive(of(self));
    of(self).blocks.push_back(std::move(block));
    return Ref::borrow(Py_None);
  });
}

PyObject* alive(PyObject* self, PyObject*) noexcept { return PyLong_FromSize_t(count_alive(of(self))); }

PyTypeObject* make_type() {
  static PyMethodDef methods[] = {
      {"add", add, METH_O, nullptr}, {"alive", alive, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};
  static PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(&create)},
                                {Py_tp_dealloc, reinterpret_cast<void*>(&deallocate)},
                                {Py_tp_methods, methods},
                                {0, nullptr}};
  static PyType_Spec spec{"py4cpp._native.BlockWatch", sizeof(BlockWatch), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, slots};
  return reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)).release());
}

}  // namespace

PyTypeObject* block_watch_type() {
  static PyTypeObject* type = nullptr;  // the GIL is its lock
  if (type == nullptr) type = make_type();
  return type;
}

}  // namespace py4cpp
