// The xtensor view of an Array: an xt::xstrided_view over the flat run of elements that the array spans, holding the
// array's owner, so the pages live as long as any view. A view never rebinds; assigning writes through the strides.
//
// xtensor's own views trust that what is assigned has their shape, and always go through a temporary. Here a partial
// specialisation of xt::xview_semantic, which is where an xstrided_view gets its assignment from, checks the shape
// (equal, or broadcast to it, else Error(invalid)), uses the plain row-major loop where the array is contiguous, and a
// temporary only where the right side may refer to the elements being written.
#pragma once

#include <py4cpp/any_array.hpp>
#include <py4cpp/layout.hpp>
#include <py4cpp/strided_loop.hpp>
#include <py4cpp/xtensor_cxx20.hpp>

#include <xtensor/xarray.hpp>
#include <xtensor/xbroadcast.hpp>
#include <xtensor/xnoalias.hpp>
#include <xtensor/xstrided_view.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace py4cpp::detail {

// Elements that an ArrayState keeps alive. T may be const.
template <class T>
using FlatBuffer = xt::xbuffer_adaptor<T*, xt::smart_ownership, std::shared_ptr<const ArrayState>>;
template <class T>
using FlatPages = xt::xtensor_adaptor<FlatBuffer<T>, 1, xt::layout_type::row_major>;
template <class T>
using ArrayView = xt::xstrided_view<FlatPages<T>, ViewShape>;
// What `flat()` gives: the plain adaptor of a contiguous array.
template <class T>
using ArrayFlat = xt::xarray_adaptor<FlatBuffer<T>, xt::layout_type::row_major, ViewShape>;
// A loan for the length of one statement.
template <class T>
using PlainBuffer = xt::xbuffer_adaptor<T*, xt::no_ownership, std::allocator<std::remove_const_t<T>>>;
template <class T>
using PlainAdaptor = xt::xarray_adaptor<PlainBuffer<T>, xt::layout_type::row_major, ViewShape>;

template <class T>
PlainAdaptor<T> plain_adaptor(T* data, std::size_t size, const ViewShape& shape) {
  return PlainAdaptor<T>(PlainBuffer<T>(data, size), shape);
}

// Expressions whose elements lie in memory, which those of a std::vector<bool> don't.
template <class E>
concept InMemory = xt::has_data_interface<E>::value && requires(const E& e) {
  { e.storage().data() } -> std::convertible_to<const typename E::value_type*>;
};

// The expression's elements if they lie in memory as T, with these strides; else null.
template <class T, class E, class Strides>
const T* elements_in_memory(const E& e, const Strides& strides) {
  if constexpr (InMemory<E> && std::same_as<typename E::value_type, T>) {
    if (e.has_linear_assign(strides)) return e.data() + e.data_offset();
  }
  return nullptr;
}

// Writes the expression, of this shape, to the elements of a contiguous array. What lies in memory just so is moved as
// it is, which is faster than a loop where it doesn't fit into the cache: memmove then writes past it.
template <class T, class E>
void write_row_major(T* data, std::size_t size, const ViewShape& shape, const E& e) {
  if (size == 0) return;  // `data` may be null
  auto plain = plain_adaptor(data, size, shape);
  if (const T* elements = elements_in_memory<T>(e, plain.strides())) {
    std::memmove(data, elements, size * sizeof(T));
  } else if (e.has_linear_assign(plain.strides())) {
    xt::noalias(plain) = e;
  } else {
    assign_strided(data, shape, ViewStrides(plain.strides().begin(), plain.strides().end()), e);
  }
}

// Where the elements being written lie, to ask a right side about: the run in memory, and the view itself.
struct Target {
  const void* first;
  const void* past;
  const void* origin;
  const ViewShape* shape;
  const ViewStrides* strides;

  bool overlaps(const void* begin, const void* end) const noexcept {
    return std::less<>()(begin, past) && std::less<>()(first, end);
  }
};

template <class E>
inline constexpr bool is_array_view = false;
template <class P>
inline constexpr bool
    is_array_view<xt::xstrided_view<xt::xtensor_adaptor<xt::xbuffer_adaptor<P, xt::smart_ownership,
                                                                            std::shared_ptr<const ArrayState>>,
                                                        1, xt::layout_type::row_major>,
                                    ViewShape>> = true;

// Whether writing the target element by element could change what `e` has yet to give. `aligned`: element i of `e`
// only feeds element i of the target, so reading exactly the target's own elements is harmless. What isn't known is
// taken to alias.
template <class E>
bool may_alias(const E& e, const Target& target, bool aligned);

template <class CT>
bool may_alias(const xt::xscalar<CT>&, const Target&, bool) {
  return false;
}
template <class F, class... CT>
bool may_alias(const xt::xfunction<F, CT...>& e, const Target& target, bool aligned) {
  const auto same_shape = [&](const auto& argument) {
    return argument.dimension() == target.shape->size() &&
           std::equal(target.shape->begin(), target.shape->end(), argument.shape().begin());
  };
  return std::apply(
      [&](const auto&... arguments) {
        return (may_alias(arguments, target, aligned && same_shape(arguments)) || ...);
      },
      e.arguments());
}
template <class CT, class X>
bool may_alias(const xt::xbroadcast<CT, X>& e, const Target& target, bool) {
  return may_alias(e.expression(), target, false);
}
template <class CT, class... S>
bool may_alias(const xt::xview<CT, S...>& e, const Target& target, bool) {
  return may_alias(e.expression(), target, false);
}
template <class E>
bool may_alias(const E& e, const Target& target, bool aligned) {
  if constexpr (is_array_view<E>) {
    const auto* origin = e.storage().data() + e.data_offset();
    if (aligned && origin == target.origin && e.shape() == *target.shape && e.strides() == *target.strides) {
      return false;
    }
    return target.overlaps(e.storage().data(), e.storage().data() + e.storage().size());
  } else if constexpr (std::is_base_of_v<xt::xcontainer<E>, E> && InMemory<E>) {
    return target.overlaps(e.data(), e.data() + e.size());
  } else {
    return true;
  }
}

// Whether `source` can be broadcast to `target` without changing `target`.
template <class S>
bool fits(const S& source, const ViewShape& target) {
  if (source.size() > target.size()) return false;
  auto extent = target.end() - static_cast<std::ptrdiff_t>(source.size());
  for (const auto from : source) {
    if (static_cast<std::size_t>(from) != *extent && from != 1) return false;
    ++extent;
  }
  return true;
}

}  // namespace py4cpp::detail

namespace xt {

template <class P, class S, layout_type L, class FST>
class xview_semantic<xstrided_view<
    xtensor_adaptor<xbuffer_adaptor<P, smart_ownership, std::shared_ptr<const py4cpp::ArrayState>>, 1,
                    layout_type::row_major>,
    S, L, FST>>
    : public xsemantic_base<xstrided_view<
          xtensor_adaptor<xbuffer_adaptor<P, smart_ownership, std::shared_ptr<const py4cpp::ArrayState>>, 1,
                          layout_type::row_major>,
          S, L, FST>> {
 public:
  using derived_type = xstrided_view<
      xtensor_adaptor<xbuffer_adaptor<P, smart_ownership, std::shared_ptr<const py4cpp::ArrayState>>, 1,
                      layout_type::row_major>,
      S, L, FST>;
  using base_type = xsemantic_base<derived_type>;
  using temporary_type = typename base_type::temporary_type;

  // Where every assignment through a temporary ends; also a copy of another view, of whatever shape.
  derived_type& assign_temporary(temporary_type&& values) { return write(values); }

  template <class E>
  derived_type& assign_xexpression(const xexpression<E>& e) {
    return write(e.derived_cast());
  }

  template <class E>
  derived_type& computed_assign(const xexpression<E>& e) {
    return write(e.derived_cast());
  }

  template <class E, class F>
  derived_type& scalar_computed_assign(const E& e, F&& f) {
    auto& view = this->derived_cast();
    using T = std::remove_pointer_t<P>;
    // The scalar by value: it can then not be one of the elements that are written, for the compiler either.
    const auto apply = [&f, scalar = e](T& element) { element = static_cast<T>(f(element, scalar)); };
    T* origin = view.storage().data() + view.data_offset();
    if (view.layout() == layout_type::row_major) {
      std::for_each(origin, origin + view.size(), apply);
    } else {
      py4cpp::detail::for_each_strided(origin, view.shape(), view.strides(), py4cpp::detail::NoStepper(),
                                       [&](T& element, const auto&) { apply(element); });
    }
    return view;
  }

 protected:
  xview_semantic() = default;
  ~xview_semantic() = default;
  xview_semantic(const xview_semantic&) = default;
  xview_semantic& operator=(const xview_semantic&) = default;
  xview_semantic(xview_semantic&&) = default;
  xview_semantic& operator=(xview_semantic&&) = default;

  template <class E>
  derived_type& operator=(const xexpression<E>& rhs) {
    auto& view = this->derived_cast();
    auto& storage = view.storage();
    const py4cpp::detail::Target target{storage.data(), storage.data() + storage.size(),
                                        storage.data() + view.data_offset(), &view.shape(), &view.strides()};
    const E& e = rhs.derived_cast();
    const bool same_shape = e.dimension() == view.dimension() &&
                            std::equal(view.shape().begin(), view.shape().end(), e.shape().begin());
    if (py4cpp::detail::may_alias(e, target, same_shape)) {
      check_shape(e);
      temporary_type values = temporary_type::from_shape(e.shape());
      const py4cpp::detail::ViewShape shape(e.shape().begin(), e.shape().end());
      py4cpp::detail::write_row_major(values.data(), values.size(), shape, e);
      return write(values);
    }
    return write(e);
  }

 private:
  template <class E>
  void check_shape(const E& e) const {
    const auto& view = this->derived_cast();
    if (!py4cpp::detail::fits(e.shape(), view.shape())) {
      py4cpp::detail::throw_shape_mismatch(py4cpp::Shape(view.shape().begin(), view.shape().end()),
                                           py4cpp::Shape(e.shape().begin(), e.shape().end()));
    }
  }

  template <class E>
  derived_type& write(const E& e) {
    auto& view = this->derived_cast();
    check_shape(e);
    const bool same_shape = e.dimension() == view.dimension() &&
                            std::equal(view.shape().begin(), view.shape().end(), e.shape().begin());
    if (view.size() == 0) return view;
    if (same_shape) {
      write_equal(view, e);
    } else {
      write_equal(view, xt::broadcast(e, view.shape()));
    }
    return view;
  }

  template <class E>
  static void write_equal(derived_type& view, const E& e) {
    auto* origin = view.storage().data() + view.data_offset();
    if (view.layout() == layout_type::row_major) {
      py4cpp::detail::write_row_major(origin, view.size(), view.shape(), e);
    } else {
      py4cpp::detail::assign_strided(origin, view.shape(), view.strides(), e);
    }
  }
};

}  // namespace xt
