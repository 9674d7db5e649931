#include <py4cpp/value.hpp>

#include <py4cpp/big_int.hpp>
#include <py4cpp/error.hpp>
#include <py4cpp/object.hpp>

#include <algorithm>
#include <limits>
#include <ostream>

namespace py4cpp {

namespace detail {

namespace {

// The nodes this thread has yet to destroy. No destructors: a thread may retire nodes until its very end.
constinit thread_local const Node* first_retired = nullptr;
constinit thread_local bool destroying = false;

}  // namespace

void retire(const Node* node) noexcept {
  node->next_retired_ = first_retired;
  first_retired = node;
  if (destroying) return;  // somewhere up the stack is the loop below
  destroying = true;
  while (const Node* next = first_retired) {
    first_retired = next->next_retired_;
    delete next;
  }
  destroying = false;
}

namespace {

template <class T>
SharedNode boxed(T value) {
  return SharedNode(new Boxed<T>(std::move(value)));
}

std::size_t count_code_points(std::string_view utf8) noexcept {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// The code point at `index`, counted in code points.
std::string_view code_point(std::string_view utf8, std::size_t index) noexcept {
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
  std::size_t at = 0;
  for (; index > 0; --index) {
    do ++at;
    while (at < utf8.size() && continues(utf8[at]));
  }
  std::size_t past = at + 1;
  while (past < utf8.size() && continues(utf8[past])) ++past;
  return utf8.substr(at, past - at);
}

// Throws unless `key` is an integer that names one of `size` positions.
std::size_t position(const Value& key, std::size_t size, Kind kind) {
  const auto* index = key.get_if<std::int64_t>();
  if (index == nullptr) {
    throw ConversionError("", "an int as the index of a " + std::string(to_string(kind)), to_string(key));
  }
  const auto signed_size = static_cast<std::int64_t>(size);
  if (*index >= signed_size || *index < -signed_size) {
    throw ConversionError(index_step(*index),
                          "an index of a " + std::string(to_string(kind)) + " of " + std::to_string(size),
                          std::to_string(*index));
  }
  return static_cast<std::size_t>(*index < 0 ? *index + signed_size : *index);
}

}  // namespace

}  // namespace detail

std::string_view to_string(Kind kind) noexcept {
  switch (kind) {
    case Kind::none:
      return "None";
    case Kind::boolean:
      return "bool";
    case Kind::integer:
      return "int";
    case Kind::big_integer:
      return "int";
    case Kind::floating:
      return "float";
    case Kind::complex:
      return "complex";
    case Kind::string:
      return "str";
    case Kind::bytes:
      return "bytes";
    case Kind::list:
      return "list";
    case Kind::tuple:
      return "tuple";
    case Kind::set:
      return "set";
    case Kind::dict:
      return "dict";
    case Kind::array:
      return "array";
    case Kind::object:
      return "object";
  }
  return "?";
}

// Calls visit(pointer to the member of Payload that is alive).
template <class Visit>
void Value::visit_owned(Visit visit) const {
  switch (kind_) {
    case Kind::list:
      return visit(&Payload::list);
    case Kind::tuple:
      return visit(&Payload::tuple);
    case Kind::set:
      return visit(&Payload::set);
    case Kind::dict:
      return visit(&Payload::dict);
    case Kind::array:
      return visit(&Payload::array);
    case Kind::object:
      return visit(&Payload::object);
    default:
      return visit(&Payload::node);
  }
}

void Value::copy(const Value& other) noexcept {
  visit_owned([&](auto member) { std::construct_at(&(payload_.*member), other.payload_.*member); });
}

void Value::take(Value& other) noexcept {
  visit_owned([&](auto member) { std::construct_at(&(payload_.*member), std::move(other.payload_.*member)); });
  other.drop();
  std::construct_at(&other.payload_.plain);
  other.kind_ = Kind::none;
  other.owns_ = false;
}

void Value::drop() noexcept {
  visit_owned([&](auto member) { std::destroy_at(&(payload_.*member)); });
}

Value Value::make(std::uint64_t x) {
  if (x <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return make(static_cast<std::int64_t>(x));
  }
  return held(Kind::big_integer, &Payload::node, detail::boxed(BigInt(x)));
}

Value detail::BigIntegers::to(BigInt x) {
  if (x >= std::numeric_limits<std::int64_t>::min() && x <= std::numeric_limits<std::int64_t>::max()) {
    return Value::make(static_cast<std::int64_t>(x));
  }
  return Value::held(Kind::big_integer, &Value::Payload::node, boxed(std::move(x)));
}

Value Value::make(std::string_view utf8) {
  if (utf8.size() > detail::ShortText::capacity) return make(std::string(utf8));
  detail::ShortText text{};
  std::copy(utf8.begin(), utf8.end(), text.text);
  text.size = static_cast<std::uint8_t>(utf8.size());
  return plain(Kind::string, &Plain::text, text);
}

Value Value::make(std::string&& utf8) {
  if (utf8.size() <= detail::ShortText::capacity) return make(std::string_view(utf8));
  return held(Kind::string, &Payload::node, detail::boxed(std::move(utf8)));
}

Value Value::make(Bytes x) { return held(Kind::bytes, &Payload::node, detail::boxed(std::move(x))); }

std::size_t Value::size() const {
  switch (kind()) {
    case Kind::string:
      return detail::count_code_points(text());
    case Kind::bytes:
      return get_if<Bytes>()->size();
    case Kind::list:
      return get_if<List>()->size();
    case Kind::tuple:
      return get_if<Tuple>()->size();
    case Kind::set:
      return get_if<Set>()->size();
    case Kind::dict:
      return get_if<Dict>()->size();
    case Kind::array:
      if (get_if<AnyArray>()->dimension() == 0) break;
      return get_if<AnyArray>()->shape()[0];
    case Kind::object:
      return get_if<Object>()->len();
    default:
      break;
  }
  throw Error(ErrorKind::invalid, "a value of kind " + std::string(to_string(kind())) + " has no size");
}

Value Value::item(const Value& key) const {
  const auto at = [&](const detail::Sequence& items) { return items[detail::position(key, items.size(), kind())]; };
  switch (kind()) {
    case Kind::list:
      return at(*get_if<List>());
    case Kind::tuple:
      return at(*get_if<Tuple>());
    case Kind::set:
      return at(*get_if<Set>());
    case Kind::dict:
      return get_if<Dict>()->at(key);
    case Kind::string:
      return make(detail::code_point(text(), detail::position(key, size(), kind())));
    case Kind::bytes: {
      const Bytes& bytes = *get_if<Bytes>();
      return Value(bytes[detail::position(key, bytes.size(), kind())]);
    }
    case Kind::array:
      return detail::array_item(*get_if<AnyArray>(), detail::position(key, size(), kind()));
    case Kind::object:
      return get_if<Object>()->item<Value>(key);
    default:
      break;
  }
  throw Error(ErrorKind::invalid, "a value of kind " + std::string(to_string(kind())) + " has no items");
}

std::ostream& Value::print(std::ostream& out, const Value& value) { return out << value.describe(); }

}  // namespace py4cpp
