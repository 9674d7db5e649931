#include <py4cpp/error.hpp>
#include <py4cpp/layout.hpp>

#include <cstdint>
#include <limits>
#include <string>

namespace py4cpp {

namespace {

[[noreturn]] void too_large(const Shape& shape) {
  throw Error(ErrorKind::invalid, "an array of shape " + detail::shape_text(shape) + " is larger than any memory");
}

// Of an array of that shape, which errors name.
std::size_t product(std::size_t a, std::size_t b, const Shape& shape) {
  std::size_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) too_large(shape);
  return result;
}

// Likewise. What fits is also a difference of addresses.
std::ptrdiff_t signed_bytes(std::size_t bytes, const Shape& shape) {
  if (bytes > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max())) too_large(shape);
  return static_cast<std::ptrdiff_t>(bytes);
}

void check_dimensions(std::size_t dimensions) {
  if (dimensions > Layout::max_dimensions) {
    throw Error(ErrorKind::invalid, "an array of " + std::to_string(dimensions) + " dimensions; at most " +
                                        std::to_string(Layout::max_dimensions) + " are possible");
  }
}

}  // namespace

ShapeArgument::ShapeArgument(std::initializer_list<Extent> extents) {
  shape_.reserve(extents.size());
  for (const Extent& extent : extents) shape_.push_back(extent.value());
}

void Extent::refuse_negative(long long value) {
  throw Error(ErrorKind::invalid, "a shape can't have the extent " + std::to_string(value));
}

Layout Layout::row_major(DType dtype, Shape shape) {
  check_dimensions(shape.size());
  Strides strides(shape.size());
  std::size_t elements = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = signed_bytes(elements, shape);
    if (shape[i] != 0) elements = product(elements, shape[i], shape);
  }
  signed_bytes(product(elements, dtype.itemsize(), shape), shape);
  return {dtype, std::move(shape), std::move(strides)};
}

std::size_t Layout::size() const {
  std::size_t elements = 1;
  bool empty = false;
  for (const std::size_t extent : shape) empty = empty || extent == 0;
  if (empty) return 0;
  for (const std::size_t extent : shape) elements = product(elements, extent, shape);
  return elements;
}

std::size_t Layout::nbytes() const { return product(size(), dtype.itemsize(), shape); }

bool Layout::contiguous() const noexcept {
  if (shape.size() != strides.size()) return false;
  for (const std::size_t extent : shape) {
    if (extent == 0) return true;
  }
  std::size_t expected = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 1) continue;
    if (strides[i] < 0 || static_cast<std::size_t>(strides[i]) != expected) return false;
    if (__builtin_mul_overflow(expected, shape[i], &expected)) return false;
  }
  return true;
}

bool Layout::column_major() const noexcept {
  Layout reversed{dtype, Shape(shape.rbegin(), shape.rend()), Strides(strides.rbegin(), strides.rend())};
  return reversed.contiguous();
}

Layout::Span Layout::span() const {
  check_dimensions(shape.size());
  if (shape.size() != strides.size()) throw Error(ErrorKind::invalid, "an array's shape and strides differ in length");
  for (const std::size_t extent : shape) {
    if (extent == 0) return {0, 0};
  }
  const std::ptrdiff_t item = signed_bytes(dtype.itemsize(), shape);
  Span span{0, item};
  for (std::size_t i = 0; i < shape.size(); ++i) {
    std::ptrdiff_t reach = 0;
    if (__builtin_mul_overflow(signed_bytes(shape[i] - 1, shape), strides[i], &reach)) too_large(shape);
    if (__builtin_mul_overflow(reach, item, &reach)) too_large(shape);
    std::ptrdiff_t& end = reach < 0 ? span.first : span.past;
    if (__builtin_add_overflow(end, reach, &end)) too_large(shape);
  }
  return span;
}

std::string detail::shape_text(const Shape& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

}  // namespace py4cpp
