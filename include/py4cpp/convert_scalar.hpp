// Convert for what a Value holds, for numbers, text and enums. Going to Python nothing is lost; coming back everything
// is range-checked, and a handle is fetched first. Included by <py4cpp/value.hpp>.
#pragma once

#include <py4cpp/value.hpp>

#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace py4cpp {

namespace detail {

// Throws ConversionError: `expected` is a phrase such as "int in 0..255".
[[noreturn]] void throw_mismatch(std::string_view expected, const Value& found);

// A value that lies here: `value` itself, or what Python gives for a handle, turned into `wanted` by Python's own
// protocol (__index__, __float__, iteration ...) if it has no plain form. A handle that has neither stays one.
class Local {
 public:
  Local(const Value& value, Kind wanted);
  const Value& operator*() const noexcept { return *value_; }
  const Value* operator->() const noexcept { return value_; }
  Local(const Local&) = delete;
  Local& operator=(const Local&) = delete;

 private:
  Value fetched_;
  const Value* value_;
};

std::int64_t signed_from(const Value& value, std::int64_t low, std::int64_t high);
std::uint64_t unsigned_from(const Value& value, std::uint64_t high);
double double_from(const Value& value);
float float_from(const Value& value);
// As a double, a NaN with its payload: the processor would make a signalling one quiet.
double widen(float x) noexcept;
std::complex<double> complex_from(const Value& value);
std::string string_from(const Value& value);
Value text_to(const char* text);  // throws Error(invalid) for null
char char_from(const Value& value);
Value char_to(char character);  // throws Error(invalid) beyond ASCII: alone that is no UTF-8

// The elements of anything that can be iterated, as Python's list() gives them, if `value` lies here. Throws
// ConversionError: a `wanted` was expected.
std::vector<Value> elements_of(const Value& value, Kind wanted);

// The array that `value` is; what else it may be is asked of Python, and said in the error with the numpy call to make.
AnyArray array_from(const Value& value);
// The element of that dtype at `element`, which may be unaligned, as Python's scalar of that kind.
Value scalar_at(DType dtype, const std::byte* element);
// The only element of an array of no dimensions.
Value scalar_of(const AnyArray& array);
// array[index]: a scalar, or the sub-array. Throws Error(invalid).
Value array_item(const AnyArray& array, std::size_t index);

std::string index_step(std::int64_t index);  // "[3]"
std::string key_step(const Value& key);      // "['k']"

// Integers that are numbers: text and bool have their own rules.
template <class T>
concept PlainInteger =
    std::integral<T> && sizeof(T) <= 8 && !OneOf<T, bool, char, wchar_t, char8_t, char16_t, char32_t>;

template <class T>
concept HeldAsIs = OneOf<T, None, List, Tuple, Set, Dict, AnyArray, Object>;

template <class T>
inline constexpr Kind kind_of = [] {
  if constexpr (std::same_as<T, None>) return Kind::none;
  else if constexpr (std::same_as<T, List>) return Kind::list;
  else if constexpr (std::same_as<T, Tuple>) return Kind::tuple;
  else if constexpr (std::same_as<T, Set>) return Kind::set;
  else if constexpr (std::same_as<T, Dict>) return Kind::dict;
  else if constexpr (std::same_as<T, AnyArray>) return Kind::array;
  else return Kind::object;
}();

}  // namespace detail

template <>
struct Convert<Value> {
  static Value to(Value value) noexcept { return value; }
  static Value from(const Value& value) { return value; }
};

template <detail::HeldAsIs T>
struct Convert<T> {
  static Value to(T x) noexcept { return Value::make(std::move(x)); }
  static T from(const Value& value) {
    if constexpr (std::same_as<T, Object>) {
      if (const T* held = value.get_if<T>()) return *held;
      detail::throw_mismatch("a handle (plain values have none: ask Python for an Object)", value);
    } else if constexpr (std::same_as<T, AnyArray>) {
      return detail::array_from(value);
    } else {
      const detail::Local local(value, detail::kind_of<T>);
      if (const T* held = local->get_if<T>()) return *held;
      if constexpr (detail::OneOf<T, List, Tuple, Set>) return T(detail::elements_of(*local, detail::kind_of<T>));
      detail::throw_mismatch(to_string(detail::kind_of<T>), *local);
    }
  }
};

template <detail::OneOf<std::nullopt_t, std::monostate> T>
struct Convert<T> {
  static Value to(T) noexcept { return {}; }
  static T from(const Value& value)
    requires std::same_as<T, std::monostate>
  {
    Convert<None>::from(value);
    return {};
  }
};

template <>
struct Convert<bool> {
  static Value to(bool x) noexcept { return Value::make(x); }
  static bool from(const Value& value);
};

template <detail::PlainInteger T>
struct Convert<T> {
  static Value to(T x) {
    if constexpr (std::signed_integral<T>) return Value::make(std::int64_t{x});
    else if constexpr (sizeof(T) < 8) return Value::make(static_cast<std::int64_t>(x));
    else return Value::make(std::uint64_t{x});
  }
  static T from(const Value& value) {
    using Limits = std::numeric_limits<T>;
    if constexpr (std::signed_integral<T>) {
      return static_cast<T>(detail::signed_from(value, Limits::min(), Limits::max()));
    } else {
      return static_cast<T>(detail::unsigned_from(value, Limits::max()));
    }
  }
};

// A one-character str.
template <>
struct Convert<char> {
  static Value to(char x) { return detail::char_to(x); }
  static char from(const Value& value) { return detail::char_from(value); }
};

template <>
struct Convert<double> {
  static Value to(double x) noexcept { return Value::make(x); }
  static double from(const Value& value) { return detail::double_from(value); }
};

template <>
struct Convert<float> {
  static Value to(float x) noexcept { return Value::make(detail::widen(x)); }
  static float from(const Value& value) { return detail::float_from(value); }
};

template <detail::OneOf<Float16, BFloat16> T>
struct Convert<T> {
  static Value to(T x) noexcept { return Value::make(detail::widen(static_cast<float>(x))); }
  static T from(const Value& value) { return T(detail::float_from(value)); }
};

template <detail::OneOf<float, double> T>
struct Convert<std::complex<T>> {
  static Value to(const std::complex<T>& x) noexcept {
    if constexpr (std::same_as<T, double>) return Value::make(x);
    else return Value::make(std::complex<double>(detail::widen(x.real()), detail::widen(x.imag())));
  }
  static std::complex<T> from(const Value& value) {
    const std::complex<double> x = detail::complex_from(value);
    if constexpr (std::same_as<T, double>) {
      return x;
    } else {
      return {detail::float_from(Value::make(x.real())), detail::float_from(Value::make(x.imag()))};
    }
  }
};

template <>
struct Convert<std::string> {
  static Value to(const std::string& x) { return Value::make(std::string_view(x)); }
  static Value to(std::string&& x) { return Value::make(std::move(x)); }
  static std::string from(const Value& value) { return detail::string_from(value); }
};

template <>
struct Convert<std::string_view> {
  static Value to(std::string_view x) { return Value::make(x); }
};

// Text up to its NUL; a null pointer throws Error(invalid).
template <detail::OneOf<const char*, char*> T>
struct Convert<T> {
  static Value to(const char* x) { return detail::text_to(x); }
};

template <>
struct Convert<Bytes> {
  static Value to(Bytes x) { return Value::make(std::move(x)); }
  static Bytes from(const Value& value);
};

template <class T>
  requires std::is_enum_v<T> && (!std::same_as<T, std::byte>)
struct Convert<T> {
  using Number = std::underlying_type_t<T>;
  using Limits = std::numeric_limits<Number>;
  // By the number, whatever it is counted in: a char here is no text, a bool no truth.
  static Value to(T x) {
    if constexpr (std::signed_integral<Number>) return Value::make(static_cast<std::int64_t>(x));
    else return Value::make(static_cast<std::uint64_t>(x));
  }
  static T from(const Value& value) {
    if constexpr (std::signed_integral<Number>) {
      return static_cast<T>(detail::signed_from(value, Limits::min(), Limits::max()));
    } else {
      return static_cast<T>(detail::unsigned_from(value, Limits::max()));
    }
  }
};

// A single byte is an int.
template <>
struct Convert<std::byte> {
  static Value to(std::byte x) noexcept { return Value::make(std::to_integer<std::int64_t>(x)); }
  static std::byte from(const Value& value) { return static_cast<std::byte>(detail::unsigned_from(value, 255)); }
};

}  // namespace py4cpp
