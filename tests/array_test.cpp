#include <py4cpp/any_array.hpp>
#include <py4cpp/array.hpp>
#include <py4cpp/error.hpp>

#include "guarded_array.hpp"

#include <gtest/gtest.h>

#include <xtensor/xarray.hpp>
#include <xtensor/xbuilder.hpp>
#include <xtensor/xmanipulation.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>

#include <cmath>
#include <complex>
#include <cstdint>
#include <numeric>
#include <type_traits>
#include <vector>

namespace py4cpp {
namespace {

using test::counting;
using test::Guarded;

static_assert(std::is_copy_constructible_v<Array<float>> && std::is_convertible_v<Array<float>, AnyArray>);
static_assert(std::is_convertible_v<Array<float>, Array<const float>>);
static_assert(!std::is_convertible_v<Array<const float>, Array<float>>);
static_assert(xt::is_xexpression<Array<float>::View>::value);

TEST(AnyArray, IsBornInSharedMemory) {
  const AnyArray array = AnyArray::allocate(float32, {3, 4});
  EXPECT_TRUE(array.shared());
  EXPECT_TRUE(array.writable());
  EXPECT_TRUE(array.contiguous());
  EXPECT_EQ(array.size(), 12u);
  EXPECT_EQ(array.nbytes(), 48u);
  EXPECT_EQ(array.dtype(), float32);
  EXPECT_EQ(array.shape(), (Shape{3, 4}));
  EXPECT_EQ(array.strides(), (Strides{4, 1}));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.state()->data) % 64, 0u);
}

TEST(AnyArray, SendsSmallOnesFromTheHeap) {
  const std::uint64_t before = inline_limit();
  set_inline_limit(64);
  EXPECT_FALSE(AnyArray::allocate_to_send(float32, {16}).shared());
  EXPECT_TRUE(AnyArray::allocate_to_send(float32, {17}).shared());
  set_inline_limit(before);
  const double xs[] = {1, 2};
  EXPECT_FALSE(AnyArray::copy_of(float64, {2}, xs, 16).shared());
  EXPECT_TRUE(AnyArray::copy_of(float64, {2}, xs, 15).shared());
  EXPECT_EQ(AnyArray::copy_of(float64, {2}, xs, 15), AnyArray::copy_of(float64, {2}, xs, 16));
}

TEST(AnyArray, IsEmptyOnceMovedFrom) {
  AnyArray first = AnyArray::allocate(float32, {2, 3});
  AnyArray second = std::move(first);
  const void* pages = second.state()->data;
  // NOLINTBEGIN(bugprone-use-after-move)
  EXPECT_EQ(first.size(), 0u);
  EXPECT_EQ(first, AnyArray());
  first = std::move(second);
  EXPECT_EQ(first.state()->data, pages);
  EXPECT_EQ(second.shape(), Shape{0});
  Array<float> typed = first.as<float>();
  const Array<float> other = std::move(typed);
  EXPECT_EQ(typed.view().size(), 0u);
  EXPECT_EQ(typed.shape().size(), 1u);
  // NOLINTEND(bugprone-use-after-move)
  EXPECT_EQ(other.size(), 6u);
}

TEST(AnyArray, ChecksTheDtype) {
  const AnyArray array = AnyArray::allocate(uint8, {2});
  EXPECT_NO_THROW(array.as<std::uint8_t>());
  EXPECT_NO_THROW(array.as<char>());
  EXPECT_NO_THROW(array.as<std::byte>());
  EXPECT_NO_THROW(array.as<const std::uint8_t>());
  try {
    array.as<float>();
    FAIL();
  } catch (const ConversionError& error) {
    EXPECT_EQ(error.expected(), "array of float32");
    EXPECT_EQ(error.found(), "array of uint8");
  }
  EXPECT_THROW(array.as<bool>(), ConversionError);
  EXPECT_THROW(array.as<std::int8_t>(), ConversionError);
}

TEST(AnyArray, ComparesDtypeShapeAndElements) {
  const double xs[] = {1, 2, 3, 4};
  const double nan[] = {std::nan("")};
  const auto make = [](DType dtype, Shape shape, const void* data) {
    return AnyArray::copy_of(dtype, std::move(shape), data, 1 << 20);
  };
  EXPECT_EQ(make(float64, {2, 2}, xs), make(float64, {2, 2}, xs));
  EXPECT_FALSE(make(float64, {2, 2}, xs) == make(float64, {4}, xs));
  EXPECT_FALSE(make(float64, {1}, xs) == make(int64, {1}, xs));
  EXPECT_FALSE(make(float64, {1}, nan) == make(float64, {1}, nan));
  Guarded<double> transposed({2, 2}, {1, 2});
  transposed.array().view() = xt::xarray<double>{{1, 2}, {3, 4}};
  EXPECT_EQ(transposed.any(), make(float64, {2, 2}, xs));
  EXPECT_EQ(make(float64, {2, 2}, xs), transposed.any());
}

TEST(AnyArray, GivesSubArraysOnTheSameElements) {
  Guarded<int> reversed({2, 3}, {-3, 1});
  reversed.array().view() = xt::xarray<int>{{1, 2, 3}, {4, 5, 6}};
  const AnyArray row = reversed.any().at(1);
  EXPECT_EQ(row.shape(), (Shape{3}));
  EXPECT_EQ(row.as<int>().view()(2), 6);
  EXPECT_THROW(reversed.any().at(2), Error);
  EXPECT_THROW(row.at(0).at(0), Error);
}

TEST(AnyArray, CopiesOnlyWhereNoValueCanChange) {
  const std::int16_t xs[] = {-1, 300};
  const AnyArray shorts = AnyArray::copy_of(int16, {2}, xs, 64);
  double doubles[2];
  shorts.copy_to(float64, reinterpret_cast<std::byte*>(doubles));
  EXPECT_EQ(doubles[0], -1);
  EXPECT_EQ(doubles[1], 300);
  std::complex<float> complexes[2];
  shorts.copy_to(complex64, reinterpret_cast<std::byte*>(complexes));
  EXPECT_EQ(complexes[1], std::complex<float>(300));
  std::byte out[16];
  for (const DType dtype : {int8, uint16, uint64, float16, bfloat16, boolean}) {
    EXPECT_THROW(shorts.copy_to(dtype, out), ConversionError) << dtype.name();
  }
  EXPECT_THROW(AnyArray::allocate(float64, {1}).copy_to(float32, out), ConversionError);
  EXPECT_THROW(AnyArray::allocate(complex128, {1}).copy_to(float64, out), ConversionError);
}

TEST(Array, ViewReadsAndWritesThePages) {
  const Array<float> x = AnyArray::allocate(float32, {2, 3}).as<float>();
  x.view() = xt::arange<float>(6).reshape({2, 3});
  EXPECT_EQ(x.data()[5], 5.0f);
  x.view()(1, 2) = 50;
  EXPECT_EQ(x.data()[5], 50.0f);
  x.view() *= 2;
  EXPECT_EQ(x.data()[5], 100.0f);
  x.view() += x.view();
  EXPECT_EQ(x.data()[5], 200.0f);
  x.view() = 7;
  EXPECT_EQ(x.data()[0], 7.0f);
  EXPECT_EQ(xt::mean(x.view())(), 7.0);
  EXPECT_EQ(xt::sum(x.view(), xt::evaluation_strategy::immediate)(), 42.0f);
  const xt::xarray<float> copy = x.view();
  EXPECT_EQ(copy.shape(), (xt::dynamic_shape<std::size_t>{2, 3}));
}

TEST(Array, ViewKeepsThePagesAlive) {
  auto x = AnyArray::allocate(float64, {1000}).as<double>();
  auto view = x.view();
  x = Array<double>();
  view = 3;
  EXPECT_EQ(xt::sum(view)(), 3000);
  auto flat = AnyArray::allocate(float64, {1000}).as<double>().flat();
  flat = xt::ones<double>({1000});
  EXPECT_EQ(xt::sum(flat)(), 1000);
}

TEST(Array, AssigningAViewCopiesElementsAndNeverRebinds) {
  const auto a = AnyArray::allocate(float64, {3}).as<double>();
  const auto b = AnyArray::allocate(float64, {3}).as<double>();
  a.view() = xt::xarray<double>{1, 2, 3};
  b.view() = xt::xarray<double>{4, 5, 6};
  auto view = a.view();
  auto other = view;
  view = b.view();
  EXPECT_EQ(a.data()[0], 4);
  b.view()(0) = 40;
  EXPECT_EQ(a.data()[0], 4);
  other(1) = 50;
  EXPECT_EQ(a.data()[1], 50) << "a copy of a view is a view of the same elements";
  const auto c = b.view();
  other = c;
  EXPECT_EQ(a.data()[0], 40);
}

TEST(Array, FlatIsThePlainAdaptorOfContiguousElements) {
  const auto x = AnyArray::allocate(float32, {2, 3}).as<float>();
  x.flat() = xt::arange<float>(6).reshape({2, 3});
  EXPECT_EQ(x.flat()(1, 0), 3.0f);
  EXPECT_EQ(x.flat().data(), x.data());
  x.flat() += 1.0f;
  EXPECT_EQ(x.view()(1, 2), 6.0f);
  EXPECT_ANY_THROW((x.flat() = xt::zeros<float>({4, 4})));
  Guarded<float> strided({3}, {2});
  EXPECT_THROW(strided.array().flat(), Error);
}

TEST(Array, ReadOnlyOnesAreReadThroughConst) {
  Guarded<double> guarded({3}, {1}, false);
  const auto array = guarded.array();
  EXPECT_FALSE(array.writable());
  EXPECT_THROW(array.data(), Error);
  EXPECT_THROW(array.view(), Error);
  EXPECT_THROW(array.flat(), Error);
  const auto reader = guarded.any().as<const double>();
  EXPECT_EQ(reader.view()(0), 0.0);
  EXPECT_EQ(xt::sum(reader.view())(), 0.0);
  EXPECT_EQ(reader.data()[1], 0.0);
  EXPECT_EQ(reader.flat()(2), 0.0);
  const auto writable = AnyArray::allocate(float64, {1}).as<double>();
  EXPECT_FALSE(writable.any().read_only().writable());
  EXPECT_TRUE(writable.writable());
}

template <class T>
class ArrayElements : public testing::Test {};
using ElementTypes = testing::Types<bool, char, std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t,
                                    std::uint32_t, std::int64_t, std::uint64_t, long, unsigned long long, float, double,
                                    std::complex<float>, std::complex<double>>;
TYPED_TEST_SUITE(ArrayElements, ElementTypes);

TYPED_TEST(ArrayElements, AreAssignedThroughViewAndFlat) {
  const auto array = AnyArray::allocate(dtype_of<TypeParam>, {2, 2}).template as<TypeParam>();
  const TypeParam one(1);
  array.view() = xt::xarray<TypeParam>{{one, one}, {one, TypeParam(0)}};
  EXPECT_EQ(array.view()(0, 1), one);
  EXPECT_EQ(array.view()(1, 1), TypeParam(0));
  array.flat() = xt::xarray<TypeParam>{{one, one}, {one, one}};
  EXPECT_EQ(array.data()[3], one);
  const Array<const TypeParam> reader = array;
  EXPECT_EQ(reader.view()(1, 1), one);
}

TEST(Array, HoldsElementsThatAreNoNumbers) {
  const auto bytes = AnyArray::allocate(uint8, {2}).as<std::byte>();
  bytes.view()(0) = std::byte{1};
  EXPECT_EQ(bytes.data()[0], std::byte{1});
  const auto halves = AnyArray::allocate(float16, {2}).as<Float16>();
  halves.view()(1) = Float16(1.5f);
  halves.view() = xt::xarray<Float16>{Float16(2.5f), Float16(3.5f)};
  EXPECT_EQ(static_cast<float>(halves.view()(1)), 3.5f);
  const auto brains = AnyArray::allocate(bfloat16, {1}).as<BFloat16>();
  brains.view() = xt::xarray<BFloat16>{BFloat16(2.0f)};
  EXPECT_EQ(static_cast<float>(brains.data()[0]), 2.0f);
}

TEST(Array, DefaultIsEmpty) {
  const Array<int> array;
  EXPECT_EQ(array.size(), 0u);
  EXPECT_EQ(array.shape(), (Shape{0}));
  EXPECT_EQ(array.view().size(), 0u);
  EXPECT_EQ(AnyArray().size(), 0u);
}

}  // namespace
}  // namespace py4cpp
