#include "object_table.hpp"

#include <utility>

namespace py4cpp {

std::uint64_t ObjectTable::add(Ref object) {
  const std::uint64_t id = ++last_;
  entries_.emplace(id, Entry{std::move(object), false});
  return id;
}

void ObjectTable::put(std::uint64_t id, Entry entry) {
  std::swap(entries_[id], entry);  // what was there dies with `entry`, when the table is in order
}

void ObjectTable::keep(std::uint64_t call, Ref result) { put(call, {std::move(result), false}); }

void ObjectTable::keep_exception(std::uint64_t call, Ref exception) { put(call, {std::move(exception), true}); }

Ref ObjectTable::get(std::uint64_t id) const {
  const auto found = entries_.find(id);
  if (found == entries_.end()) raise_python(PyExc_RuntimeError, "this Python process holds no such object");
  Ref object = found->second.object;
  if (found->second.failed) {
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(object.get())), object.get());
    throw PythonRaised{};
  }
  return object;
}

void ObjectTable::drop(std::uint64_t id) noexcept {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  const Ref last = std::move(found->second.object);
  entries_.erase(found);
}

void ObjectTable::clear() noexcept {
  auto entries = std::move(entries_);
  entries_.clear();
}

}  // namespace py4cpp
