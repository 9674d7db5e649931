// What the tests of arrays share: arrays whose surroundings are watched, and values to write.
#pragma once

#include <py4cpp/array.hpp>

#include <gtest/gtest.h>

#include <xtensor/xarray.hpp>
#include <xtensor/xbuilder.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

namespace py4cpp::test {

// An array of any strides over a buffer whose margins are watched.
template <class T>
class Guarded {
 public:
  Guarded(Shape shape, Strides strides, bool writable = true) {
    Layout layout{dtype_of<T>, std::move(shape), std::move(strides)};
    const Layout::Span span = layout.span();
    elements_ = static_cast<std::size_t>(span.past - span.first) / sizeof(T);
    buffer_ = std::make_shared<std::vector<T>>(elements_ + 2 * margin, watch());
    for (std::size_t i = 0; i < elements_; ++i) (*buffer_)[margin + i] = T{};
    auto state = std::make_shared<ArrayState>();
    state->data = reinterpret_cast<std::byte*>(buffer_->data() + margin) - span.first;
    state->layout = std::move(layout);
    state->writable = writable;
    state->owner = buffer_;
    any_ = AnyArray(std::move(state));
  }
  ~Guarded() {
    for (std::size_t i = 0; i < margin; ++i) {
      EXPECT_EQ((*buffer_)[i], watch()) << "written before the array";
      EXPECT_EQ((*buffer_)[margin + elements_ + i], watch()) << "written behind the array";
    }
  }
  Array<T> array() const { return any_.as<T>(); }
  const AnyArray& any() const { return any_; }
  T* elements() { return buffer_->data() + margin; }  // in order of addresses

 private:
  static constexpr std::size_t margin = 16;
  static T watch() { return T(77); }

  std::size_t elements_ = 0;
  std::shared_ptr<std::vector<T>> buffer_;
  AnyArray any_;
};

// 0, 1, 2 ... in row-major order.
inline xt::xarray<double> counting(std::vector<std::size_t> shape) {
  const auto size = std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
  return xt::arange<double>(static_cast<double>(size)).reshape(shape);
}

}  // namespace py4cpp::test
