#include "shared_block.hpp"

#include <iterator>
#include <map>
#include <new>
#include <utility>

namespace py4cpp {

namespace {

struct SharedBlock;
using Exports = std::multimap<const std::byte*, const SharedBlock*>;

struct SharedBlock {
  PyObject head;
  std::shared_ptr<Block> block;
  std::shared_ptr<ReleaseSender> sender;  // null if it isn't urgent
  bool writable;
  Exports::iterator entry;
};

// Every living SharedBlock by the start of its block. The GIL guards it. Never destroyed: Python may drop objects after
// static destructors ran.
Exports& exports() {
  static auto& map = *new Exports;
  return map;
}

SharedBlock* self_of(PyObject* object) { return reinterpret_cast<SharedBlock*>(object); }

void dealloc(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  SharedBlock* self = self_of(object);
  exports().erase(self->entry);
  const std::shared_ptr<ReleaseSender> sender = self->block.use_count() == 1 ? std::move(self->sender) : nullptr;
  self->~SharedBlock();  // the block too, if this is the last one on it
  PyObject_Free(object);
  Py_DECREF(reinterpret_cast<PyObject*>(type));
  if (sender != nullptr) sender->send_released();
}

int get_buffer(PyObject* object, Py_buffer* view, int flags) {
  const SharedBlock* self = self_of(object);
  return PyBuffer_FillInfo(view, object, self->block->data(), static_cast<Py_ssize_t>(self->block->size()),
                           self->writable ? 0 : 1, flags);
}

Py_ssize_t length(PyObject* object) { return static_cast<Py_ssize_t>(self_of(object)->block->size()); }

template <class Function>
void* slot(Function* function) {
  return reinterpret_cast<void*>(function);
}

PyTypeObject* make_type() {
  static char doc[] = "A run of bytes in shared memory; the base of the arrays that lie on it.";
  PyType_Slot slots[] = {
      {Py_tp_doc, doc},
      {Py_tp_dealloc, slot(dealloc)},
      {Py_bf_getbuffer, slot(get_buffer)},
      {Py_sq_length, slot(length)},
      {0, nullptr},
  };
  PyType_Spec spec = {"py4cpp._native.SharedBlock", sizeof(SharedBlock), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots};
  return reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)).release());
}

PyTypeObject* type() {
  static PyTypeObject* made = nullptr;  // with the GIL as its lock: a C++ guard could wait for a thread that needs it
  if (made == nullptr) made = make_type();
  return made;
}

SharedBlock& checked_self(PyObject* exporter) {
  if (exporter == nullptr || Py_TYPE(exporter) != type())
    raise_python(PyExc_ValueError, "this is no block of shared memory");
  return *self_of(exporter);
}

}  // namespace

Ref make_shared_block(std::shared_ptr<Block> block, bool writable) {
  PyTypeObject* made = type();
  const auto entry = exports().emplace(block->data(), nullptr);
  SharedBlock* self = PyObject_New(SharedBlock, made);
  if (self == nullptr) {
    exports().erase(entry);
    throw PythonRaised{};
  }
  new (&self->block) std::shared_ptr<Block>(std::move(block));
  new (&self->entry) Exports::iterator(entry);
  new (&self->sender) std::shared_ptr<ReleaseSender>();
  self->writable = writable;
  entry->second = self;
  return Ref::steal(reinterpret_cast<PyObject*>(self));
}

std::shared_ptr<Block> exported_block(const std::byte* address) noexcept {
  const auto after = exports().upper_bound(address);
  if (after == exports().begin()) return nullptr;
  const SharedBlock* found = std::prev(after)->second;
  if (found == nullptr) return nullptr;  // being made
  const std::shared_ptr<Block>& block = found->block;
  return static_cast<std::size_t>(address - block->data()) <= block->size() ? block : nullptr;
}

std::shared_ptr<Block> block_of(PyObject* exporter) { return checked_self(exporter).block; }

void release_at_once(PyObject* exporter, std::shared_ptr<ReleaseSender> sender) {
  checked_self(exporter).sender = std::move(sender);
}

}  // namespace py4cpp
