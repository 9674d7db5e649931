// Value: one Python value in C++. Immutable, 24 bytes, cheap to copy: numbers and texts up to 15 bytes lie in it, all
// else is shared. Copying, destroying, comparing, hashing and printing never recurse, whatever the nesting. Values may
// be used from any thread. Only what is marked so asks Python, and only on a handle.
#pragma once

#include <py4cpp/any_array.hpp>
#include <py4cpp/collections.hpp>
#include <py4cpp/handle.hpp>
#include <py4cpp/shared_node.hpp>

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
#include <vector>

namespace py4cpp {

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
struct Lending;
struct BigIntegers;

// Said of BigInt in <py4cpp/big_int.hpp>, as all that concerns it: Boost's header alone takes a second to compile.
template <class T>
inline constexpr bool is_big_int = false;

template <class T>
concept ValueKind = is_big_int<T> || OneOf<T, None, bool, std::int64_t, double, std::complex<double>, std::string,
                                           Bytes, List, Tuple, Set, Dict, AnyArray, Object>;

}  // namespace detail

class Value {
 public:
  Value() noexcept = default;  // None
  Value(const Value& other) noexcept;
  Value(Value&& other) noexcept;
  Value& operator=(Value other) noexcept;
  ~Value() {
    if (owns_) drop();
  }

  // From anything that has a Convert. One template: overloads would turn literals and lambdas into bool.
  template <class T>
    requires(!std::same_as<std::remove_cvref_t<T>, Value> && ToPython<T>)
  Value(T&& x)  // NOLINT(google-explicit-constructor): a value may be written wherever one is wanted
      : Value(Convert<std::decay_t<T>>::to(std::forward<T>(x))) {}

  Kind kind() const noexcept { return kind_; }

  // Whether it holds exactly this one of the fourteen kinds.
  template <class T>
  bool is() const noexcept {
    static_assert(detail::ValueKind<T>, "is<T>() takes only the types that a Value holds: None, bool, std::int64_t, "
                  "BigInt (with <py4cpp/big_int.hpp>), double, std::complex<double>, std::string, Bytes, List, Tuple, "
                  "Set, Dict, AnyArray, Object");
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

  // One of exactly the kinds; what Convert is built on.
  static Value make(None) noexcept { return {}; }
  static Value make(bool x) noexcept { return plain(Kind::boolean, &Plain::boolean, x); }
  static Value make(std::int64_t x) noexcept { return plain(Kind::integer, &Plain::integer, x); }
  static Value make(std::uint64_t x);
  static Value make(double x) noexcept { return plain(Kind::floating, &Plain::floating, x); }
  static Value make(std::complex<double> x) noexcept {
    return plain(Kind::complex, &Plain::complex, x);
  }
  static Value make(std::string_view utf8);
  static Value make(std::string&& utf8);
  static Value make(Bytes x);
  static Value make(List x) noexcept { return held(Kind::list, &Payload::list, std::move(x)); }
  static Value make(Tuple x) noexcept { return held(Kind::tuple, &Payload::tuple, std::move(x)); }
  static Value make(Set x) noexcept { return held(Kind::set, &Payload::set, std::move(x)); }
  static Value make(Dict x) noexcept { return held(Kind::dict, &Payload::dict, std::move(x)); }
  static Value make(AnyArray x) noexcept { return held(Kind::array, &Payload::array, std::move(x)); }
  static Value make(Object x) noexcept { return held(Kind::object, &Payload::object, std::move(x)); }

  // Equal values have equal hashes. Arrays count by dtype and shape, handles by identity.
  std::size_t hash() const;

 private:
  friend struct detail::Lending;
  friend struct detail::BigIntegers;

  // What is copied as it lies there.
  union Plain {
    std::int64_t integer;
    bool boolean;
    double floating;
    std::complex<double> complex;
    detail::ShortText text;
    std::string_view lent_text;  // somebody else's, which outlives the value
    const Bytes* lent_bytes;     // likewise

    Plain() noexcept : integer(0) {}
  };
  // The member that `kind_` says; a text is `plain` if it is short or lent, bytes if they are lent.
  union Payload {
    Plain plain;
    detail::SharedNode node;  // a big integer, bytes or a long text
    List list;
    Tuple tuple;
    Set set;
    Dict dict;
    AnyArray array;
    Object object;

    Payload() noexcept : plain() {}
    ~Payload() {}
  };
  // A type of its own, so that nobody's Convert is asked about it.
  template <class T>
  struct Held {
    Kind kind;
    T Payload::*member;
    T value;
  };

  template <class T>
  explicit Value(Held<T>&& held) noexcept : kind_(held.kind), owns_(true) {
    std::construct_at(&(payload_.*held.member), std::move(held.value));
  }
  template <class T>
  static Value plain(Kind kind, T Plain::*member, T x) noexcept {
    Value value;
    value.kind_ = kind;
    std::construct_at(&(value.payload_.plain.*member), x);
    return value;
  }
  template <class T>
  static Value held(Kind kind, T Payload::*member, T x) noexcept {
    return Value(Held<T>{kind, member, std::move(x)});
  }
  template <class T>
  static const T& unboxed(const detail::SharedNode& node) noexcept {
    return static_cast<const detail::Boxed<T>*>(node.get())->value;
  }
  void copy(const Value& other) noexcept;
  void take(Value& other) noexcept;  // and leaves it None
  void drop() noexcept;
  template <class Visit>
  void visit_owned(Visit visit) const;
  template <class T>
  T* sole() noexcept;  // the long text or the bytes, null if another Value has them too
  static bool equal(const Value& a, const Value& b);
  static std::ostream& print(std::ostream& out, const Value& value);
  std::string describe() const;

  Payload payload_;
  Kind kind_ = Kind::none;
  bool owns_ = false;  // not `plain`
  bool lent_ = false;  // `plain`, and refers to somebody else's text or bytes
};

static_assert(sizeof(Value) <= 24 && std::is_trivially_copyable_v<std::complex<double>>);

inline Value::Value(const Value& other) noexcept : kind_(other.kind_), owns_(other.owns_), lent_(other.lent_) {
  if (owns_) copy(other);
  else payload_.plain = other.payload_.plain;
}

inline Value::Value(Value&& other) noexcept : kind_(other.kind_), owns_(other.owns_), lent_(other.lent_) {
  if (owns_) take(other);
  else payload_.plain = other.payload_.plain;
}

// `other` may have been an element of what is dropped: it is a Value of its own by now.
inline Value& Value::operator=(Value other) noexcept {
  std::destroy_at(this);
  return *std::construct_at(this, std::move(other));
}

template <class T>
const T* Value::get_if() const noexcept {
  static_assert(detail::ValueKind<T> && !std::same_as<T, std::string>, "text() reads a string");
  if constexpr (std::same_as<T, None>) {
    static constexpr None none;
    return kind_ == Kind::none ? &none : nullptr;
  } else if constexpr (std::same_as<T, bool>) {
    return kind_ == Kind::boolean ? &payload_.plain.boolean : nullptr;
  } else if constexpr (std::same_as<T, std::int64_t>) {
    return kind_ == Kind::integer ? &payload_.plain.integer : nullptr;
  } else if constexpr (std::same_as<T, double>) {
    return kind_ == Kind::floating ? &payload_.plain.floating : nullptr;
  } else if constexpr (std::same_as<T, std::complex<double>>) {
    return kind_ == Kind::complex ? &payload_.plain.complex : nullptr;
  } else if constexpr (detail::is_big_int<T>) {
    return kind_ == Kind::big_integer ? &unboxed<T>(payload_.node) : nullptr;
  } else if constexpr (std::same_as<T, Bytes>) {
    if (kind_ != Kind::bytes) return nullptr;
    return lent_ ? payload_.plain.lent_bytes : &unboxed<T>(payload_.node);
  } else if constexpr (std::same_as<T, List>) {
    return kind_ == Kind::list ? &payload_.list : nullptr;
  } else if constexpr (std::same_as<T, Tuple>) {
    return kind_ == Kind::tuple ? &payload_.tuple : nullptr;
  } else if constexpr (std::same_as<T, Set>) {
    return kind_ == Kind::set ? &payload_.set : nullptr;
  } else if constexpr (std::same_as<T, Dict>) {
    return kind_ == Kind::dict ? &payload_.dict : nullptr;
  } else if constexpr (std::same_as<T, AnyArray>) {
    return kind_ == Kind::array ? &payload_.array : nullptr;
  } else {
    return kind_ == Kind::object ? &payload_.object : nullptr;
  }
}

template <class T>
T* Value::sole() noexcept {
  constexpr Kind wanted = std::same_as<T, std::string> ? Kind::string : Kind::bytes;
  if (kind_ != wanted || !owns_ || !payload_.node.sole()) return nullptr;
  return &const_cast<T&>(unboxed<T>(payload_.node));
}

inline std::string_view Value::text() const noexcept {
  if (kind_ != Kind::string) return {};
  if (owns_) return unboxed<std::string>(payload_.node);
  if (lent_) return payload_.plain.lent_text;
  return {payload_.plain.text.text, payload_.plain.text.size};
}

namespace detail {

// Values that refer to the caller's text or bytes instead of copying them: for what doesn't outlive a call, whose
// arguments are encoded before it returns. A copy of such a value refers to the same.
struct Lending {
  static Value value(std::string_view utf8) {
    if (utf8.size() <= ShortText::capacity) return Value::make(utf8);
    Value value = Value::plain(Kind::string, &Value::Plain::lent_text, utf8);
    value.lent_ = true;
    return value;
  }
  static Value value(const Bytes& bytes) noexcept {
    Value value = Value::plain(Kind::bytes, &Value::Plain::lent_bytes, &bytes);
    value.lent_ = true;
    return value;
  }
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
