// A repair of xtensor 0.24 for C++20: include it before anything of xtensor is instantiated.
//
// xtensor finds the container for a shape type by matching templates, and under GCC a vector of extents (svector) also
// matches the pattern for std::array. Its own way out is written for C++17 exactly (`__cplusplus == 201703L`), so with
// -std=c++20 the temporary behind every expression of dynamic rank becomes an xtensor of rank 4: xt::eval, immediate
// reductions and assignments to strided views then write through extents that nobody set.
#pragma once

#include <xtensor/xexpression_traits.hpp>
#include <xtensor/xstorage.hpp>

#include <cstddef>

namespace xt::detail {

// Whole specialisations, so that they also win where a later xtensor brings its own cure.
template <>
struct xtype_for_shape<dynamic_shape<std::size_t>> {
  template <class T, layout_type L>
  using type = xarray<T, L>;
};

template <>
struct xtype_for_shape<dynamic_shape<std::ptrdiff_t>> {
  template <class T, layout_type L>
  using type = xarray<T, L>;
};

}  // namespace xt::detail
