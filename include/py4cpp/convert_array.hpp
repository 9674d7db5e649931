// Convert for arrays: Array<T> shares its pages; xtensor containers and expressions, and spans of numbers, are copied
// once, into shared memory if larger than inline_limit(). Back into an xtensor container the elements are copied
// and range-checked as single numbers are, and numbers and nested lists of numbers will do.
#pragma once

#include <py4cpp/array.hpp>
#include <py4cpp/callable.hpp>
#include <py4cpp/convert_container.hpp>
#include <py4cpp/convert_scalar.hpp>
#include <py4cpp/value.hpp>

#include <xtensor/xarray.hpp>
#include <xtensor/xfixed.hpp>
#include <xtensor/xtensor.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace py4cpp {

namespace detail {

// The extents of nested lists and tuples, by their first elements.
Shape nested_shape(const Value& value);
const Sequence* row_of(const Value& value) noexcept;  // the list or tuple that it is
[[noreturn]] void throw_ragged(std::size_t expected, const Value& found);

template <class T>
T* copy_nested(const Value& value, const Shape& shape, std::size_t axis, T* out) {
  if (axis == shape.size()) {
    *out = Convert<T>::from(value);
    return out + 1;
  }
  const Sequence* row = row_of(value);
  if (row == nullptr || row->size() != shape[axis]) throw_ragged(shape[axis], value);
  for (std::size_t i = 0; i < row->size(); ++i) {
    try {
      out = copy_nested((*row)[i], shape, axis + 1, out);
    } catch (const ConversionError& error) {
      throw error.prefixed(index_step(static_cast<std::int64_t>(i)));
    }
  }
  return out;
}

// The array that `value` is, or a new one of T of the numbers in it: nested lists and tuples, a single number.
template <Element T>
AnyArray array_or_numbers_from(const Value& value) {
  using Number = std::remove_const_t<T>;
  const Local local(value, Kind::array);
  if (local->is<AnyArray>() || local->is<Object>()) return array_from(*local);
  AnyArray array = AnyArray::allocate_to_send(dtype_of<T>, nested_shape(*local));
  if constexpr (FromPython<Number>) {
    copy_nested(*local, array.shape(), 0, reinterpret_cast<Number*>(array.state()->data));
    return array;
  } else {
    throw_mismatch("array", *local);
  }
}
[[noreturn]] void throw_wrong_dimension(std::size_t expected, const AnyArray& found);
[[noreturn]] void throw_wrong_shape(const Shape& expected, const AnyArray& found);

// The path to the element at a row-major position: "[1][2]".
std::string element_step(const Shape& shape, std::size_t position);

// The elements as T, row-major; each is converted as a number by itself where the dtype has values that T has not.
template <class T>
void copy_elements(const AnyArray& array, T* out) {
  if (array.casts_safely_to(dtype_of<T>)) return array.copy_to(dtype_of<T>, reinterpret_cast<std::byte*>(out));
  std::vector<std::byte> elements(array.nbytes());
  array.copy_to(array.dtype(), elements.data());
  for (std::size_t i = 0; i < array.size(); ++i) {
    try {
      out[i] = Convert<T>::from(scalar_at(array.dtype(), elements.data() + i * array.dtype().itemsize()));
    } catch (const ConversionError& error) {
      throw error.prefixed(element_step(array.shape(), i));
    }
  }
}

template <class E>
concept ArrayExpression = xt::is_xexpression<E>::value && Element<typename E::value_type>;

template <class E>
struct ExpressionConvert {
  using T = typename E::value_type;

  static Value to(const E& expression) {
    const ViewShape shape(expression.shape().begin(), expression.shape().end());
    AnyArray array = AnyArray::allocate_to_send(dtype_of<T>, Shape(shape.begin(), shape.end()));
    write_row_major(reinterpret_cast<T*>(array.state()->data), array.size(), shape, expression);
    return Value::make(std::move(array));
  }
};

template <class C>
inline constexpr bool has_fixed_shape = false;
template <class ET, class S, xt::layout_type L, bool SH, class Tag>
inline constexpr bool has_fixed_shape<xt::xfixed_container<ET, S, L, SH, Tag>> = true;

template <class C>
struct XtensorConvert : ExpressionConvert<C> {
  using T = typename C::value_type;

  static C from(const Value& value) {
    const AnyArray array = array_or_numbers_from<T>(value);
    C container;
    if constexpr (xt::get_rank<C>::value != SIZE_MAX) {
      if (array.dimension() != xt::get_rank<C>::value) throw_wrong_dimension(xt::get_rank<C>::value, array);
    }
    if constexpr (!has_fixed_shape<C>) {
      using Extents = typename C::shape_type;
      Extents extents = xtl::make_sequence<Extents>(array.dimension(), 0);
      std::copy(array.shape().begin(), array.shape().end(), extents.begin());
      container.resize(extents);
    } else if (!std::equal(array.shape().begin(), array.shape().end(), container.shape().begin(),
                           container.shape().end())) {
      throw_wrong_shape(Shape(container.shape().begin(), container.shape().end()), array);
    }
    if (container.layout() == xt::layout_type::row_major || array.dimension() < 2) {
      copy_elements(array, container.data());
    } else {
      xt::xarray<T, xt::layout_type::row_major> elements(array.shape());
      copy_elements(array, elements.data());
      xt::noalias(container) = elements;
    }
    return container;
  }
};

template <class T>
inline constexpr bool is_array<Array<T>> = true;
template <class EC, xt::layout_type L, class SC, class Tag>
inline constexpr bool is_array<xt::xarray_container<EC, L, SC, Tag>> = true;
template <class EC, std::size_t n, xt::layout_type L, class Tag>
inline constexpr bool is_array<xt::xtensor_container<EC, n, L, Tag>> = true;
template <class ET, class S, xt::layout_type L, bool SH, class Tag>
inline constexpr bool is_array<xt::xfixed_container<ET, S, L, SH, Tag>> = true;

}  // namespace detail

template <Element T>
struct Convert<Array<T>> {
  static Value to(const Array<T>& array) { return Value::make(array.any()); }
  static Array<T> from(const Value& value) { return detail::array_from(value).template as<T>(); }
};

template <detail::ArrayExpression E>
struct Convert<E> : detail::ExpressionConvert<E> {};
template <class EC, xt::layout_type L, class SC, class Tag>
  requires Element<typename EC::value_type>
struct Convert<xt::xarray_container<EC, L, SC, Tag>>
    : detail::XtensorConvert<xt::xarray_container<EC, L, SC, Tag>> {};
template <class EC, std::size_t n, xt::layout_type L, class Tag>
  requires Element<typename EC::value_type>
struct Convert<xt::xtensor_container<EC, n, L, Tag>>
    : detail::XtensorConvert<xt::xtensor_container<EC, n, L, Tag>> {};
template <class ET, class S, xt::layout_type L, bool SH, class Tag>
  requires Element<ET>
struct Convert<xt::xfixed_container<ET, S, L, SH, Tag>>
    : detail::XtensorConvert<xt::xfixed_container<ET, S, L, SH, Tag>> {};

// One copy, as a one-dimensional array.
template <Element T, std::size_t n>
  requires(!std::same_as<std::remove_const_t<T>, std::byte>)
struct Convert<std::span<T, n>> {
  static Value to(std::span<const T> span) {
    return Value::make(AnyArray::copy_of(dtype_of<T>, {span.size()}, span.data(),
                                         static_cast<std::size_t>(inline_limit())));
  }
};

namespace detail {

// As a callback's parameter: the array's own elements if they lie side by side; for reading, else a copy of them.
template <Element T, std::size_t n>
struct Parameter<std::span<T, n>> {
  using Stored = Array<T>;

  static Stored from(const Value& value) {
    if constexpr (!std::is_const_v<T>) {
      Array<T> array = array_from(value).template as<T>();
      if (!array.contiguous() || !array.writable()) throw_mismatch("a contiguous writable array", value);
      return array;
    } else {
      const AnyArray array = array_or_numbers_from<T>(value);
      if (array.contiguous() && compatible<T>(array.dtype())) return array.template as<T>();
      AnyArray copy = AnyArray::allocate_to_send(dtype_of<T>, array.shape());
      array.copy_to(dtype_of<T>, copy.state()->data);
      return copy.template as<T>();
    }
  }
  static std::span<T, n> pass(Stored& stored) { return std::span<T, n>(stored.data(), stored.size()); }
};

}  // namespace detail

}  // namespace py4cpp
