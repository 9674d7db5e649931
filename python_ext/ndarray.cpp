#include "ndarray.hpp"

#include "shared_block.hpp"

#include <py4cpp/error.hpp>

#include <cstring>
#include <string>
#include <utility>

namespace py4cpp {

namespace {

constexpr std::size_t alignment(DType dtype) {
  const bool complex = dtype == complex64 || dtype == complex128;
  return complex ? dtype.itemsize() / 2 : dtype.itemsize();
}

Shape shape_of(const ArrayFields& array) { return Shape(array.dimensions, array.dimensions + array.nd); }

// How the array lies in memory; nothing if C++ couldn't read it there: unaligned, or a stride that is no multiple of
// the item size.
std::optional<Layout> layout_of(const ArrayFields& array, DType dtype) {
  Layout layout;
  layout.dtype = dtype;
  layout.shape = shape_of(array);
  const auto itemsize = static_cast<std::intptr_t>(dtype.itemsize());
  const bool has_elements = layout.size() > 0;
  layout.strides.reserve(layout.shape.size());
  for (std::size_t i = 0; i < layout.shape.size(); ++i) {
    const std::intptr_t bytes = array.strides[i];
    const bool is_multiple = bytes % itemsize == 0;
    if (!is_multiple && has_elements && layout.shape[i] > 1) return std::nullopt;
    layout.strides.push_back(is_multiple ? bytes / itemsize : 0);
  }
  if (has_elements && reinterpret_cast<std::uintptr_t>(array.data) % alignment(dtype) != 0) return std::nullopt;
  return layout;
}

// The block that holds every element, or null.
std::shared_ptr<Block> block_of(const ArrayFields& array, const Layout& layout, Arena& arena) {
  std::shared_ptr<Block> block = exported_block(array.data);
  if (!block) block = arena.containing(array.data);
  if (!block) return nullptr;
  const Layout::Span span = layout.span();
  const std::ptrdiff_t start = array.data - block->data();
  const auto size = static_cast<std::ptrdiff_t>(block->size());
  return start + span.first >= 0 && start + span.past <= size ? block : nullptr;
}

void write_copy(const Numpy& numpy, PyObject* array, const Layout& row_major, ValueWriter& writer,
                Conversion& conversion) {
  const bool writable = Numpy::is_writable(Numpy::fields(array));
  const std::size_t size = row_major.nbytes();
  if (size <= conversion.inline_limit_after(writer.byte_pool().size())) {
    numpy.copy_elements(array, row_major, writer.inline_array(row_major, writable));
  } else {
    const std::shared_ptr<Block> block = conversion.allocate(size);
    numpy.copy_elements(array, row_major, block->data());
    writer.array(row_major, block->data(), writable, block, true);
  }
  conversion.sent.copied(size);
}

Ref array_in_block(const Numpy& numpy, const Layout& layout, std::byte* data, bool writable,
                   std::shared_ptr<Block> block) {
  return numpy.view(layout, data, writable, make_shared_block(std::move(block), writable));
}

const ForkMark loaded_in;

void check_not_forked() {
  if (loaded_in.same_process()) return;
  throw Error(ErrorKind::invalid, "a process forked from a py4cpp worker has no part in its shared memory");
}

Ref new_shared_array(const Numpy& numpy, DType dtype, Shape shape) {
  check_not_forked();
  const Layout layout = Layout::row_major(dtype, std::move(shape));
  std::shared_ptr<Block> block = allocate_block(*process_arena(), layout.nbytes());
  std::byte* data = block->data();
  return array_in_block(numpy, layout, data, true, std::move(block));
}

// Of the dtype that is asked for; TypeError if arrays of it can't pass.
DType shareable(const Numpy& numpy, PyObject* descr) {
  const std::optional<DType> dtype = numpy.dtype_of(descr);
  if (dtype) return *dtype;
  PyErr_Format(PyExc_TypeError, "arrays of %R can't lie in shared memory", descr);
  throw PythonRaised{};
}

std::size_t extent(PyObject* object) {
  const Py_ssize_t value = PyNumber_AsSsize_t(object, PyExc_OverflowError);
  if (value == -1 && PyErr_Occurred() != nullptr) throw PythonRaised{};
  if (value < 0) raise_python(PyExc_ValueError, "negative dimensions are not allowed");
  return static_cast<std::size_t>(value);
}

Shape parse_shape(PyObject* object) {
  if (PyIndex_Check(object) != 0) return {extent(object)};
  const Ref extents = checked(PySequence_Tuple(object));
  Shape shape;
  const Py_ssize_t count = PyTuple_Size(extents.get());
  for (Py_ssize_t i = 0; i < count; ++i) shape.push_back(extent(PyTuple_GetItem(extents.get(), i)));
  return shape;
}

}  // namespace

Ref array_from_wire(const ArrayPlace& place, Conversion& conversion) {
  if (!place.is_inline) {
    std::shared_ptr<Block> block = conversion.borrow(place.block);
    std::byte* data = block->data() + place.data_offset;
    return array_in_block(Numpy::get(), place.layout, data, place.writable, std::move(block));
  }
  Ref array = Numpy::get().empty(place.layout.dtype, place.layout.shape);
  if (!place.bytes.empty()) std::memcpy(Numpy::fields(array.get()).data, place.bytes.data(), place.bytes.size());
  if (!place.writable) Numpy::make_read_only(array.get());
  return array;
}

bool array_to_wire(const Numpy& numpy, PyObject* array, ValueWriter& writer, Conversion& conversion) {
  const ArrayFields& seen = Numpy::fields(array);
  const std::optional<DType> dtype = numpy.dtype_of(seen.descr);
  if (!dtype) return false;
  try {
    if (const std::optional<Layout> layout = layout_of(seen, *dtype)) {
      if (const std::shared_ptr<Block> block = block_of(seen, *layout, *conversion.arena)) {
        writer.array(*layout, seen.data, Numpy::is_writable(seen), block);
        conversion.sent.shared(layout->nbytes());
        return true;
      }
    }
    write_copy(numpy, array, Layout::row_major(*dtype, shape_of(seen)), writer, conversion);
  } catch (const Error& error) {  // a broadcast array of more elements than there are addresses
    raise_python(PyExc_ValueError, error.what());
  }
  return true;
}

PyObject* native_empty(PyObject*, PyObject* args, PyObject* kwargs) noexcept {
  return guarded([&] {
    static const char* names[] = {"shape", "dtype", nullptr};
    PyObject *shape = nullptr, *wanted = Py_None;
    if (PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:empty", const_cast<char**>(names), &shape, &wanted) == 0) {
      throw PythonRaised{};
    }
    const Numpy& numpy = Numpy::get();
    return new_shared_array(numpy, shareable(numpy, numpy.descr_of(wanted).get()), parse_shape(shape));
  });
}

PyObject* native_shared_like(PyObject*, PyObject* array) noexcept {
  return guarded([&] {
    const Numpy& numpy = Numpy::get();
    const Ref original = numpy.is_array(array) ? Ref::borrow(array) : numpy.as_array(array);
    const ArrayFields& seen = Numpy::fields(original.get());
    const DType dtype = shareable(numpy, seen.descr);
    Ref copy = new_shared_array(numpy, dtype, shape_of(seen));
    numpy.copy_elements(original.get(), Layout::row_major(dtype, shape_of(seen)), Numpy::fields(copy.get()).data);
    return copy;
  });
}

PyObject* native_is_shared(PyObject*, PyObject* array) noexcept {
  return guarded([&] {
    check_not_forked();
    const Numpy* numpy = Numpy::if_imported();
    if (numpy == nullptr || !numpy->is_array(array)) return Ref::borrow(Py_False);
    const std::byte* data = Numpy::fields(array).data;
    const bool shared = exported_block(data) != nullptr || process_arena()->containing(data) != nullptr;
    return Ref::borrow(shared ? Py_True : Py_False);
  });
}

}  // namespace py4cpp
