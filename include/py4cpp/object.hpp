// What an Object does, and the requests it makes. Each operation is one round trip unless it says otherwise.
#pragma once

#include <py4cpp/arguments.hpp>
#include <py4cpp/convert.hpp>
#include <py4cpp/handle.hpp>
#include <py4cpp/request.hpp>
#include <py4cpp/slice.hpp>
#include <py4cpp/value.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <iosfwd>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace py4cpp {

namespace detail {

// module.function(args...), by full name, whatever the globals are.
template <class R, class... Args>
R call_function(Peer& peer, std::string_view module, std::string_view function, Args&&... args) {
  std::array<Value, 2 + value_count<Args...>> values{Value::make(module), Value::make(function)};
  place_arguments<Texts::lent>(values.data() + 2, std::forward<Args>(args)...);
  const Step steps[] = {
      {Op::import_module}, {Op::attribute}, {Op::call, positional_count<Args...>, named_count<Args...>}};
  return run<R>(peer, steps, values);
}

}  // namespace detail

template <class R, class... Args>
R Object::call(Args&&... args) const {
  Peer& asked = peer();
  std::array<Value, 1 + detail::value_count<Args...>> values{Value::make(*this)};
  detail::place_arguments<detail::Texts::lent>(values.data() + 1, std::forward<Args>(args)...);
  const Step steps[] = {{Op::value}, {Op::call, detail::positional_count<Args...>, detail::named_count<Args...>}};
  return detail::run<R>(asked, steps, values);
}

template <class... Args>
Value Object::operator()(Args&&... args) const {
  return call<Value>(std::forward<Args>(args)...);
}

template <class R, class... Args>
R Object::method(std::string_view name, Args&&... args) const {
  Peer& asked = peer();
  std::array<Value, 2 + detail::value_count<Args...>> values{Value::make(*this), Value::make(name)};
  detail::place_arguments<detail::Texts::lent>(values.data() + 2, std::forward<Args>(args)...);
  const Step steps[] = {
      {Op::value}, {Op::attribute}, {Op::call, detail::positional_count<Args...>, detail::named_count<Args...>}};
  return detail::run<R>(asked, steps, values);
}

template <class R>
R Object::attr(std::string_view name) const {
  Peer& asked = peer();
  const Value values[] = {Value::make(*this), Value::make(name)};
  const Step steps[] = {{Op::value}, {Op::attribute}};
  return detail::run<R>(asked, steps, values);
}

template <class T>
void Object::set_attr(std::string_view name, T&& value) const {
  Peer& asked = peer();
  const Value values[] = {Value::make(*this), Value::make(name), detail::lent(std::forward<T>(value))};
  const Step steps[] = {{Op::value}, {Op::set_attribute}};
  detail::run<void>(asked, steps, values);
}

template <class R, class... Keys>
R Object::item(Keys&&... keys) const {
  static_assert(sizeof...(keys) > 0, "item() takes at least one key");
  Peer& asked = peer();
  const Value values[] = {Value::make(*this), Value(std::forward<Keys>(keys))...};
  const Step steps[] = {{Op::value}, {Op::item, static_cast<std::uint32_t>(sizeof...(keys))}};
  return detail::run<R>(asked, steps, values);
}

template <class... KeysAndValue>
void Object::set_item(KeysAndValue&&... keys_and_value) const {
  static_assert(sizeof...(keys_and_value) > 1, "set_item() takes at least one key, then the value");
  Peer& asked = peer();
  const Value values[] = {Value::make(*this), detail::lent(std::forward<KeysAndValue>(keys_and_value))...};
  const Step steps[] = {{Op::value}, {Op::set_item, static_cast<std::uint32_t>(sizeof...(keys_and_value) - 1)}};
  detail::run<void>(asked, steps, values);
}

template <class... Keys>
void Object::del_item(Keys&&... keys) const {
  static_assert(sizeof...(keys) > 0, "del_item() takes at least one key");
  Peer& asked = peer();
  const Value values[] = {Value::make(*this), Value(std::forward<Keys>(keys))...};
  const Step steps[] = {{Op::value}, {Op::delete_item, static_cast<std::uint32_t>(sizeof...(keys))}};
  detail::run<void>(asked, steps, values);
}

template <class T>
bool Object::contains(T&& element) const {
  return detail::call_function<bool>(peer(), "operator", "contains", *this, std::forward<T>(element));
}

template <class T>
T Object::as() const {
  return Value::make(*this).as<T>();
}

// Local: prints describe().
std::ostream& operator<<(std::ostream& out, const Object& object);

// Asks for the next element when it is advanced, unless it came ahead. Copies share Python's iterator.
class ObjectIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = Value;
  using difference_type = std::ptrdiff_t;
  using pointer = const Value*;
  using reference = const Value&;

  ObjectIterator() noexcept = default;  // the end of any
  // iter(iterable), and its first element.
  explicit ObjectIterator(const Object& iterable);

  const Value& operator*() const noexcept { return element_; }
  const Value* operator->() const noexcept { return &element_; }
  ObjectIterator& operator++();
  ObjectIterator operator++(int) {
    ObjectIterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const ObjectIterator& a, const ObjectIterator& b) noexcept { return a.source_ == b.source_; }

 private:
  struct Source;
  std::shared_ptr<Source> source_;  // null at the end
  Value element_;
};

inline ObjectIterator Object::begin() const { return ObjectIterator(*this); }
inline ObjectIterator Object::end() const { return {}; }

namespace detail {

template <class T>
concept AnObject = std::derived_from<std::remove_cvref_t<T>, Object>;
// One operand is an Object, the other anything that travels.
template <class L, class R>
concept Operands = (AnObject<L> || AnObject<R>) && ToPython<L> && ToPython<R>;

// operator.<function>(a, b), asked of the first operand's worker, else of the second's.
Object operate(std::string_view function, const Value& a, const Value& b);
Object operate(std::string_view function, const Object& a);
// The same as a truth value; what has none (an array of comparisons) raises as it does in Python.
bool compare(std::string_view function, const Value& a, const Value& b);

}  // namespace detail

// Python's operators, run in Python.
template <class L, class R>
  requires detail::Operands<const L&, const R&>
Object operator+(const L& a, const R& b) { return detail::operate("add", Value(a), Value(b)); }
template <class L, class R>
  requires detail::Operands<const L&, const R&>
Object operator-(const L& a, const R& b) { return detail::operate("sub", Value(a), Value(b)); }
template <class L, class R>
  requires detail::Operands<const L&, const R&>
Object operator*(const L& a, const R& b) { return detail::operate("mul", Value(a), Value(b)); }
template <class L, class R>
  requires detail::Operands<const L&, const R&>
Object operator/(const L& a, const R& b) { return detail::operate("truediv", Value(a), Value(b)); }
template <class L, class R>
  requires detail::Operands<const L&, const R&>
Object operator%(const L& a, const R& b) { return detail::operate("mod", Value(a), Value(b)); }
template <class L, class R>
  requires detail::Operands<const L&, const R&>
Object operator&(const L& a, const R& b) { return detail::operate("and_", Value(a), Value(b)); }
template <class L, class R>
  requires detail::Operands<const L&, const R&>
Object operator|(const L& a, const R& b) { return detail::operate("or_", Value(a), Value(b)); }
template <class L, class R>
  requires detail::Operands<const L&, const R&>
Object operator^(const L& a, const R& b) { return detail::operate("xor", Value(a), Value(b)); }
template <class L, class R>
  requires detail::Operands<const L&, const R&>
Object operator<<(const L& a, const R& b) { return detail::operate("lshift", Value(a), Value(b)); }
template <class L, class R>
  requires detail::Operands<const L&, const R&>
Object operator>>(const L& a, const R& b) { return detail::operate("rshift", Value(a), Value(b)); }

inline Object operator-(const Object& a) { return detail::operate("neg", a); }
inline Object operator+(const Object& a) { return detail::operate("pos", a); }
inline Object operator~(const Object& a) { return detail::operate("invert", a); }

// As in Python: what the object can change in place, it does, so other handles to it see that too.
template <ToPython R>
Object& operator+=(Object& a, const R& b) { return a = detail::operate("iadd", Value(a), Value(b)); }
template <ToPython R>
Object& operator-=(Object& a, const R& b) { return a = detail::operate("isub", Value(a), Value(b)); }
template <ToPython R>
Object& operator*=(Object& a, const R& b) { return a = detail::operate("imul", Value(a), Value(b)); }
template <ToPython R>
Object& operator/=(Object& a, const R& b) { return a = detail::operate("itruediv", Value(a), Value(b)); }
template <ToPython R>
Object& operator%=(Object& a, const R& b) { return a = detail::operate("imod", Value(a), Value(b)); }
template <ToPython R>
Object& operator&=(Object& a, const R& b) { return a = detail::operate("iand", Value(a), Value(b)); }
template <ToPython R>
Object& operator|=(Object& a, const R& b) { return a = detail::operate("ior", Value(a), Value(b)); }
template <ToPython R>
Object& operator^=(Object& a, const R& b) { return a = detail::operate("ixor", Value(a), Value(b)); }
template <ToPython R>
Object& operator<<=(Object& a, const R& b) { return a = detail::operate("ilshift", Value(a), Value(b)); }
template <ToPython R>
Object& operator>>=(Object& a, const R& b) { return a = detail::operate("irshift", Value(a), Value(b)); }

template <class L, class R>
  requires detail::Operands<const L&, const R&>
bool operator==(const L& a, const R& b) { return detail::compare("eq", Value(a), Value(b)); }
template <class L, class R>
  requires detail::Operands<const L&, const R&>
bool operator!=(const L& a, const R& b) { return detail::compare("ne", Value(a), Value(b)); }
template <class L, class R>
  requires detail::Operands<const L&, const R&>
bool operator<(const L& a, const R& b) { return detail::compare("lt", Value(a), Value(b)); }
template <class L, class R>
  requires detail::Operands<const L&, const R&>
bool operator<=(const L& a, const R& b) { return detail::compare("le", Value(a), Value(b)); }
template <class L, class R>
  requires detail::Operands<const L&, const R&>
bool operator>(const L& a, const R& b) { return detail::compare("gt", Value(a), Value(b)); }
template <class L, class R>
  requires detail::Operands<const L&, const R&>
bool operator>=(const L& a, const R& b) { return detail::compare("ge", Value(a), Value(b)); }

}  // namespace py4cpp
