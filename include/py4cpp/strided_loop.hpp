// Loops over the elements of a strided array, in the order in which they lie in memory: whatever was transposed or
// reversed, the innermost loop runs along the smallest stride. For the assignments of an array's view.
#pragma once

#include <py4cpp/layout.hpp>
#include <py4cpp/xtensor_cxx20.hpp>

#include <xtensor/xshape.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <numeric>

namespace py4cpp::detail {

using ViewShape = xt::dynamic_shape<std::size_t>;
using ViewStrides = xt::get_strides_t<ViewShape>;

// The axes of more than one element, the longest strides first.
inline ViewShape axes_by_stride(const ViewShape& shape, const ViewStrides& strides) {
  ViewShape axes;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] == 1) continue;
    std::size_t place = axes.size();
    axes.push_back(axis);
    for (; place > 0 && std::abs(strides[axes[place - 1]]) < std::abs(strides[axis]); --place) {
      axes[place] = axes[place - 1];
    }
    axes[place] = axis;
  }
  return axes;
}

// A stepper of xtensor's that stands still.
struct NoStepper {
  void step(std::size_t) noexcept {}
  void reset(std::size_t) noexcept {}
};

// Calls f(element, stepper) on each element, `origin` being the one with all indices 0, while `stepper`, at the
// expression's first element, walks along.
template <class T, class Stepper, class F>
void for_each_strided(T* origin, const ViewShape& shape, const ViewStrides& strides, Stepper stepper, F&& f) {
  if (std::find(shape.begin(), shape.end(), std::size_t{0}) != shape.end()) return;
  const ViewShape axes = axes_by_stride(shape, strides);
  if (axes.empty()) return f(*origin, stepper);
  const std::size_t inner = axes.back();
  const std::size_t last = shape[inner] - 1;
  const std::ptrdiff_t stride = strides[inner];
  ViewShape index(axes.size(), 0);
  for (T* row = origin;;) {
    T* element = row;
    if (stride == 1) {
      for (std::size_t i = 0; i < last; ++i, ++element, stepper.step(inner)) f(*element, stepper);
    } else {
      for (std::size_t i = 0; i < last; ++i, element += stride, stepper.step(inner)) f(*element, stepper);
    }
    f(*element, stepper);
    stepper.reset(inner);
    std::size_t outer = axes.size() - 1;
    for (;;) {
      if (outer == 0) return;
      const std::size_t axis = axes[--outer];
      if (++index[outer] < shape[axis]) {
        row += strides[axis];
        stepper.step(axis);
        break;
      }
      index[outer] = 0;
      row -= static_cast<std::ptrdiff_t>(shape[axis] - 1) * strides[axis];
      stepper.reset(axis);
    }
  }
}

// Writes the expression, which has the same shape, to the elements.
template <class T, class E>
void assign_strided(T* origin, const ViewShape& shape, const ViewStrides& strides, const E& e) {
  for_each_strided(origin, shape, strides, e.stepper_begin(shape),
                   [](T& element, const auto& stepper) { element = static_cast<T>(*stepper); });
}

}  // namespace py4cpp::detail
