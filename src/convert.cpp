#include <py4cpp/convert.hpp>

#include <py4cpp/big_int.hpp>
#include <py4cpp/error.hpp>
#include <py4cpp/object.hpp>

#include "value_text.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

namespace py4cpp {

namespace detail {

namespace {

// A function that turns what only behaves like `wanted` into one: by Python's own protocol, not by guessing.
struct Protocol {
  std::string_view module, function, method;  // method of the function (a class), or of its result when `after`
  bool after = false;
};

std::optional<Protocol> protocol_of(Kind wanted) noexcept {
  switch (wanted) {
    case Kind::integer:
      return Protocol{"operator", "index", {}};
    case Kind::floating:
      return Protocol{"math", "ldexp", {}};  // unlike float(), takes no text
    case Kind::complex:
      return Protocol{"builtins", "complex", {}};
    case Kind::string:
      return Protocol{"builtins", "str", "__str__"};  // unlike str(), takes only text
    case Kind::bytes:
      return Protocol{"builtins", "memoryview", "tobytes", true};
    case Kind::list:
      return Protocol{"py4cpp._introspect", "elements", {}};  // list(), but tensors at once
    case Kind::tuple:
      return Protocol{"builtins", "tuple", {}};
    case Kind::set:
      return Protocol{"builtins", "set", {}};
    case Kind::dict:
      return Protocol{"builtins", "dict", {}};
    case Kind::array:
      return Protocol{"numpy", "asarray", {}};
    default:
      return std::nullopt;
  }
}

Value apply(Peer& peer, const Protocol& protocol, const Value& handle) {
  std::vector<Value> values{Value::make(protocol.module), Value::make(protocol.function)};
  std::vector<Step> steps{{Op::import_module}, {Op::attribute}};
  if (!protocol.method.empty() && !protocol.after) {
    values.push_back(Value::make(protocol.method));
    steps.push_back({Op::attribute});
  }
  values.push_back(handle);
  steps.push_back({Op::call, 1});
  if (protocol.function == "ldexp") {
    values.push_back(Value::make(std::int64_t{0}));
    steps.back().positional = 2;
  }
  if (protocol.after) {
    values.push_back(Value::make(protocol.method));
    steps.push_back({Op::attribute});
    steps.push_back({Op::call});
  }
  return peer.run(Request{steps, values, Want::value});
}

// The characters of a text, one str each.
std::vector<Value> characters(std::string_view utf8) {
  std::vector<Value> characters;
  for (std::size_t at = 0; at < utf8.size();) {
    std::size_t past = at + 1;
    while (past < utf8.size() && (static_cast<unsigned char>(utf8[past]) & 0xc0) == 0x80) ++past;
    characters.push_back(Value::make(utf8.substr(at, past - at)));
    at = past;
  }
  return characters;
}

std::vector<Value> rows(const AnyArray& array) {
  const std::size_t count = array.shape()[0];
  std::vector<Value> rows;
  rows.reserve(count);
  if (array.dimension() > 1) {
    for (std::size_t i = 0; i < count; ++i) rows.push_back(array_item(array, i));
    return rows;
  }
  const std::byte* element = array.state()->data;
  const std::ptrdiff_t step = array.strides()[0] * static_cast<std::ptrdiff_t>(array.dtype().itemsize());
  for (std::size_t i = 0; i < count; ++i, element += step) rows.push_back(scalar_at(array.dtype(), element));
  return rows;
}

// What a function of py4cpp._introspect lists of it; a TypeError says that it is no `wanted`.
template <class... Args>
List listed(Peer& peer, std::string_view function, Kind wanted, const Value& value, const Args&... args) {
  try {
    return call_function<List>(peer, "py4cpp._introspect", function, value, args...);
  } catch (const PythonError& error) {
    if (!error.matches("TypeError")) throw;
    throw_mismatch(to_string(wanted), value);
  }
}

std::string range_text(const std::string& low, const std::string& high) { return "int in " + low + ".." + high; }

}  // namespace

void throw_mismatch(std::string_view expected, const Value& found) {
  std::string phrase = detail::phrase(found);
  if (remote_of(found) != nullptr) {
    try {
      phrase = "an object of type " + found.get_if<Object>()->type();
    } catch (const Error&) {  // the worker is gone: what is known here must do
    }
  }
  throw ConversionError("", std::string(expected), std::move(phrase));
}

Local::Local(const Value& value, Kind wanted) : value_(&value) {
  const RemoteObject* remote = remote_of(value);
  if (remote == nullptr) return;
  const std::shared_ptr<Peer> peer = remote->peer();
  const Step fetch[] = {{Op::value}};
  fetched_ = peer->run(Request{fetch, {&value, 1}, Want::value});
  value_ = &fetched_;
  if (remote_of(fetched_) == nullptr) return;
  const auto protocol = protocol_of(wanted);
  if (!protocol) return;
  try {
    fetched_ = apply(*peer, *protocol, value);
  } catch (const PythonError& error) {
    if (!error.matches("TypeError") && !error.matches("ImportError")) throw;
  }
}

std::int64_t signed_from(const Value& value, std::int64_t low, std::int64_t high) {
  const Local local(value, Kind::integer);
  if (const auto* x = local->get_if<std::int64_t>(); x != nullptr && *x >= low && *x <= high) return *x;
  if (const auto* x = local->get_if<bool>()) return *x ? 1 : 0;
  if (const auto* x = local->get_if<AnyArray>(); x != nullptr && x->dimension() == 0) {
    return signed_from(scalar_of(*x), low, high);
  }
  throw_mismatch(range_text(std::to_string(low), std::to_string(high)), *local);
}

std::uint64_t unsigned_from(const Value& value, std::uint64_t high) {
  const Local local(value, Kind::integer);
  if (const auto* x = local->get_if<std::int64_t>()) {
    if (*x >= 0 && static_cast<std::uint64_t>(*x) <= high) return static_cast<std::uint64_t>(*x);
  }
  if (const auto* x = local->get_if<BigInt>(); x != nullptr && *x >= 0 && *x <= high) {
    return static_cast<std::uint64_t>(*x);
  }
  if (const auto* x = local->get_if<bool>()) return *x ? 1 : 0;
  if (const auto* x = local->get_if<AnyArray>(); x != nullptr && x->dimension() == 0) {
    return unsigned_from(scalar_of(*x), high);
  }
  throw_mismatch(range_text("0", std::to_string(high)), *local);
}

BigInt BigIntegers::from(const Value& value) {
  const Local local(value, Kind::integer);
  if (const auto* x = local->get_if<BigInt>()) return *x;
  if (const auto* x = local->get_if<std::int64_t>()) return *x;
  if (const auto* x = local->get_if<bool>()) return *x ? 1 : 0;
  if (const auto* x = local->get_if<AnyArray>(); x != nullptr && x->dimension() == 0) {
    return from(scalar_of(*x));
  }
  throw_mismatch("int", *local);
}

double double_from(const Value& value) {
  const Local local(value, Kind::floating);
  if (const auto* x = local->get_if<double>()) return *x;
  if (const auto* x = local->get_if<std::int64_t>()) return static_cast<double>(*x);
  if (const auto* x = local->get_if<bool>()) return *x ? 1.0 : 0.0;
  if (const auto* x = local->get_if<BigInt>()) {
    const auto rounded = static_cast<double>(*x);
    if (std::isfinite(rounded)) return rounded;
    throw_mismatch("a number that a float can hold", *local);
  }
  if (const auto* x = local->get_if<AnyArray>(); x != nullptr && x->dimension() == 0) return double_from(scalar_of(*x));
  throw_mismatch("float", *local);
}

float float_from(const Value& value) {
  const double x = double_from(value);
  if (std::isnan(x)) {
    const auto bits = std::bit_cast<std::uint64_t>(x);
    const auto payload = static_cast<std::uint32_t>(bits >> 29) & 0x7fffffu;
    const auto sign = static_cast<std::uint32_t>(bits >> 32) & 0x80000000u;
    return std::bit_cast<float>(sign | 0x7f800000u | (payload != 0 ? payload : 0x400000u));
  }
  const auto narrow = static_cast<float>(x);
  if (std::isinf(narrow) && !std::isinf(x)) throw_mismatch("a number that a 32-bit float can hold", value);
  return narrow;
}

double widen(float x) noexcept {
  if (!std::isnan(x)) return static_cast<double>(x);
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint64_t sign = bits & 0x80000000u, payload = bits & 0x7fffffu;
  return std::bit_cast<double>(sign << 32 | 0x7ff0000000000000u | payload << 29);
}

std::complex<double> complex_from(const Value& value) {
  const Local local(value, Kind::complex);
  if (const auto* x = local->get_if<std::complex<double>>()) return *x;
  if (const auto* x = local->get_if<AnyArray>(); x != nullptr && x->dimension() == 0) {
    return complex_from(scalar_of(*x));
  }
  switch (local->kind()) {
    case Kind::boolean:
    case Kind::integer:
    case Kind::big_integer:
    case Kind::floating:
      return double_from(*local);
    default:
      throw_mismatch("complex", *local);
  }
}

std::string string_from(const Value& value) {
  const Local local(value, Kind::string);
  if (local->kind() == Kind::string) return std::string(local->text());
  throw_mismatch("str", *local);
}

Value text_to(const char* text) {
  if (text == nullptr) throw Error(ErrorKind::invalid, "a null const char* is no text");
  return Value::make(std::string_view(text));
}

char char_from(const Value& value) {
  const Local local(value, Kind::string);
  if (local->kind() == Kind::string && local->text().size() == 1) return local->text()[0];
  throw_mismatch("a str of one ASCII character", *local);
}

Value char_to(char character) {
  if ((static_cast<unsigned char>(character) & 0x80) != 0) {
    throw Error(ErrorKind::invalid,
                "a char beyond ASCII is no character by itself: pass a std::string of UTF-8, or "
                "an unsigned char as a number");
  }
  return Value::make(std::string_view(&character, 1));
}

std::string index_step(std::int64_t index) { return "[" + std::to_string(index) + "]"; }

std::string key_step(const Value& key) { return "[" + repr(key, 60) + "]"; }

void throw_wrong_size(std::size_t expected, std::size_t found) {
  throw ConversionError("", std::to_string(expected) + (expected == 1 ? " element" : " elements"),
                        std::to_string(found));
}

std::vector<Value> elements_of(const Value& value, Kind wanted) {
  const auto copied = [](const Sequence& items) { return std::vector<Value>(items.begin(), items.end()); };
  switch (value.kind()) {
    case Kind::list:
      return copied(*value.get_if<List>());
    case Kind::tuple:
      return copied(*value.get_if<Tuple>());
    case Kind::set:
      return copied(*value.get_if<Set>());
    case Kind::dict:
      return value.get_if<Dict>()->keys();
    case Kind::string:
      return characters(value.text());
    case Kind::bytes: {
      const Bytes& bytes = *value.get_if<Bytes>();
      return {bytes.begin(), bytes.end()};
    }
    case Kind::array:
      if (value.get_if<AnyArray>()->dimension() > 0) return rows(*value.get_if<AnyArray>());
      [[fallthrough]];
    default:
      throw_mismatch(to_string(wanted), value);
  }
}

Elements::Elements(const Value& iterable, bool as_handles) {
  const RemoteObject* remote = as_handles ? remote_of(iterable) : nullptr;
  if (remote != nullptr) {
    const List list = listed(*remote->peer(), "handles", Kind::list, iterable);
    keep_ = Value::make(list);
    items_ = {list.data(), list.size()};
    return;
  }
  const Local local(iterable, Kind::list);
  keep_ = *local;
  if (const auto* list = keep_.get_if<List>()) {
    items_ = {list->data(), list->size()};
  } else if (const auto* tuple = keep_.get_if<Tuple>()) {
    items_ = {tuple->data(), tuple->size()};
  } else {
    made_ = elements_of(keep_, Kind::list);
    items_ = made_;
  }
}

Pairs::Pairs(const Value& mapping, bool key_handles, bool value_handles) {
  const RemoteObject* remote = key_handles || value_handles ? remote_of(mapping) : nullptr;
  if (remote != nullptr) {
    const List listed_pairs = listed(*remote->peer(), "pair_handles", Kind::dict, mapping, key_handles, value_handles);
    std::vector<std::pair<Value, Value>> pairs;
    for (const Value& pair : listed_pairs) pairs.emplace_back(pair[0], pair[1]);
    dict_ = Dict(std::move(pairs));
    return;
  }
  const Local local(mapping, Kind::dict);
  const Dict* dict = local->get_if<Dict>();
  if (dict == nullptr) throw_mismatch("dict", *local);
  dict_ = *dict;
}

}  // namespace detail

bool Convert<bool>::from(const Value& value) {
  const detail::Local local(value, Kind::boolean);
  if (const auto* x = local->get_if<bool>()) return *x;
  if (const auto* x = local->get_if<AnyArray>(); x != nullptr && x->dimension() == 0 && x->dtype() == boolean) {
    return from(detail::scalar_of(*x));
  }
  detail::throw_mismatch("bool", *local);
}

Bytes Convert<Bytes>::from(const Value& value) {
  const detail::Local local(value, Kind::bytes);
  if (const auto* x = local->get_if<Bytes>()) return *x;
  detail::throw_mismatch("bytes", *local);
}

std::filesystem::path Convert<std::filesystem::path>::from(const Value& value) {
  const detail::Local local(value, Kind::object);
  Value path = *local;
  if (const auto* remote = detail::remote_of(path)) {
    try {
      path = detail::call_function<Value>(*remote->peer(), "os", "fspath", value);
    } catch (const PythonError& error) {
      if (!error.matches("TypeError")) throw;
    }
  }
  if (path.kind() == Kind::string) return std::filesystem::path(path.text());
  if (const auto* bytes = path.get_if<Bytes>()) {
    return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  }
  detail::throw_mismatch("a path", path);
}

Value Convert<Slice>::to(const Slice& slice) {
  return Value::make(Object(SliceObject::make(slice.start(), slice.stop(), slice.step())));
}

Slice Convert<Slice>::from(const Value& value) {
  const Object* object = value.get_if<Object>();
  if (object != nullptr && object->get() != nullptr) {
    if (const auto* slice = dynamic_cast<const SliceObject*>(object->get())) {
      return Slice(slice->start, slice->stop, slice->step);
    }
    return Slice(object->attr("start"), object->attr("stop"), object->attr("step"));
  }
  detail::throw_mismatch("slice", value);
}

}  // namespace py4cpp
