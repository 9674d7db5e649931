// Arguments of a call: positional ones, and named ones written `"name"_a = value` or kw("name", value), mixed in any
// order. A Named refers to an lvalue and owns a temporary, so write it in the call.
#pragma once

#include <py4cpp/value.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace py4cpp {

// T is a reference when the value was an lvalue.
template <class T>
struct Named {
  std::string name;
  T value;
};

template <class T>
Named<T> kw(std::string_view name, T&& value) {
  return Named<T>{std::string(name), std::forward<T>(value)};
}

class ArgumentName {
 public:
  constexpr explicit ArgumentName(std::string_view name) noexcept : name_(name) {}
  template <class T>
  Named<T> operator=(T&& value) const {  // NOLINT(misc-unconventional-assign-operator): that is the notation
    return Named<T>{std::string(name_), std::forward<T>(value)};
  }

 private:
  std::string_view name_;
};

inline namespace literals {
constexpr ArgumentName operator""_a(const char* name, std::size_t size) noexcept {
  return ArgumentName(std::string_view(name, size));
}
}  // namespace literals

namespace detail {

template <class T>
inline constexpr bool is_named = false;
template <class T>
inline constexpr bool is_named<Named<T>> = true;

template <class T>
inline constexpr bool named_value_travels = false;
template <class T>
inline constexpr bool named_value_travels<Named<T>> = ToPython<T>;

template <class... Args>
inline constexpr std::uint32_t named_count = (std::uint32_t{0} + ... + (is_named<std::remove_cvref_t<Args>> ? 1u : 0u));
template <class... Args>
inline constexpr std::uint32_t positional_count = static_cast<std::uint32_t>(sizeof...(Args)) - named_count<Args...>;
// Values that the arguments occupy in a request.
template <class... Args>
inline constexpr std::size_t value_count = positional_count<Args...> + std::size_t{2} * named_count<Args...>;

// Throws Error(invalid) if two of the keywords in `named` (keyword, value, keyword, value ...) are equal.
void check_keywords(const Value* named, std::size_t count);

enum class Texts {
  owned,  // by the values, which may be kept
  lent    // long ones of the caller: the values don't outlive the arguments
};

// What isn't moved from anyway, and would be copied.
template <class T>
inline constexpr bool can_be_lent = std::same_as<std::remove_cvref_t<T>, std::string_view> ||
                                    (std::is_lvalue_reference_v<T> &&
                                     OneOf<std::remove_cvref_t<T>, std::string, Bytes>);

template <Texts texts, class T>
Value argument_value(T&& argument) {
  if constexpr (texts == Texts::lent && can_be_lent<T>) return Lending::value(argument);
  else return Value(std::forward<T>(argument));
}

template <class T>
Value lent(T&& argument) {
  return argument_value<Texts::lent>(std::forward<T>(argument));
}

template <Texts texts, class T>
void place_argument(Value*& positional, Value*& named, T&& argument) {
  if constexpr (is_named<std::remove_cvref_t<T>>) {
    *named++ = Value::make(std::string_view(argument.name));
    // An lvalue Named may be used again, so what it owns is only moved from a temporary one.
    *named++ = argument_value<texts>(std::forward<T>(argument).value);
  } else {
    *positional++ = argument_value<texts>(std::forward<T>(argument));
  }
}

}  // namespace detail

// What a call takes.
template <class T>
concept Argument = ToPython<T> || detail::named_value_travels<std::remove_cvref_t<T>>;

namespace detail {

// Writes value_count<Args...> values to `out`, the positional ones first, as the wire wants them.
template <Texts texts, class... Args>
void place_arguments([[maybe_unused]] Value* out, Args&&... args) {
  static_assert((Argument<Args> && ...), "an argument has a type that cannot travel to Python: specialise "
                "py4cpp::Convert<T> for it with static Value to(const T&)");
  [[maybe_unused]] Value* positional = out;
  [[maybe_unused]] Value* named = out + positional_count<Args...>;
  (place_argument<texts>(positional, named, std::forward<Args>(args)), ...);
  if constexpr (named_count<Args...> > 1) check_keywords(out + positional_count<Args...>, named_count<Args...>);
}

}  // namespace detail

}  // namespace py4cpp
