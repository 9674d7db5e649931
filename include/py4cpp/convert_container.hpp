// Convert for the standard containers, optional, variant, pair and tuple. Where a list is expected any iterable does:
// tuples, sets, the keys of a dict, ranges, generators, the rows of an array, the characters of a str, the numbers in
// bytes. Errors name the path to the element that did not fit. A container of Objects gets handles to its elements, all
// with one message.
#pragma once

#include <py4cpp/any_array.hpp>
#include <py4cpp/convert_scalar.hpp>
#include <py4cpp/error.hpp>
#include <py4cpp/request.hpp>
#include <py4cpp/value.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace py4cpp {

namespace detail {

template <class T, class A>
inline constexpr bool wants_handle<std::vector<T, A>> = wants_handle<T>;
template <class T, class A>
inline constexpr bool wants_handle<std::list<T, A>> = wants_handle<T>;
template <class T, class A>
inline constexpr bool wants_handle<std::deque<T, A>> = wants_handle<T>;
template <class T, std::size_t n>
inline constexpr bool wants_handle<std::array<T, n>> = wants_handle<T>;
template <class T>
inline constexpr bool wants_handle<std::optional<T>> = wants_handle<T>;
template <class... Ts>
inline constexpr bool wants_handle<std::tuple<Ts...>> = (wants_handle<Ts> || ...);
template <class... Ts>
inline constexpr bool wants_handle<std::variant<Ts...>> = (wants_handle<Ts> || ...);
template <class A, class B>
inline constexpr bool wants_handle<std::pair<A, B>> = wants_handle<A> || wants_handle<B>;
template <class K, class T, class C, class A>
inline constexpr bool wants_handle<std::map<K, T, C, A>> = wants_handle<K> || wants_handle<T>;
template <class K, class T, class H, class E, class A>
inline constexpr bool wants_handle<std::unordered_map<K, T, H, E, A>> = wants_handle<K> || wants_handle<T>;

// The elements of anything that can be iterated: of a list, tuple, set, dict (its keys), array (its rows), bytes, and
// of whatever Python can iterate. With `as_handles` a handle's elements stay in Python.
class Elements {
 public:
  explicit Elements(const Value& iterable, bool as_handles = false);
  Elements(const Elements&) = delete;
  Elements& operator=(const Elements&) = delete;

  std::size_t size() const noexcept { return items_.size(); }
  const Value& operator[](std::size_t index) const noexcept { return items_[index]; }

 private:
  Value keep_;               // what `items_` lies in, if it was fetched
  std::vector<Value> made_;  // or if it had to be made
  std::span<const Value> items_;
};

// The pairs of a dict, or of a mapping in Python. `key_handles`, `value_handles`: as for Elements.
class Pairs {
 public:
  explicit Pairs(const Value& mapping, bool key_handles = false, bool value_handles = false);
  const Dict& operator*() const noexcept { return dict_; }

 private:
  Dict dict_;
};

[[noreturn]] void throw_wrong_size(std::size_t expected, std::size_t found);

template <class T>
T element_from(const Value& element, std::size_t index) {
  try {
    return Convert<T>::from(element);
  } catch (const ConversionError& error) {
    throw error.prefixed(index_step(static_cast<std::int64_t>(index)));
  }
}

// Whether an array's elements can be copied into it at once.
template <class Container>
inline constexpr bool is_number_row = false;
template <class T, class A>
inline constexpr bool is_number_row<std::vector<T, A>> = Element<T> && !std::same_as<T, bool>;

template <class Container>
struct SequenceConvert {
  using T = typename Container::value_type;

  static Value to(const Container& container)
    requires ToPython<const T&>
  {
    return Value::make(List(values_of(container)));
  }

  static Container from(const Value& value)
    requires FromPython<T>
  {
    if constexpr (is_number_row<Container>) {
      const Local local(value, Kind::list);
      const AnyArray* array = local->get_if<AnyArray>();
      if (array == nullptr || array->dtype() != dtype_of<T> || array->dimension() != 1) return elements_from(*local);
      Container result(array->size());
      array->copy_to(dtype_of<T>, reinterpret_cast<std::byte*>(result.data()));
      return result;
    } else {
      return elements_from(value);
    }
  }

  static Container elements_from(const Value& value) {
    const Elements elements(value, wants_handle<T>);
    Container result;
    if constexpr (requires { result.reserve(elements.size()); }) result.reserve(elements.size());
    for (std::size_t i = 0; i < elements.size(); ++i) result.insert(result.end(), element_from<T>(elements[i], i));
    return result;
  }

  static std::vector<Value> values_of(const Container& container) {
    std::vector<Value> values;
    values.reserve(container.size());
    for (const auto& element : container) values.push_back(Value(static_cast<const T&>(element)));
    return values;
  }
};

template <class Container>
struct SetConvert : SequenceConvert<Container> {
  using T = typename Container::value_type;
  static Value to(const Container& container)
    requires ToPython<const T&>
  {
    return Value::make(Set(SequenceConvert<Container>::values_of(container)));
  }
};

template <class Map>
struct MapConvert {
  using K = typename Map::key_type;
  using M = typename Map::mapped_type;

  static Value to(const Map& map)
    requires ToPython<const K&> && ToPython<const M&>
  {
    std::vector<std::pair<Value, Value>> pairs;
    pairs.reserve(map.size());
    for (const auto& [key, mapped] : map) pairs.emplace_back(Value(key), Value(mapped));
    return Value::make(Dict(std::move(pairs)));
  }

  static Map from(const Value& value)
    requires FromPython<K> && FromPython<M>
  {
    const Pairs pairs(value, wants_handle<K>, wants_handle<M>);
    Map result;
    for (const auto& [key, mapped] : *pairs) {
      try {
        K converted = Convert<K>::from(key);
        result.insert_or_assign(std::move(converted), Convert<M>::from(mapped));
      } catch (const ConversionError& error) {
        throw error.prefixed(key_step(key));
      }
    }
    return result;
  }
};

}  // namespace detail

template <class T, class A>
struct Convert<std::vector<T, A>> : detail::SequenceConvert<std::vector<T, A>> {};
template <class T, class A>
struct Convert<std::list<T, A>> : detail::SequenceConvert<std::list<T, A>> {};
template <class T, class A>
struct Convert<std::deque<T, A>> : detail::SequenceConvert<std::deque<T, A>> {};
template <class T, class C, class A>
struct Convert<std::set<T, C, A>> : detail::SetConvert<std::set<T, C, A>> {};
template <class T, class H, class E, class A>
struct Convert<std::unordered_set<T, H, E, A>> : detail::SetConvert<std::unordered_set<T, H, E, A>> {};
template <class K, class T, class C, class A>
struct Convert<std::map<K, T, C, A>> : detail::MapConvert<std::map<K, T, C, A>> {};
template <class K, class T, class H, class E, class A>
struct Convert<std::unordered_map<K, T, H, E, A>> : detail::MapConvert<std::unordered_map<K, T, H, E, A>> {};

// The elements of a Value are moved, not converted.
template <>
struct Convert<std::vector<Value>> : detail::SequenceConvert<std::vector<Value>> {
  static Value to(std::vector<Value> values) { return Value::make(List(std::move(values))); }
};

template <class T, std::size_t n>
struct Convert<std::array<T, n>> {
  static Value to(const std::array<T, n>& array)
    requires ToPython<const T&>
  {
    return Value::make(List(std::vector<Value>(array.begin(), array.end())));
  }
  static std::array<T, n> from(const Value& value)
    requires FromPython<T>
  {
    const detail::Elements elements(value, detail::wants_handle<T>);
    if (elements.size() != n) detail::throw_wrong_size(n, elements.size());
    return [&]<std::size_t... i>(std::index_sequence<i...>) {
      return std::array<T, n>{detail::element_from<T>(elements[i], i)...};
    }(std::make_index_sequence<n>());
  }
};

// A list; arithmetic elements go as an array instead (<py4cpp/convert_array.hpp>), bytes as bytes.
template <class T, std::size_t n>
  requires(!Element<T>) || std::same_as<std::remove_const_t<T>, std::byte>
struct Convert<std::span<T, n>> {
  static Value to(std::span<const T> span)
    requires ToPython<const T&>
  {
    if constexpr (std::same_as<std::remove_const_t<T>, std::byte>) {
      return Value::make(Bytes(span.begin(), span.end()));
    } else {
      return Value::make(List(std::vector<Value>(span.begin(), span.end())));
    }
  }
};

template <class T>
struct Convert<std::optional<T>> {
  static Value to(const std::optional<T>& optional)
    requires ToPython<const T&>
  {
    return optional ? Value(*optional) : Value();
  }
  static std::optional<T> from(const Value& value)
    requires FromPython<T>
  {
    if (value.is<None>()) return std::nullopt;
    if constexpr (detail::wants_handle<T>) {
      if (value.is<Object>() && detail::Local(value, Kind::none)->is<None>()) return std::nullopt;
    }
    return Convert<T>::from(value);
  }
};

template <class... Ts>
struct Convert<std::tuple<Ts...>> {
  static Value to(const std::tuple<Ts...>& tuple)
    requires(ToPython<const Ts&> && ...)
  {
    return std::apply(
        [](const Ts&... elements) { return Value::make(Tuple(detail::collect(elements...))); }, tuple);
  }
  static std::tuple<Ts...> from(const Value& value)
    requires(FromPython<Ts> && ...)
  {
    const detail::Elements elements(value, (detail::wants_handle<Ts> || ...));
    if (elements.size() != sizeof...(Ts)) detail::throw_wrong_size(sizeof...(Ts), elements.size());
    return [&]<std::size_t... i>(std::index_sequence<i...>) {
      return std::tuple<Ts...>{detail::element_from<Ts>(elements[i], i)...};
    }(std::index_sequence_for<Ts...>());
  }
};

template <class A, class B>
struct Convert<std::pair<A, B>> {
  static Value to(const std::pair<A, B>& pair)
    requires ToPython<const A&> && ToPython<const B&>
  {
    return Value::make(Tuple(detail::collect(pair.first, pair.second)));
  }
  static std::pair<A, B> from(const Value& value)
    requires FromPython<A> && FromPython<B>
  {
    auto [first, second] = Convert<std::tuple<A, B>>::from(value);
    return {std::move(first), std::move(second)};
  }
};

namespace detail {

template <class T>
inline constexpr bool is_array = false;  // said of Array and of xtensor's containers in <py4cpp/convert_array.hpp>
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

// The kind that T is in a Value when nothing has to be converted; for the exact pass of a variant.
template <class T>
constexpr bool is_exactly(Kind kind) noexcept {
  if constexpr (OneOf<T, None, std::monostate>) return kind == Kind::none;
  else if constexpr (std::same_as<T, bool>) return kind == Kind::boolean;
  else if constexpr (PlainInteger<T> || std::is_enum_v<T>) return kind == Kind::integer || kind == Kind::big_integer;
  else if constexpr (is_big_int<T>) return kind == Kind::big_integer;
  else if constexpr (OneOf<T, float, double, Float16, BFloat16>) return kind == Kind::floating;
  else if constexpr (OneOf<T, std::complex<float>, std::complex<double>>) return kind == Kind::complex;
  else if constexpr (OneOf<T, std::string, char>) return kind == Kind::string;
  else if constexpr (std::same_as<T, Bytes>) return kind == Kind::bytes;
  else if constexpr (HeldAsIs<T>) return kind == kind_of<T>;
  else if constexpr (is_optional<T>) return kind == Kind::none || is_exactly<typename T::value_type>(kind);
  else if constexpr (is_array<T>) return kind == Kind::array;
  else if constexpr (requires { typename T::mapped_type; }) return kind == Kind::dict;
  else if constexpr (requires { typename T::key_type; }) return kind == Kind::set;
  else if constexpr (requires { std::tuple_size<T>::value; typename T::value_type; }) return kind == Kind::list;
  else if constexpr (requires { std::tuple_size<T>::value; }) return kind == Kind::tuple;
  else if constexpr (requires { typename T::const_iterator; }) return kind == Kind::list;
  else return false;
}
template <class Variant, class T>
bool try_alternative(const Value& value, std::optional<Variant>& result) {
  try {
    result.emplace(std::in_place_type<T>, Convert<T>::from(value));
    return true;
  } catch (const ConversionError&) {
    return false;
  }
}

}  // namespace detail

// Alternatives of the value's exact kind are tried first, then all, each in order.
template <class... Ts>
struct Convert<std::variant<Ts...>> {
  using Variant = std::variant<Ts...>;

  static Value to(const Variant& variant)
    requires(ToPython<const Ts&> && ...)
  {
    return std::visit([](const auto& held) { return Value(held); }, variant);
  }
  static Variant from(const Value& value)
    requires(FromPython<Ts> && ...)
  {
    const detail::Local local(value, Kind::object);
    const Kind kind = local->kind();
    std::optional<Variant> result;
    if (((detail::is_exactly<Ts>(kind) && detail::try_alternative<Variant, Ts>(*local, result)) || ...)) {
      return *std::move(result);
    }
    // A handle was given where the plain value fits nothing: an alternative may still want the handle.
    if ((detail::try_alternative<Variant, Ts>(*local, result) || ...)) return *std::move(result);
    if (local.operator->() != &value && (detail::try_alternative<Variant, Ts>(value, result) || ...)) {
      return *std::move(result);
    }
    detail::throw_mismatch("one of the variant's alternatives", *local);
  }
};

}  // namespace py4cpp
