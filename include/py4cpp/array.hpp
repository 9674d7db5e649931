// Array<T>: a typed handle to an array, in shared memory wherever it can be. Copies share the elements; see
// <py4cpp/any_array.hpp> for their life. Array<const T> only reads. A mutable view(), flat() or data() of an array that
// Python made read-only throws Error(invalid).
#pragma once

#include <py4cpp/any_array.hpp>
#include <py4cpp/array_view.hpp>
#include <py4cpp/dtype.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace py4cpp {

template <Element T>
class Array {
 public:
  using value_type = std::remove_const_t<T>;
  using View = detail::ArrayView<T>;
  using Flat = detail::ArrayFlat<T>;

  Array() : any_(AnyArray::copy_of(dtype_of<T>, {0}, nullptr, ~std::size_t{0})) {}  // empty, shape {0}
  // A template, since for a mutable T this would be the copy constructor.
  template <std::same_as<value_type> U>
    requires std::is_const_v<T>
  Array(const Array<U>& writable)  // NOLINT(google-explicit-constructor): reading is always allowed
      : any_(writable.any()) {}

  operator AnyArray() const noexcept { return any_; }  // NOLINT(google-explicit-constructor): forgets only the type
  const AnyArray& any() const noexcept { return any_; }

  // The element whose indices are all 0.
  T* data() const {
    check_writable();
    return reinterpret_cast<T*>(state().data);
  }

  View view() const {
    check_writable();
    const Layout& layout = state().layout;
    const Layout::Span span = layout.span();
    const auto items = static_cast<std::ptrdiff_t>(sizeof(T));
    const auto count = static_cast<std::size_t>((span.past - span.first) / items);
    T* lowest = reinterpret_cast<T*>(state().data + span.first);
    return View(detail::FlatPages<T>(detail::FlatBuffer<T>(lowest, count, any_.state()), {count}),
                detail::ViewShape(layout.shape.begin(), layout.shape.end()),
                detail::ViewStrides(layout.strides.begin(), layout.strides.end()),
                static_cast<std::size_t>(-span.first / items),
                contiguous() ? xt::layout_type::row_major : xt::layout_type::dynamic);
  }

  // The elements as a plain row-major adaptor. Throws Error(invalid) unless contiguous().
  Flat flat() const {
    check_writable();
    if (!contiguous()) detail::throw_not_contiguous();
    return Flat(detail::FlatBuffer<T>(reinterpret_cast<T*>(state().data), size(), any_.state()),
                detail::ViewShape(shape().begin(), shape().end()));
  }

  DType dtype() const noexcept { return any_.dtype(); }
  const Shape& shape() const noexcept { return any_.shape(); }
  const Strides& strides() const noexcept { return any_.strides(); }  // in elements
  std::size_t dimension() const noexcept { return any_.dimension(); }
  std::size_t size() const { return any_.size(); }
  std::size_t nbytes() const { return any_.nbytes(); }
  bool writable() const noexcept { return any_.writable(); }
  bool contiguous() const noexcept { return any_.contiguous(); }
  bool shared() const noexcept { return any_.shared(); }
  DLManagedTensor* to_dlpack() const { return any_.to_dlpack(); }

  friend bool operator==(const Array& a, const Array& b) { return a.any_ == b.any_; }

 private:
  friend class AnyArray;

  explicit Array(AnyArray any) noexcept : any_(std::move(any)) {}

  const ArrayState& state() const noexcept { return *any_.state(); }
  void check_writable() const {
    if constexpr (!std::is_const_v<T>) {
      if (!writable()) detail::throw_read_only();
    }
  }

  AnyArray any_;
};

template <Element T>
Array<T> AnyArray::as() const {
  if (!compatible<T>(dtype())) detail::throw_dtype_mismatch(dtype_of<T>, dtype());
  return Array<T>(*this);
}

}  // namespace py4cpp
