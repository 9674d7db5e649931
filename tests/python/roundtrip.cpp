// The extension module `roundtrip`, for roundtrip_test.py: the worker's conversions with a host in the same process. It
// has an arena and a ledger of its own, and what it is sent it sends back unchanged. One thread, with the GIL.
#include "from_wire.hpp"
#include "message.hpp"
#include "ndarray.hpp"
#include "object_table.hpp"
#include "to_wire.hpp"

#include <py4cpp/dtype.hpp>
#include <py4cpp/error.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace py4cpp {
namespace {

using wire::Kind;

// Of each side's arena: tests ask for more than there is, and must not get all there is.
constexpr ArenaLimits arena_limits{std::uint64_t{64} << 20, std::uint64_t{16} << 20};

// A callable of the host is represented by a tuple ("callable", id, names).
class Worker final : public Conversion {
 public:
  Worker(ObjectTable& table, BlockLedger& its_ledger, std::uint64_t limit)
      : Conversion(table, its_ledger, process_arena(), limit) {}

  Ref make_callable(std::uint64_t id, Ref names) override {
    ++held[id];
    return checked(Py_BuildValue("(sKO)", "callable", static_cast<unsigned long long>(id), names.get()));
  }
  void drop_callable(std::uint64_t id) noexcept override { ++dropped[id]; }
  std::optional<std::uint64_t> callable_id(PyObject*) const noexcept override { return std::nullopt; }

  std::map<std::uint64_t, int> held, dropped;
};

struct Pair {
  explicit Pair(std::uint64_t limit) : worker(objects, worker_ledger, limit) {
    host_ledger.meet(process_arena()->id());
    worker_ledger.meet(host_arena->id());
  }

  ~Pair() { host_arena->close(); }  // all its names go; arrays that are left keep their pages

  void exchange_releases();
  void lend(const ValueWriter& values, BlockLedger& lender) {
    for (const auto& block : values.blocks()) lender.lend(block);
  }
  void answered(ValueWriter& values) {
    for (const std::uint64_t id : values.objects()) objects.drop(id);
    values.clear();
  }

  std::shared_ptr<Arena> host_arena = std::make_shared<Arena>(arena_limits);
  BlockLedger host_ledger{host_arena};
  BlockLedger worker_ledger{process_arena()};
  ObjectTable objects;
  Worker worker;
  MessageBuilder builder;
};

Pair* pair = nullptr;

void Pair::exchange_releases() {
  std::vector<BlockLedger::Release> releases;
  host_ledger.take_releases(releases);
  for (const auto& release : releases) worker_ledger.released(release.arena, release.generation, release.count);
  releases.clear();
  worker_ledger.take_releases(releases);
  for (const auto& release : releases) host_ledger.released(release.arena, release.generation, release.count);
}

Message received(const ValueWriter& values) { return Message(pair->builder.reply(1, values)); }

const wire::Reply& values_of(const Message& message) { return *message.as<wire::Reply>(); }

// What a host does that looks at everything and returns it.
std::vector<std::shared_ptr<Block>> borrow_all(const Message& message) {
  std::vector<std::shared_ptr<Block>> blocks;
  ValueReader reader(values_of(message));
  while (!reader.done()) {
    const ValueReader::Node node = reader.next();
    if (node.kind == Kind::string || node.kind == Kind::bytes || node.kind == Kind::big_integer) reader.text(node);
    if (node.kind == Kind::complex) reader.imaginary();
    if (node.kind != Kind::array && node.kind != Kind::shared_string && node.kind != Kind::shared_bytes) continue;
    const ArrayPlace place = reader.array();
    if (!place.is_inline) blocks.push_back(pair->host_ledger.borrow(place.block));
  }
  return blocks;
}

Ref roundtrip(PyObject* object) {
  ValueWriter values;
  try {
    to_wire(object, values, pair->worker);
  } catch (...) {
    take_back(values, pair->worker);
    throw;
  }
  const Message message = received(values);
  pair->lend(values, pair->worker_ledger);
  auto blocks = borrow_all(message);
  for (const auto& block : blocks) pair->host_ledger.lend(block);
  Ref back;
  try {
    ValueReader reader(values_of(message));
    back = from_wire(reader, pair->worker);
  } catch (...) {
    pair->answered(values);
    throw;
  }
  pair->answered(values);
  blocks.clear();
  pair->exchange_releases();
  return back;
}

// The names of the kinds that the object is written as, in order.
Ref kinds(PyObject* object) {
  ValueWriter values;
  try {
    to_wire(object, values, pair->worker);
  } catch (...) {
    take_back(values, pair->worker);
    throw;
  }
  Ref names = checked(PyList_New(0));
  for (const wire::Node& node : values.nodes()) {
    const Ref name = checked(PyUnicode_FromString(wire::EnumNameKind(node.kind())));
    checked(PyList_Append(names.get(), name.get()));
  }
  take_back(values, pair->worker);
  return names;
}

std::vector<std::ptrdiff_t> integers(PyObject* sequence) {
  std::vector<std::ptrdiff_t> out;
  for (Py_ssize_t i = 0; i < PySequence_Size(sequence); ++i) {
    const Ref item = checked(PySequence_GetItem(sequence, i));
    out.push_back(PyLong_AsSsize_t(item.get()));
  }
  return out;
}

// A host's array: a block of `count` elements that holds 0, 1, 2 ... in 8-bit bytes, seen through a layout.
void write_host_array(PyObject* spec, ValueWriter& values) {
  const char* name = nullptr;
  PyObject *shape = nullptr, *strides = nullptr;
  Py_ssize_t count = 0, first = 0;
  int writable = 1;
  if (PyArg_ParseTuple(spec, "sOOnnp", &name, &shape, &strides, &count, &first, &writable) == 0) throw PythonRaised{};
  Layout layout;
  layout.dtype = DType::from_name(name).value();
  for (const std::ptrdiff_t extent : integers(shape)) layout.shape.push_back(static_cast<std::size_t>(extent));
  layout.strides = integers(strides);
  const std::size_t itemsize = layout.dtype.itemsize();
  const auto block = pair->host_arena->allocate(static_cast<std::size_t>(count) * itemsize);
  for (std::size_t i = 0; i < block->size(); ++i) block->data()[i] = static_cast<std::byte>(i);
  values.array(layout, block->data() + static_cast<std::size_t>(first) * itemsize, writable != 0, block);
}

void write_node(PyObject* spec, ValueWriter& values) {
  const char* kind = nullptr;
  PyObject* argument = Py_None;
  if (PyArg_ParseTuple(spec, "s|O", &kind, &argument) == 0) throw PythonRaised{};
  const std::string name = kind;
  const auto number = PyLong_Check(argument) != 0 ? PyLong_AsUnsignedLongLongMask(argument) : 0;
  if (name == "none") return values.none();
  if (name == "integer") return values.integer(static_cast<std::int64_t>(number));
  if (name == "object") return values.object(number);
  if (name == "callable") return values.callable(number);
  if (name == "slice") return values.slice();
  if (name == "timedelta") return values.timedelta(static_cast<std::int64_t>(number), 5);
  if (name == "string") return values.string(PyBytes_AsString(argument));
  if (name == "big_integer") return values.big_integer(PyBytes_AsString(argument));
  if (name == "array") return write_host_array(argument, values);
  for (const Kind container : {Kind::list, Kind::tuple, Kind::set, Kind::frozenset, Kind::dict}) {
    if (name == wire::EnumNameKind(container)) return values.begin(container, number);
  }
  raise_python(PyExc_ValueError, "no such node: " + name);
}

// build([node, ...]): what a host sent, as a list of its values. After an error the rest is discarded.
Ref build(PyObject* specs) {
  ValueWriter values;
  for (Py_ssize_t i = 0; i < PyList_Size(specs); ++i) write_node(PyList_GetItem(specs, i), values);
  const Message message = received(values);
  pair->lend(values, pair->host_ledger);
  values.clear();
  ValueReader reader(values_of(message));
  Ref built = checked(PyList_New(0));
  try {
    while (!reader.done()) checked(PyList_Append(built.get(), from_wire(reader, pair->worker).get()));
  } catch (...) {
    discard_rest(reader, pair->worker);
    pair->exchange_releases();
    throw;
  }
  return built;
}

// (address, size) of a block of the worker's arena that no Python object is known to hold; the next call frees it.
Ref hold_block(std::size_t bytes) {
  static std::shared_ptr<Block> held;
  held.reset();
  if (bytes == 0) return Ref::borrow(Py_None);
  held = process_arena()->allocate(bytes);
  return checked(
      Py_BuildValue("(Kn)", reinterpret_cast<unsigned long long>(held->data()), static_cast<Py_ssize_t>(bytes)));
}

int total(const std::map<std::uint64_t, int>& counts) {
  int sum = 0;
  for (const auto& [id, count] : counts) sum += count;
  return sum;
}

Ref state() {
  pair->exchange_releases();
  const SentArrays& sent = pair->worker.sent;
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  return checked(Py_BuildValue("{s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:i,s:i}", "objects", number(pair->objects.size()),
                               "host_blocks", number(pair->host_arena->stats().live_blocks), "worker_blocks",
                               number(process_arena()->stats().live_blocks), "arrays_shared",
                               number(sent.arrays_shared), "arrays_copied", number(sent.arrays_copied), "bytes_shared",
                               number(sent.bytes_shared), "bytes_copied", number(sent.bytes_copied), "held",
                               total(pair->worker.held), "dropped", total(pair->worker.dropped)));
}

template <class Function>
PyObject* guarded(const Function& function) noexcept {
  try {
    return function().release();
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

PyObject* start(PyObject*, PyObject* limit) {
  return guarded([&] {
    configure_process_arena(arena_limits);
    delete std::exchange(pair, nullptr);
    pair = new Pair(PyLong_AsUnsignedLongLong(limit));
    return Ref::borrow(Py_None);
  });
}

PyObject* stop(PyObject*, PyObject*) {
  return guarded([] {
    delete std::exchange(pair, nullptr);
    return Ref::borrow(Py_None);
  });
}

PyObject* py_roundtrip(PyObject*, PyObject* object) {
  return guarded([&] { return roundtrip(object); });
}
PyObject* py_kinds(PyObject*, PyObject* object) {
  return guarded([&] { return kinds(object); });
}
PyObject* py_build(PyObject*, PyObject* specs) {
  return guarded([&] { return build(specs); });
}
PyObject* py_hold_block(PyObject*, PyObject* bytes) {
  return guarded([&] { return hold_block(PyLong_AsSize_t(bytes)); });
}
PyObject* py_state(PyObject*, PyObject*) {
  return guarded([] { return state(); });
}

PyCFunction with_keywords(PyCFunctionWithKeywords function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyObject* make_module() {
  static PyMethodDef methods[] = {
      {"start", start, METH_O, "A fresh pair of sides with this inline limit."},
      {"stop", stop, METH_NOARGS, "Ends both sides."},
      {"roundtrip", py_roundtrip, METH_O, "The object as it comes back from the host."},
      {"kinds", py_kinds, METH_O, "The kinds of the nodes the object is written as."},
      {"build", py_build, METH_O, "The objects that a host's nodes become."},
      {"hold_block", py_hold_block, METH_O, "Address and size of a block that only the module holds; 0 frees it."},
      {"state", py_state, METH_NOARGS, "Counters."},
      {"empty", with_keywords(native_empty), METH_VARARGS | METH_KEYWORDS, "py4cpp.empty"},
      {"shared_like", native_shared_like, METH_O, "py4cpp.shared_like"},
      {"is_shared", native_is_shared, METH_O, "py4cpp.is_shared"},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyModuleDef definition = {
      PyModuleDef_HEAD_INIT, "roundtrip", nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr};
  return PyModule_Create(&definition);
}

}  // namespace
}  // namespace py4cpp

extern "C" PyMODINIT_FUNC PyInit_roundtrip() { return py4cpp::make_module(); }
