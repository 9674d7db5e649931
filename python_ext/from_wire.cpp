#include "from_wire.hpp"

#include "fresh_copy.hpp"
#include "ndarray.hpp"
#include "object_table.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace py4cpp {

namespace {

using wire::Kind;

// Python hashes nested tuples and frozensets recursively, and would overflow the stack on deep ones.
constexpr std::uint32_t deepest_key = 10'000;

constexpr bool has_children(Kind kind) {
  switch (kind) {
    case Kind::list:
    case Kind::tuple:
    case Kind::set:
    case Kind::frozenset:
    case Kind::dict:
    case Kind::slice:
    case Kind::callable:
      return true;
    default:
      return false;
  }
}

const char* data_of(std::string_view text) { return text.empty() ? "" : text.data(); }

Ref decode(std::string_view text) {
  return checked(PyUnicode_DecodeUTF8(data_of(text), static_cast<Py_ssize_t>(text.size()), "surrogatepass"));
}

Ref make_bytes(std::string_view data) {
  constexpr std::size_t large = std::size_t{1} << 20;
  if (data.size() < large) {
    return checked(PyBytes_FromStringAndSize(data_of(data), static_cast<Py_ssize_t>(data.size())));
  }
  Ref bytes = checked(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(data.size())));
  copy_into_fresh(PyBytes_AsString(bytes.get()), data.data(), data.size());
  return bytes;
}

Ref make_shared_text(Kind kind, const ArrayPlace& place, Conversion& conversion) {
  const std::shared_ptr<Block> block = conversion.borrow(place.block);
  const auto* first = reinterpret_cast<const char*>(block->data() + place.data_offset);
  const std::string_view text(first, place.layout.size());
  return kind == Kind::shared_string ? decode(text) : make_bytes(text);
}

Ref make_timedelta(std::int64_t days, std::int64_t microseconds) {
  const Ref module = checked(PyImport_ImportModule("datetime"));
  const Ref type = attribute(module.get(), "timedelta");
  return checked(
      PyObject_CallFunction(type.get(), "LiL", static_cast<long long>(days), 0, static_cast<long long>(microseconds)));
}

// A container whose children aren't all there yet. Those of slices and callables are gathered in a tuple.
struct Frame {
  Kind kind = Kind::none;
  std::uint32_t height = 1;  // of the tallest child, plus one
  std::uint64_t bits = 0;    // of its node
  std::uint64_t wanted = 0;  // children
  std::uint64_t filled = 0;
  Ref object;
  Ref key;  // dict: waits for its value
};

class Builder {
 public:
  Builder(ValueReader& reader, Conversion& conversion) : reader_(reader), conversion_(conversion) {}

  Ref build();
  void discard() noexcept;  // what is left of the value, without touching a Python error

 private:
  ValueReader::Node next();
  std::int64_t next_integer();
  Ref leaf(const ValueReader::Node& node);
  Frame open(const ValueReader::Node& node);
  void put(Frame& frame, Ref child, std::uint32_t height);
  Ref close(Frame frame);
  void drop(const ValueReader::Node& node) noexcept;

  ValueReader& reader_;
  Conversion& conversion_;
  std::uint64_t outstanding_ = 1;  // values not yet taken
  std::vector<Frame> frames_;
};

ValueReader::Node Builder::next() {
  const ValueReader::Node node = reader_.next();
  outstanding_ += children(node.kind, node.bits);
  --outstanding_;
  return node;
}

std::int64_t Builder::next_integer() {
  const ValueReader::Node node = next();
  if (node.kind != Kind::integer) throw BadMessage("a timedelta of something else than integers");
  return node.integer();
}

Ref Builder::build() {
  for (;;) {
    const ValueReader::Node node = next();
    Ref value;
    std::uint32_t height = 0;
    if (has_children(node.kind)) {
      Frame frame = open(node);
      if (frame.wanted > 0) {
        frames_.push_back(std::move(frame));
        continue;
      }
      height = frame.height;
      value = close(std::move(frame));
    } else {
      value = leaf(node);
    }
    while (!frames_.empty()) {
      Frame& parent = frames_.back();
      put(parent, std::move(value), height);  // NOLINT(bugprone-use-after-move): each turn has a value of its own
      if (parent.filled < parent.wanted) break;
      height = parent.height;
      Frame full = std::move(parent);
      frames_.pop_back();
      value = close(std::move(full));
    }
    if (frames_.empty()) return value;  // NOLINT(bugprone-use-after-move): the outermost, closed last
  }
}

Ref Builder::leaf(const ValueReader::Node& node) {
  switch (node.kind) {
    case Kind::none:
      return Ref::borrow(Py_None);
    case Kind::boolean:
      return Ref::borrow(node.bits != 0 ? Py_True : Py_False);
    case Kind::integer:
      return checked(PyLong_FromLongLong(node.integer()));
    case Kind::big_integer:
      return checked(PyLong_FromString(std::string(reader_.text(node)).c_str(), nullptr, 16));
    case Kind::floating:
      return checked(PyFloat_FromDouble(node.floating()));
    case Kind::complex:
      return checked(PyComplex_FromDoubles(node.floating(), reader_.imaginary()));
    case Kind::string:
      return decode(reader_.text(node));
    case Kind::bytes:
      return make_bytes(reader_.text(node));
    case Kind::shared_string:
    case Kind::shared_bytes:
      return make_shared_text(node.kind, reader_.array(), conversion_);
    case Kind::timedelta: {
      const std::int64_t days = next_integer();
      return make_timedelta(days, next_integer());
    }
    case Kind::array:
      return array_from_wire(reader_.array(), conversion_);
    case Kind::object:
      return conversion_.objects.get(node.bits);
    default:
      throw BadMessage("a value of unknown kind");
  }
}

Frame Builder::open(const ValueReader::Node& node) {
  Frame frame;
  frame.kind = node.kind;
  frame.bits = node.bits;
  frame.wanted = children(node.kind, node.bits);
  const auto size = static_cast<Py_ssize_t>(frame.wanted);
  switch (node.kind) {
    case Kind::list:
      frame.object = checked(PyList_New(size));
      break;
    case Kind::set:
      frame.object = checked(PySet_New(nullptr));
      break;
    case Kind::frozenset:
      frame.object = checked(PyFrozenSet_New(nullptr));
      break;
    case Kind::dict:
      frame.object = checked(PyDict_New());
      break;
    default:
      frame.object = Ref::steal(PyTuple_New(size));
      if (frame.object) break;
      if (node.kind == Kind::callable) conversion_.drop_callable(node.bits);
      throw PythonRaised{};
  }
  return frame;
}

void check_key(std::uint32_t height) {
  if (height > deepest_key) raise_python(PyExc_RecursionError, "a key or set element is nested too deeply");
}

void Builder::put(Frame& frame, Ref child, std::uint32_t height) {
  const auto index = static_cast<Py_ssize_t>(frame.filled++);
  frame.height = std::max(frame.height, height + 1);
  switch (frame.kind) {
    case Kind::list:
      checked(PyList_SetItem(frame.object.get(), index, child.release()));
      return;
    case Kind::set:
    case Kind::frozenset:
      check_key(height);
      checked(PySet_Add(frame.object.get(), child.get()));
      return;
    case Kind::dict:
      if (index % 2 == 0) {
        check_key(height);
        frame.key = std::move(child);
      } else {
        checked(PyDict_SetItem(frame.object.get(), std::exchange(frame.key, nullptr).get(), child.get()));
      }
      return;
    default:
      checked(PyTuple_SetItem(frame.object.get(), index, child.release()));
  }
}

Ref Builder::close(Frame frame) {
  PyObject* items = frame.object.get();
  switch (frame.kind) {
    case Kind::slice:
      return checked(PySlice_New(PyTuple_GetItem(items, 0), PyTuple_GetItem(items, 1), PyTuple_GetItem(items, 2)));
    case Kind::callable:
      return conversion_.make_callable(frame.bits, Ref::borrow(PyTuple_GetItem(items, 0)));
    default:
      return std::move(frame.object);
  }
}

// What comes with the node must be given back even though nothing is made of it. A block that can't be borrowed is
// nothing that could be released.
void Builder::drop(const ValueReader::Node& node) noexcept try {
  switch (node.kind) {
    case Kind::string:
    case Kind::bytes:
    case Kind::big_integer:
      reader_.text(node);
      break;
    case Kind::complex:
      reader_.imaginary();
      break;
    case Kind::array:
    case Kind::shared_string:
    case Kind::shared_bytes:
      if (const ArrayPlace place = reader_.array(); !place.is_inline) conversion_.ledger.borrow(place.block);
      break;
    case Kind::callable:
      conversion_.drop_callable(node.bits);
      break;
    default:
      break;
  }
} catch (const std::exception&) {
}

void Builder::discard() noexcept {
  for (const Frame& frame : frames_) {
    if (frame.kind == Kind::callable) conversion_.drop_callable(frame.bits);
  }
  while (outstanding_ > 0 && !reader_.done()) drop(next());
}

}  // namespace

Ref from_wire(ValueReader& reader, Conversion& conversion) {
  Builder builder(reader, conversion);
  try {
    return builder.build();
  } catch (...) {
    builder.discard();
    throw;
  }
}

void discard_rest(ValueReader& reader, Conversion& conversion) noexcept {
  while (!reader.done()) Builder(reader, conversion).discard();
}

}  // namespace py4cpp
