// How the elements of an array lie in memory: dtype, shape and strides, and the arithmetic on them. Values, no state;
// any thread. Numbers may come from another process, so every product and sum is checked: one that does not fit throws
// Error(invalid).
#pragma once

#include <py4cpp/dtype.hpp>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace py4cpp {

using Shape = std::vector<std::size_t>;
using Strides = std::vector<std::ptrdiff_t>;  // in elements

// One extent, from any integer without a narrowing error; a negative one throws Error(invalid).
class Extent {
 public:
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Extent(T value)  // NOLINT(google-explicit-constructor): written as {n, 3, m} with whatever integers are at hand
      : value_(static_cast<std::size_t>(value)) {
    if constexpr (std::is_signed_v<T>) {
      if (value < 0) refuse_negative(static_cast<long long>(value));
    }
  }
  std::size_t value() const noexcept { return value_; }

 private:
  [[noreturn]] static void refuse_negative(long long value);
  std::size_t value_;
};

namespace detail {

template <class R>
concept IntegralRange = requires(const R& range) {
  std::begin(range);
  std::end(range);
  requires std::integral<std::remove_cvref_t<decltype(*std::begin(range))>>;
  requires !std::same_as<std::remove_cvref_t<decltype(*std::begin(range))>, bool>;
};

}  // namespace detail

// A shape as a function's parameter: {64, 3, n}, or any container of integers, x.shape() among them.
class ShapeArgument {
 public:
  ShapeArgument() = default;  // zero-dimensional
  ShapeArgument(std::initializer_list<Extent> extents);
  template <detail::IntegralRange R>
    requires(!std::same_as<std::remove_cvref_t<R>, ShapeArgument>)
  ShapeArgument(const R& extents) {  // NOLINT(google-explicit-constructor)
    for (const auto& extent : extents) shape_.push_back(Extent(extent).value());
  }
  ShapeArgument(Shape shape) noexcept : shape_(std::move(shape)) {}  // NOLINT(google-explicit-constructor)

  Shape take() noexcept { return std::move(shape_); }

 private:
  Shape shape_;
};

struct Layout {
  static constexpr std::size_t max_dimensions = 64;

  DType dtype = float64;
  Shape shape;
  Strides strides;  // as many as extents; any sign, zero allowed

  // Bytes relative to the element whose indices are all 0: [first, past) holds every element. {0, 0} if there is none.
  struct Span {
    std::ptrdiff_t first;
    std::ptrdiff_t past;
    friend bool operator==(const Span&, const Span&) = default;
  };

  // Strides as numpy gives them to a new array: an extent of 0 counts as 1.
  static Layout row_major(DType dtype, Shape shape);

  std::size_t size() const;                 // elements
  std::size_t nbytes() const;               // size * itemsize, whatever the strides
  bool contiguous() const noexcept;         // row-major without gaps; strides of extents of 1 don't matter (numpy)
  bool column_major() const noexcept;       // the same the other way round, as Fortran does
  Span span() const;                        // also checks that shape and strides agree and are no more than the maximum

  friend bool operator==(const Layout&, const Layout&) = default;
};

namespace detail {

std::string shape_text(const Shape& shape);  // as Python writes it: "()", "(3,)", "(3, 4)"

}  // namespace detail

}  // namespace py4cpp
