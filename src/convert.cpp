#include <py4cpp/convert.hpp>

#include <py4cpp/error.hpp>
#include <py4cpp/object.hpp>

#include "value_text.hpp"

#include <cmath>
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
      return Protocol{"builtins", "list", {}};
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

const RemoteObject* remote_of(const Value& value) noexcept {
  const Object* object = value.get_if<Object>();
  return object == nullptr ? nullptr : dynamic_cast<const RemoteObject*>(object->get());
}

// Of what can be iterated though its elements aren't values yet.
std::vector<Value> make_elements(const Value& iterable) {
  if (const Dict* dict = iterable.get_if<Dict>()) return dict->keys();
  std::vector<Value> elements;
  if (const Bytes* bytes = iterable.get_if<Bytes>()) {
    elements.assign(bytes->begin(), bytes->end());
    return elements;
  }
  const AnyArray* array = iterable.get_if<AnyArray>();
  if (array == nullptr || array->dimension() == 0) throw_mismatch("list", iterable);
  elements.reserve(array->shape()[0]);
  for (std::size_t i = 0; i < array->shape()[0]; ++i) elements.push_back(array_item(*array, i));
  return elements;
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

BigInt big_integer_from(const Value& value) {
  const Local local(value, Kind::integer);
  if (const auto* x = local->get_if<BigInt>()) return *x;
  if (const auto* x = local->get_if<std::int64_t>()) return *x;
  if (const auto* x = local->get_if<bool>()) return *x ? 1 : 0;
  if (const auto* x = local->get_if<AnyArray>(); x != nullptr && x->dimension() == 0) {
    return big_integer_from(scalar_of(*x));
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
  const auto narrow = static_cast<float>(x);
  if (std::isinf(narrow) && !std::isinf(x)) throw_mismatch("a number that a 32-bit float can hold", value);
  return narrow;
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

Elements::Elements(const Value& iterable, bool as_handles) {
  const RemoteObject* remote = as_handles ? remote_of(iterable) : nullptr;
  if (remote != nullptr) {
    const auto list = call_function<Object>(*remote->peer(), "builtins", "list", iterable);
    const std::size_t size = list.len();
    made_.reserve(size);
    for (std::size_t i = 0; i < size; ++i) made_.push_back(Value::make(list.item<Object>(i)));
    items_ = made_;
    return;
  }
  const Local local(iterable, Kind::list);
  keep_ = *local;
  if (const auto* list = keep_.get_if<List>()) {
    items_ = {list->data(), list->size()};
  } else if (const auto* tuple = keep_.get_if<Tuple>()) {
    items_ = {tuple->data(), tuple->size()};
  } else if (const auto* set = keep_.get_if<Set>()) {
    items_ = {set->data(), set->size()};
  } else {
    made_ = make_elements(keep_);
    items_ = made_;
  }
}

Pairs::Pairs(const Value& mapping) {
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
