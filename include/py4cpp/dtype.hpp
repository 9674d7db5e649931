// Element types: `DType` names one at run time as numpy does, `dtype_of<T>` ties a C++ type to its own. Values, no
// state; any thread. The order of `DType::Code` is part of the wire protocol (schemas/wire.fbs): append, never reorder.
#pragma once

#include <array>
#include <bit>
#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>

namespace py4cpp {

namespace detail {

// IEEE 754 binary16 <-> binary32. To half rounds to nearest, ties to even; NaNs keep the payload's top bits and their
// sign, and stay NaNs.
constexpr std::uint16_t float_to_half(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    const std::uint32_t payload = (magnitude >> 13) & 0x3ffu;
    return static_cast<std::uint16_t>(sign | 0x7c00u | (payload != 0 ? payload : 0x200u));
  }
  if (magnitude >= 0x47800000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // 2^16 and above, infinity
  std::uint32_t kept = 0;
  std::uint32_t lost = 0;
  std::uint32_t half = 0;
  if (magnitude >= 0x38800000u) {  // normal in half: rebias the exponent; a carry from rounding runs into it rightly
    kept = (magnitude - 0x38000000u) >> 13;
    lost = magnitude & 0x1fffu;
    half = 0x1000u;
  } else if (magnitude >= 0x33000000u) {  // subnormal in half: shift the significand into place
    const std::uint32_t shift = 126u - (magnitude >> 23);
    const std::uint32_t significand = (magnitude & 0x7fffffu) | 0x800000u;
    kept = significand >> shift;
    lost = significand & ((1u << shift) - 1u);
    half = 1u << (shift - 1u);
  }
  if (lost > half || (lost == half && half != 0 && (kept & 1u) != 0)) ++kept;
  return static_cast<std::uint16_t>(sign | kept);
}

constexpr float half_to_float(std::uint16_t half) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fu;
  std::uint32_t significand = half & 0x3ffu;
  if (exponent == 0x1fu) return std::bit_cast<float>(sign | 0x7f800000u | (significand << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (significand << 13));
  if (significand == 0) return std::bit_cast<float>(sign);
  std::uint32_t biased = 113;
  while ((significand & 0x400u) == 0) {
    significand <<= 1;
    --biased;
  }
  return std::bit_cast<float>(sign | (biased << 23) | ((significand & 0x3ffu) << 13));
}

constexpr std::uint16_t float_to_brain(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    const std::uint32_t cut = bits >> 16;
    return static_cast<std::uint16_t>((cut & 0x7fu) != 0 ? cut : cut | 0x40u);
  }
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace detail

// A 16-bit IEEE float as storage: convert to compute. Equality is that of the numbers (NaN differs from itself).
struct Float16 {
  std::uint16_t bits;

  Float16() = default;
  constexpr explicit Float16(float value) noexcept : bits(detail::float_to_half(value)) {}
  constexpr explicit operator float() const noexcept { return detail::half_to_float(bits); }
  static constexpr Float16 from_bits(std::uint16_t bits) noexcept {
    Float16 result(0.0f);
    result.bits = bits;
    return result;
  }
  friend constexpr bool operator==(Float16 a, Float16 b) noexcept {
    return static_cast<float>(a) == static_cast<float>(b);
  }
};

// The upper half of a 32-bit float (Google's bfloat16), as storage. As `Float16` otherwise.
struct BFloat16 {
  std::uint16_t bits;

  BFloat16() = default;
  constexpr explicit BFloat16(float value) noexcept : bits(detail::float_to_brain(value)) {}
  constexpr explicit operator float() const noexcept {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
  static constexpr BFloat16 from_bits(std::uint16_t bits) noexcept {
    BFloat16 result(0.0f);
    result.bits = bits;
    return result;
  }
  friend constexpr bool operator==(BFloat16 a, BFloat16 b) noexcept {
    return static_cast<float>(a) == static_cast<float>(b);
  }
};

class DType {
 public:
  enum class Code : std::uint8_t {
    boolean, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float16, float32, float64, complex64, complex128,
    bfloat16
  };
  static constexpr std::size_t count = 15;

  constexpr DType(Code code) noexcept : code_(code) {}  // NOLINT(google-explicit-constructor): a code is a dtype

  constexpr Code code() const noexcept { return code_; }
  constexpr std::size_t itemsize() const noexcept { return facts[index()].itemsize; }  // bytes
  constexpr std::string_view name() const noexcept { return facts[index()].name; }     // numpy's: "bool", "int8" ...

  static constexpr std::optional<DType> from_name(std::string_view name) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
      if (facts[i].name == name) return DType(static_cast<Code>(i));
    }
    return std::nullopt;
  }
  // For a byte from outside the process.
  static constexpr std::optional<DType> from_code(std::uint8_t code) noexcept {
    if (code >= count) return std::nullopt;
    return DType(static_cast<Code>(code));
  }

  friend constexpr bool operator==(DType, DType) noexcept = default;
  friend std::string to_string(DType dtype) { return std::string(dtype.name()); }
  friend std::ostream& operator<<(std::ostream& out, DType dtype) { return out << dtype.name(); }

 private:
  struct Facts {
    std::string_view name;
    std::size_t itemsize;
  };
  static constexpr std::array<Facts, count> facts{
      {{"bool", 1}, {"int8", 1}, {"int16", 2}, {"int32", 4}, {"int64", 8}, {"uint8", 1}, {"uint16", 2}, {"uint32", 4},
       {"uint64", 8}, {"float16", 2}, {"float32", 4}, {"float64", 8}, {"complex64", 8}, {"complex128", 16},
       {"bfloat16", 2}}};

  constexpr std::size_t index() const noexcept { return static_cast<std::size_t>(code_); }

  Code code_;
};

inline constexpr DType boolean{DType::Code::boolean};
inline constexpr DType int8{DType::Code::int8};
inline constexpr DType int16{DType::Code::int16};
inline constexpr DType int32{DType::Code::int32};
inline constexpr DType int64{DType::Code::int64};
inline constexpr DType uint8{DType::Code::uint8};
inline constexpr DType uint16{DType::Code::uint16};
inline constexpr DType uint32{DType::Code::uint32};
inline constexpr DType uint64{DType::Code::uint64};
inline constexpr DType float16{DType::Code::float16};
inline constexpr DType float32{DType::Code::float32};
inline constexpr DType float64{DType::Code::float64};
inline constexpr DType complex64{DType::Code::complex64};
inline constexpr DType complex128{DType::Code::complex128};
inline constexpr DType bfloat16{DType::Code::bfloat16};

namespace detail {

template <class T, class... Listed>
concept OneOf = (std::same_as<T, Listed> || ...);

// Numbers only: a wide character is text, and neither long double nor a 128-bit integer has a numpy type to go by.
template <class T>
inline constexpr bool plain_number = std::is_arithmetic_v<T> && sizeof(T) <= 8 &&
                                     !OneOf<T, long double, wchar_t, char8_t, char16_t, char32_t>;

template <class T>
constexpr DType element_dtype() noexcept {
  using Code = DType::Code;
  if constexpr (OneOf<T, bool>) return Code::boolean;
  else if constexpr (OneOf<T, std::byte>) return Code::uint8;
  else if constexpr (OneOf<T, Float16>) return Code::float16;
  else if constexpr (OneOf<T, BFloat16>) return Code::bfloat16;
  else if constexpr (OneOf<T, std::complex<float>>) return Code::complex64;
  else if constexpr (OneOf<T, std::complex<double>>) return Code::complex128;
  else if constexpr (std::is_floating_point_v<T>) return sizeof(T) == 4 ? Code::float32 : Code::float64;
  else {
    constexpr Code first = std::is_signed_v<T> ? Code::int8 : Code::uint8;
    return static_cast<Code>(static_cast<int>(first) + std::countr_zero(sizeof(T)));
  }
}

}  // namespace detail

// What an `Array` may hold; `const` is allowed and means read-only.
template <class T>
concept Element = !std::is_volatile_v<T> &&
                  (detail::plain_number<std::remove_const_t<T>> ||
                   detail::OneOf<std::remove_const_t<T>, std::byte, std::complex<float>, std::complex<double>, Float16,
                                  BFloat16>);

// The dtype of a new array of T: integers by size and sign (`char` too), `std::byte` is uint8.
template <Element T>
inline constexpr DType dtype_of = detail::element_dtype<std::remove_const_t<T>>();

// Whether elements of `dtype` may be read as T: same size and kind. `char` reads either 8-bit integer, `std::byte` any
// type of one byte.
template <Element T>
constexpr bool compatible(DType dtype) noexcept {
  using Plain = std::remove_const_t<T>;
  if constexpr (detail::OneOf<Plain, std::byte>) return dtype.itemsize() == 1;
  else if constexpr (detail::OneOf<Plain, char>) return dtype == int8 || dtype == uint8;
  else return dtype == dtype_of<T>;
}

}  // namespace py4cpp
