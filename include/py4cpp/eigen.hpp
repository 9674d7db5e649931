// Arrays as Eigen matrices on the same elements, and Eigen matrices as arguments and results. Needs Eigen 3.3
// (libeigen3-dev).
#pragma once

#include <py4cpp/convert.hpp>
#include <py4cpp/array.hpp>
#include <py4cpp/error.hpp>

#include <Eigen/Core>

#include <concepts>
#include <cstddef>
#include <type_traits>

namespace py4cpp {

// Row-major, any strides in elements. A vector is a matrix of one column.
template <class T>
using EigenMap = Eigen::Map<
    std::conditional_t<std::is_const_v<T>,
                       const Eigen::Matrix<std::remove_const_t<T>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>,
                       Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>,
    Eigen::Unaligned, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;

// The array must outlive the map. Throws Error(invalid) unless it has one or two dimensions and no negative stride, or
// if it is read-only and T isn't const.
template <Element T>
EigenMap<T> eigen_map(const Array<T>& array) {
  const std::size_t dimension = array.dimension();
  if (dimension != 1 && dimension != 2) {
    throw Error(ErrorKind::invalid, "an Eigen matrix has one or two dimensions, not " + std::to_string(dimension));
  }
  for (const std::ptrdiff_t stride : array.strides()) {
    if (stride < 0) throw Error(ErrorKind::invalid, "Eigen has no negative strides: copy the array first");
  }
  const auto extent = [&](std::size_t i) { return i < dimension ? static_cast<Eigen::Index>(array.shape()[i]) : 1; };
  const auto stride = [&](std::size_t i) { return i < dimension ? static_cast<Eigen::Index>(array.strides()[i]) : 1; };
  return EigenMap<T>(array.data(), extent(0), extent(1), {stride(0), stride(1)});
}

// A vector type goes over as an array of one dimension, any other as one of two; one copy. Back likewise, the elements
// converted as between arrays; a fixed size that doesn't fit is a ConversionError.
template <class T>
  requires std::derived_from<T, Eigen::PlainObjectBase<T>> && Element<typename T::Scalar>
struct Convert<T> {
  using Scalar = typename T::Scalar;
  static constexpr bool is_vector = T::IsVectorAtCompileTime;

  static Value to(const T& matrix) {
    const auto rows = static_cast<std::size_t>(matrix.rows()), columns = static_cast<std::size_t>(matrix.cols());
    Shape shape = is_vector ? Shape{rows * columns} : Shape{rows, columns};
    const auto array = AnyArray::allocate_to_send(dtype_of<Scalar>, std::move(shape)).template as<Scalar>();
    using Rows = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    Eigen::Map<Rows>(array.data(), matrix.rows(), matrix.cols()) = matrix.matrix();
    return Value(array.any());
  }

  static T from(const Value& value) {
    const AnyArray array = value.as<AnyArray>();
    const Shape& shape = array.shape();
    const bool fits = is_vector ? shape.size() == 1 : shape.size() == 2;
    constexpr bool is_row = is_vector && T::RowsAtCompileTime == 1;
    const auto rows = static_cast<Eigen::Index>(!fits ? 0 : is_row ? 1 : shape[0]);
    const auto columns = static_cast<Eigen::Index>(!fits ? 0 : is_row ? shape[0] : is_vector ? 1 : shape[1]);
    if (!fits || (T::RowsAtCompileTime != Eigen::Dynamic && T::RowsAtCompileTime != rows) ||
        (T::ColsAtCompileTime != Eigen::Dynamic && T::ColsAtCompileTime != columns)) {
      throw ConversionError("", "an array of the shape of the Eigen type", to_string(Value(array)));
    }
    Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> elements(rows, columns);
    array.copy_to(dtype_of<Scalar>, reinterpret_cast<std::byte*>(elements.data()));
    return T(elements.array().matrix());
  }
};

// An expression, evaluated.
template <class T>
  requires std::derived_from<T, Eigen::DenseBase<T>> && (!std::derived_from<T, Eigen::PlainObjectBase<T>>)
struct Convert<T> {
  static Value to(const T& expression) { return Convert<typename T::PlainObject>::to(expression.eval()); }
};

}  // namespace py4cpp
