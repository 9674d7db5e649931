#include "to_wire.hpp"

#include "as_object.hpp"
#include "message.hpp"
#include "ndarray.hpp"
#include "object_table.hpp"
#include "saved_error.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace py4cpp {

namespace {

using wire::Kind;

// A message holds little more (src/message.hpp). Seen here, the error can say what to do, and a list that reaches the
// same lists on ever more ways ends in one.
constexpr std::size_t most_bytes = max_message_size - (std::size_t{1} << 20);

// Up to this depth containers on the path are searched one by one, below it in a hash table.
constexpr std::size_t shallow = 32;

// Longer texts are looked at before they are encoded, since encoding keeps a second copy.
constexpr Py_ssize_t long_text = 1 << 12;

// ---- text

// As a node of the kind, or of its inline twin.
void write_text(Kind shared_kind, std::string_view text, ValueWriter& writer, Conversion& conversion) {
  if (text.size() <= conversion.inline_limit_after(writer.byte_pool().size())) {
    return shared_kind == Kind::shared_string ? writer.string(text) : writer.bytes(text);
  }
  const std::shared_ptr<Block> block = conversion.allocate(text.size());
  copy_memory(block->data(), text.data(), text.size());
  writer.shared_text(shared_kind, block, text.size());
}

std::string_view contents(PyObject* bytes) {
  return {PyBytes_AsString(bytes), static_cast<std::size_t>(PyBytes_Size(bytes))};
}

// Whether asking the str for its UTF-8 costs no memory that stays with it.
bool is_cheap(PyObject* text) {
  if (PyUnicode_GetLength(text) < long_text) return true;
  const Ref ascii = checked(PyObject_CallMethod(text, "isascii", nullptr));
  return ascii.get() == Py_True;
}

void write_string(PyObject* text, ValueWriter& writer, Conversion& conversion) {
  if (is_cheap(text)) {
    Py_ssize_t size = 0;
    if (const char* utf8 = PyUnicode_AsUTF8AndSize(text, &size)) {
      return write_text(Kind::shared_string, {utf8, static_cast<std::size_t>(size)}, writer, conversion);
    }
    if (PyErr_ExceptionMatches(PyExc_UnicodeEncodeError) == 0) throw PythonRaised{};
    PyErr_Clear();  // lone surrogates
  }
  const Ref utf8 = checked(PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass"));
  write_text(Kind::shared_string, contents(utf8.get()), writer, conversion);
}

// ---- numbers

void write_integer(PyObject* number, ValueWriter& writer) {
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
  if (value == -1 && overflow == 0 && PyErr_Occurred() != nullptr) throw PythonRaised{};
  if (overflow == 0) return writer.integer(value);
  const Ref text = checked(PyNumber_ToBase(number, 16));  // "0x1f" or "-0x1f"
  Py_ssize_t size = 0;
  const char* digits = PyUnicode_AsUTF8AndSize(text.get(), &size);
  if (digits == nullptr) throw PythonRaised{};
  std::string signed_hex(1, overflow < 0 ? '-' : '+');
  signed_hex += std::string_view(digits, static_cast<std::size_t>(size)).substr(overflow < 0 ? 3 : 2);
  writer.big_integer(signed_hex);
}

void write_floating(PyObject* number, ValueWriter& writer) {
  const double value = PyFloat_AsDouble(number);
  if (value == -1.0 && PyErr_Occurred() != nullptr) throw PythonRaised{};
  writer.floating(value);
}

void write_complex(PyObject* number, ValueWriter& writer) {
  writer.complex(PyComplex_RealAsDouble(number), PyComplex_ImagAsDouble(number));
}

// ---- what has a module of its own

PyObject* timedelta_type() {
  static PyObject* type = nullptr;  // with the GIL as its lock: a C++ guard could wait for a thread that needs it
  if (type == nullptr) {
    const Ref module = checked(PyImport_ImportModule("datetime"));
    type = attribute(module.get(), "timedelta").release();
  }
  return type;
}

void write_timedelta(PyObject* delta, ValueWriter& writer) {
  std::array<long long, 3> parts{};
  constexpr std::array names = {"days", "seconds", "microseconds"};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Ref part = attribute(delta, names[i]);
    parts[i] = PyLong_AsLongLong(part.get());
    if (parts[i] == -1 && PyErr_Occurred() != nullptr) throw PythonRaised{};
  }
  writer.timedelta(parts[0], parts[1] * 1'000'000 + parts[2]);
}

void write_scalar(Numpy::Scalar kind, PyObject* scalar, ValueWriter& writer, Conversion& conversion) {
  switch (kind) {
    case Numpy::Scalar::truth: {
      const int truth = PyObject_IsTrue(scalar);
      checked(truth);
      return writer.boolean(truth != 0);
    }
    case Numpy::Scalar::integer:
      return write_integer(checked(PyNumber_Index(scalar)).get(), writer);
    case Numpy::Scalar::floating:
      return write_floating(scalar, writer);
    case Numpy::Scalar::complex: {
      auto* type = reinterpret_cast<PyObject*>(&PyComplex_Type);
      return write_complex(checked(PyObject_CallFunctionObjArgs(type, scalar, nullptr)).get(), writer);
    }
    case Numpy::Scalar::bytes:
      return write_text(Kind::shared_bytes, contents(scalar), writer, conversion);
    case Numpy::Scalar::string:
      return write_string(scalar, writer, conversion);
  }
}

void write_handle(PyObject* object, ValueWriter& writer, Conversion& conversion) {
  const std::uint64_t id = conversion.objects.add(Ref::borrow(object));
  try {
    writer.object(id);
  } catch (...) {
    conversion.objects.drop(id);
    throw;
  }
}

void write_other(PyObject* object, ValueWriter& writer, Conversion& conversion) {
  if (const auto id = conversion.callable_id(object)) {
    writer.callable(*id);
    return writer.none();  // the host knows its face
  }
  if (PyObject* meant = stands_for(object)) return write_handle(meant, writer, conversion);
  if (const Numpy* numpy = Numpy::if_imported()) {
    if (numpy->is_exact_array(object)) {
      if (array_to_wire(*numpy, object, writer, conversion)) return;
    } else if (const auto kind = numpy->scalar_kind(object)) {
      return write_scalar(*kind, object, writer, conversion);
    }
  }
  if (reinterpret_cast<PyObject*>(Py_TYPE(object)) == timedelta_type()) return write_timedelta(object, writer);
  write_handle(object, writer, conversion);
}

// ---- containers

// One that is being written. Its size was taken at the start and is checked at each step: another thread may change it
// while a child is written.
struct Frame {
  Kind kind = Kind::none;
  Py_ssize_t size = 0;  // items; for a dict, pairs
  Py_ssize_t index = 0;
  Py_ssize_t position = 0;  // dict
  Ref container;
  Ref iterator;  // set, frozenset
  Ref value;     // dict: of the key just taken
};

class Writing {
 public:
  Writing(ValueWriter& writer, Conversion& conversion) : writer_(writer), conversion_(conversion) {}

  void write(PyObject* root);

 private:
  bool enter(PyObject* object);
  bool is_open(PyObject* container) const;
  void leave();
  void check_room() const;

  ValueWriter& writer_;
  Conversion& conversion_;
  std::vector<Frame> frames_;            // the path from the root
  std::unordered_set<PyObject*> below_;  // its containers deeper than `shallow`
};

std::optional<Kind> container_kind(PyTypeObject* type) {
  if (type == &PyList_Type) return Kind::list;
  if (type == &PyDict_Type) return Kind::dict;
  if (type == &PyTuple_Type) return Kind::tuple;
  if (type == &PySet_Type) return Kind::set;
  if (type == &PyFrozenSet_Type) return Kind::frozenset;
  return std::nullopt;
}

// Whether the object was one of the plain values that most objects are.
bool write_plain(PyObject* object, PyTypeObject* type, ValueWriter& writer, Conversion& conversion) {
  if (type == &PyFloat_Type) {
    writer.floating(PyFloat_AsDouble(object));
  } else if (type == &PyLong_Type) {
    write_integer(object, writer);
  } else if (type == &PyUnicode_Type) {
    write_string(object, writer, conversion);
  } else if (object == Py_None) {
    writer.none();
  } else if (type == &PyBool_Type) {
    writer.boolean(object == Py_True);
  } else if (type == &PyBytes_Type) {
    write_text(Kind::shared_bytes, contents(object), writer, conversion);
  } else if (type == &PyComplex_Type) {
    write_complex(object, writer);
  } else {
    return false;
  }
  return true;
}

[[noreturn]] void report_change() {
  raise_python(PyExc_RuntimeError, "a container changed while it was being sent to C++");
}

Py_ssize_t size_of(Kind kind, PyObject* container) {
  switch (kind) {
    case Kind::list:
      return PyList_Size(container);
    case Kind::tuple:
      return PyTuple_Size(container);
    case Kind::dict:
      return PyDict_Size(container);
    default:
      return PySet_Size(container);
  }
}

// The next child, which the frame or the caller holds on to: user code may empty the container meanwhile.
Ref next_child(Frame& frame) {
  if (frame.value) return std::exchange(frame.value, nullptr);
  PyObject* container = frame.container.get();
  if (size_of(frame.kind, container) != frame.size) report_change();
  switch (frame.kind) {
    case Kind::list:
      return Ref::borrow(PyList_GetItem(container, frame.index++));
    case Kind::tuple:
      return Ref::borrow(PyTuple_GetItem(container, frame.index++));
    case Kind::dict: {
      PyObject *key = nullptr, *value = nullptr;
      if (PyDict_Next(container, &frame.position, &key, &value) == 0) report_change();
      ++frame.index;
      frame.value = Ref::borrow(value);
      return Ref::borrow(key);
    }
    default: {
      Ref child = Ref::steal(PyIter_Next(frame.iterator.get()));
      if (!child && PyErr_Occurred() == nullptr) report_change();
      if (!child) throw PythonRaised{};
      ++frame.index;
      return child;
    }
  }
}

bool at_end(const Frame& frame) { return frame.index == frame.size && !frame.value; }

bool Writing::is_open(PyObject* container) const {
  for (std::size_t i = 0; i < frames_.size() && i < shallow; ++i) {
    if (frames_[i].container.get() == container) return true;
  }
  return frames_.size() > shallow && below_.contains(container);
}

void Writing::check_room() const {
  if (writer_.size_estimate() <= most_bytes) return;
  raise_python(PyExc_ValueError,
               "too much for one message (1 GiB of values, at 16 bytes each and the length of small texts): pass it as "
               "an Object, or as a numpy array");
}

// Writes the object; true if it is a container whose children are to follow, in frames_.back().
bool Writing::enter(PyObject* object) {
  check_room();
  PyTypeObject* type = Py_TYPE(object);
  if (write_plain(object, type, writer_, conversion_)) return false;
  const std::optional<Kind> kind = container_kind(type);
  if (!kind) {
    write_other(object, writer_, conversion_);
    return false;
  }
  if (is_open(object)) {
    write_handle(object, writer_, conversion_);
    return false;
  }
  Frame frame;
  frame.kind = *kind;
  frame.container = Ref::borrow(object);
  if (*kind == Kind::set || *kind == Kind::frozenset) frame.iterator = checked(PyObject_GetIter(object));
  frame.size = size_of(*kind, object);
  writer_.begin(*kind, static_cast<std::size_t>(frame.size));
  if (frame.size == 0) return false;
  if (frames_.size() >= shallow) below_.insert(object);
  frames_.push_back(std::move(frame));
  return true;
}

void Writing::leave() {
  if (frames_.size() > shallow) below_.erase(frames_.back().container.get());
  frames_.pop_back();
}

void Writing::write(PyObject* root) {
  enter(root);
  while (!frames_.empty()) {
    Frame& frame = frames_.back();
    if (at_end(frame)) {
      leave();
    } else {
      enter(next_child(frame).get());
    }
  }
}

}  // namespace

void to_wire(PyObject* object, ValueWriter& writer, Conversion& conversion) {
  if (write_plain(object, Py_TYPE(object), writer, conversion)) return;
  Writing(writer, conversion).write(object);
}

void take_back(ValueWriter& writer, Conversion& conversion) noexcept {
  SavedError error;  // destructors are user code
  for (const std::uint64_t id : writer.objects()) conversion.objects.drop(id);
  error.restore();
  writer.clear();
}

}  // namespace py4cpp
