// Value: one Python value in C++. Immutable, 24 bytes, cheap to copy: numbers and texts up to 15 bytes lie in it, all
// else is shared. Copying, destroying, comparing, hashing and printing never recurse, whatever the nesting. Values may
// be used from any thread. Only what is marked so asks Python, and only on a handle.
#pragma once

#include <py4cpp/any_array.hpp>
#include <py4cpp/collections.hpp>
#include <py4cpp/handle.hpp>
#include <py4cpp/shared_node.hpp>

#include <boost/multiprecision/cpp_int.hpp>

#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace py4cpp {

using BigInt = boost::multiprecision::cpp_int;
using Bytes = std::vector<std::byte>;

struct None {
  friend constexpr bool operator==(None, None) noexcept { return true; }
};

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"  // scoped, so nothing is shadowed; GCC warns of py4cpp::boolean all the same
#endif
enum class Kind : std::uint8_t {
  none, boolean, integer, big_integer, floating, complex, string, bytes, list, tuple, set, dict, array, object
};
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

// Python's name for it: "int", "str", "ndarray", ...
std::string_view to_string(Kind kind) noexcept;

// How a C++ type becomes a Value and is made from one; specialise it to make a type of your own travel, before its
// first use:  static Value to(const T&);  static T from(const Value&);  either may be left out.
template <class T>
struct Convert;

template <class T>
concept ToPython = requires(T&& x) {
  { Convert<std::decay_t<T>>::to(std::forward<T>(x)) } -> std::same_as<Value>;
};

template <class T>
concept FromPython = requires(const Value& v) {
  { Convert<T>::from(v) } -> std::convertible_to<T>;
};

namespace detail {

// A text of up to 15 bytes.
struct ShortText {
  static constexpr std::size_t capacity = 15;
  char text[capacity];
  std::uint8_t size;
};
struct LongTextNode { SharedNode node; };
struct BytesNode { SharedNode node; };
// Somebody else's, which outlives the value.
struct LentText { std::string_view text; };
struct LentBytes { const Bytes* bytes; };
struct BigIntNode { SharedNode node; };

struct Lending;

template <class T, class... Listed>
concept OneOf = (std::same_as<T, Listed> || ...);

template <class T>
concept ValueKind = OneOf<T, None, bool, std::int64_t, BigInt, double, std::complex<double>, std::string, Bytes, List,
                          Tuple, Set, Dict, AnyArray, Object>;

}  // namespace detail

class Value {
 public:
  Value() noexcept = default;  // None

  // From anything that has a Convert. One template: overloads would turn literals and lambdas into bool.
  template <class T>
    requires(!std::same_as<std::remove_cvref_t<T>, Value> && ToPython<T>)
  Value(T&& x)  // NOLINT(google-explicit-constructor): a value may be written wherever one is wanted
      : Value(Convert<std::decay_t<T>>::to(std::forward<T>(x))) {}

  Kind kind() const noexcept;

  // Whether it holds exactly this one of the fourteen kinds.
  template <class T>
  bool is() const noexcept {
    static_assert(detail::ValueKind<T>, "is<T>() takes only the types that a Value holds: None, bool, std::int64_t, "
                  "BigInt, double, std::complex<double>, std::string, Bytes, List, Tuple, Set, Dict, AnyArray, Object");
    if constexpr (std::same_as<T, std::string>) return kind() == Kind::string;
    else return get_if<T>() != nullptr;
  }

  // The value as T. A handle is fetched from Python first. Throws ConversionError.
  template <class T>
  T as() const& {
    static_assert(FromPython<T>, "no Convert<T>::from(const Value&) for this type");
    return Convert<T>::from(*this);
  }
  // The same; text and bytes that no other Value shares are moved out, not copied.
  template <class T>
  T as() && {
    if constexpr (detail::OneOf<T, std::string, Bytes>) {
      if (T* held = sole<T>()) return std::move(*held);
    }
    return std::as_const(*this).template as<T>();
  }

  // As Python's len(): elements, pairs, code points, bytes, the first extent. Throws Error(invalid) where there is
  // none. Asks Python on a handle.
  std::size_t size() const;
  // As in Python: position (negative counts from the end) or key; a set's elements by position. Throws Error(invalid)
  // when there is no such item. Asks Python on a handle.
  Value item(const Value& key) const;
  template <ToPython K>
  Value operator[](K&& key) const {
    return item(Value(std::forward<K>(key)));
  }

  // What it holds without a copy, or null; not for text. Valid as long as this Value.
  template <class T>
  const T* get_if() const noexcept;
  // The text of a string, empty for other kinds. Valid as long as this Value.
  std::string_view text() const noexcept;

  // Local: same kind and contents, so 1 != 1.0 and NaN differs from itself; handles by identity; sets and dicts in any
  // order.
  friend bool operator==(const Value& a, const Value& b) { return equal(a, b); }
  // As Python's repr(); arrays of more than 1000 elements by shape and dtype, handles as "<object 17>".
  friend std::string to_string(const Value& value) { return value.describe(); }
  friend std::ostream& operator<<(std::ostream& out, const Value& value) { return print(out, value); }

  // One of exactly the kinds; what Convert is built on. A BigInt that fits becomes an integer.
  static Value make(None) noexcept { return {}; }
  static Value make(bool x) noexcept { return native<bool>(x); }
  static Value make(std::int64_t x) noexcept { return native<std::int64_t>(x); }
  static Value make(std::uint64_t x);
  static Value make(BigInt x);
  static Value make(double x) noexcept { return native<double>(x); }
  static Value make(std::complex<double> x) noexcept {
    return native<std::complex<double>>(x);
  }
  static Value make(std::string_view utf8);
  static Value make(std::string&& utf8);
  static Value make(Bytes x);
  static Value make(List x) noexcept { return native<List>(std::move(x)); }
  static Value make(Tuple x) noexcept { return native<Tuple>(std::move(x)); }
  static Value make(Set x) noexcept { return native<Set>(std::move(x)); }
  static Value make(Dict x) noexcept { return native<Dict>(std::move(x)); }
  static Value make(AnyArray x) noexcept { return native<AnyArray>(std::move(x)); }
  static Value make(Object x) noexcept { return native<Object>(std::move(x)); }

  // Equal values have equal hashes. Arrays count by dtype and shape, handles by identity.
  std::size_t hash() const;

 private:
  friend struct detail::Lending;

  // In the order of Kind, then other texts and other bytes.
  using Storage = std::variant<None, bool, std::int64_t, detail::BigIntNode, double, std::complex<double>,
                               detail::ShortText, detail::BytesNode, List, Tuple, Set, Dict, AnyArray, Object,
                               detail::LongTextNode, detail::LentText, detail::LentBytes>;

  // A type of its own, so that nobody's Convert is asked about it.
  struct Native {
    Storage storage;
  };

  explicit Value(Native&& native) noexcept : storage_(std::move(native.storage)) {}
  template <class T, class... Args>
  static Value native(Args&&... args) {
    return Value(Native{Storage(std::in_place_type<T>, std::forward<Args>(args)...)});
  }
  template <class T>
  T* sole() noexcept;  // the long text or the bytes, null if another Value has them too
  static bool equal(const Value& a, const Value& b);
  static std::ostream& print(std::ostream& out, const Value& value);
  std::string describe() const;

  Storage storage_;
};

static_assert(sizeof(Value) <= 24);

inline Kind Value::kind() const noexcept {
  constexpr std::size_t lent_bytes = std::variant_size_v<Storage> - 1;
  const std::size_t index = storage_.index();
  if (index <= static_cast<std::size_t>(Kind::object)) return static_cast<Kind>(index);
  return index == lent_bytes ? Kind::bytes : Kind::string;
}

template <class T>
const T* Value::get_if() const noexcept {
  static_assert(detail::ValueKind<T> && !std::same_as<T, std::string>, "text() reads a string");
  if constexpr (std::same_as<T, BigInt>) {
    const auto* held = std::get_if<detail::BigIntNode>(&storage_);
    return held == nullptr ? nullptr : &static_cast<const detail::Boxed<BigInt>*>(held->node.get())->value;
  } else if constexpr (std::same_as<T, Bytes>) {
    if (const auto* held = std::get_if<detail::BytesNode>(&storage_)) {
      return &static_cast<const detail::Boxed<Bytes>*>(held->node.get())->value;
    }
    const auto* lent = std::get_if<detail::LentBytes>(&storage_);
    return lent == nullptr ? nullptr : lent->bytes;
  } else {
    return std::get_if<T>(&storage_);
  }
}

template <class T>
T* Value::sole() noexcept {
  using Held = std::conditional_t<std::same_as<T, std::string>, detail::LongTextNode, detail::BytesNode>;
  const auto* held = std::get_if<Held>(&storage_);
  if (held == nullptr || !held->node.sole()) return nullptr;
  return &const_cast<detail::Boxed<T>*>(static_cast<const detail::Boxed<T>*>(held->node.get()))->value;
}

inline std::string_view Value::text() const noexcept {
  if (const auto* held = std::get_if<detail::ShortText>(&storage_)) return {held->text, held->size};
  if (const auto* held = std::get_if<detail::LongTextNode>(&storage_)) {
    return static_cast<const detail::Boxed<std::string>*>(held->node.get())->value;
  }
  if (const auto* lent = std::get_if<detail::LentText>(&storage_)) return lent->text;
  return {};
}

namespace detail {

// Values that refer to the caller's text or bytes instead of copying them: for what doesn't outlive a call, whose
// arguments are encoded before it returns. A copy of such a value refers to the same.
struct Lending {
  static Value value(std::string_view utf8) {
    if (utf8.size() <= ShortText::capacity) return Value::make(utf8);
    return Value::native<LentText>(LentText{utf8});
  }
  static Value value(const Bytes& bytes) noexcept { return Value::native<LentBytes>(LentBytes{&bytes}); }
};

}  // namespace detail

template <ToPython T>
Value to_value(T&& x) {
  return Value(std::forward<T>(x));
}

template <class T>
T from_value(const Value& value) {
  return value.as<T>();
}

}  // namespace py4cpp

template <>
struct std::hash<py4cpp::Value> {
  std::size_t operator()(const py4cpp::Value& value) const { return value.hash(); }
};

#include <py4cpp/collections_inline.hpp>
#include <py4cpp/convert_scalar.hpp>
