// BigInt: an int of any size. Apart from <py4cpp/value.hpp>, whose Value holds it, since Boost.Multiprecision's header
// takes longer to compile than all of py4cpp's: a file that uses no BigInt can do with the smaller ones.
#pragma once

#include <py4cpp/value.hpp>

#include <boost/multiprecision/cpp_int.hpp>

#include <utility>

namespace py4cpp {

using BigInt = boost::multiprecision::cpp_int;

namespace detail {

template <>
inline constexpr bool is_big_int<BigInt> = true;

struct BigIntegers {
  static Value to(BigInt x);
  static BigInt from(const Value& value);
};

}  // namespace detail

// What fits into 64 bits becomes an integer.
template <>
struct Convert<BigInt> {
  static Value to(BigInt x) { return detail::BigIntegers::to(std::move(x)); }
  static BigInt from(const Value& value) { return detail::BigIntegers::from(value); }
};

}  // namespace py4cpp
