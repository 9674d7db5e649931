// What is assigned to an array's view, for arrays that lie in memory in every way.
#include "guarded_array.hpp"

#include <py4cpp/array.hpp>
#include <py4cpp/error.hpp>

#include <gtest/gtest.h>

#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xbuilder.hpp>
#include <xtensor/xdynamic_view.hpp>
#include <xtensor/xfixed.hpp>
#include <xtensor/xio.hpp>
#include <xtensor/xmanipulation.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xstrided_view.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>

#include <algorithm>
#include <vector>

namespace py4cpp {
namespace {

using test::counting;
using test::Guarded;

struct Strided {
  Shape shape;
  Strides strides;
};

class ArrayLayouts : public testing::TestWithParam<Strided> {};

INSTANTIATE_TEST_SUITE_P(All, ArrayLayouts,
                         testing::Values(Strided{{}, {}}, Strided{{5}, {1}}, Strided{{5}, {-1}}, Strided{{5}, {3}},
                                         Strided{{2, 3}, {3, 1}}, Strided{{2, 3}, {1, 2}}, Strided{{2, 3}, {-3, -1}},
                                         Strided{{2, 3}, {10, -2}}, Strided{{2, 3, 4}, {12, 4, 1}},
                                         Strided{{4, 3, 2}, {1, 4, 12}}, Strided{{2, 3, 4}, {-12, 4, -1}},
                                         Strided{{1, 3}, {99, 1}}, Strided{{3, 1, 2}, {2, -7, 1}}, Strided{{0}, {1}},
                                         Strided{{2, 0, 3}, {0, 3, 1}}, Strided{{2, 1, 2, 1, 2}, {-4, 1, 2, 1, -1}}));

TEST_P(ArrayLayouts, AreWrittenAndReadThroughTheStrides) {
  Guarded<double> guarded(GetParam().shape, GetParam().strides);
  const auto array = guarded.array();
  const std::vector<std::size_t> shape(GetParam().shape.begin(), GetParam().shape.end());
  const xt::xarray<double> values = counting(shape);

  array.view() = values;
  EXPECT_EQ(array.view(), values);
  EXPECT_EQ(xt::xarray<double>(array.view()), values);

  array.view() = values + 1.0;
  EXPECT_EQ(array.view(), values + 1.0);
  array.view() -= 1.0;
  EXPECT_EQ(array.view(), values);
  array.view() *= values;
  EXPECT_EQ(array.view(), values * values);
  array.view() = 2.5;
  EXPECT_EQ(array.view(), 2.5 * xt::ones<double>(shape));
  xt::noalias(array.view()) = values;
  EXPECT_EQ(array.view(), values);
  array.view() += 1;
  array.view() = array.view() - 1;
  EXPECT_EQ(array.view(), values);
  EXPECT_EQ(xt::sum(array.view())(), xt::sum(values)());
  EXPECT_EQ(xt::sum(array.view(), xt::evaluation_strategy::immediate)(), xt::sum(values)());
  EXPECT_EQ(array.contiguous(), Layout(array.any().state()->layout).contiguous());

  Guarded<double> other(GetParam().shape, GetParam().strides);
  other.array().view() = array.view();
  EXPECT_EQ(other.array().view(), values);
  std::vector<double> copied(array.size() + 1, -1);
  array.any().copy_to(float64, reinterpret_cast<std::byte*>(copied.data()));
  EXPECT_TRUE(std::equal(values.begin(), values.end(), copied.begin()));
  EXPECT_EQ(copied.back(), -1);
}

TEST_P(ArrayLayouts, TakeExpressionsThatLieInAnotherOrder) {
  Guarded<double> guarded(GetParam().shape, GetParam().strides);
  const auto array = guarded.array();
  const std::vector<std::size_t> shape(GetParam().shape.begin(), GetParam().shape.end());
  const xt::xarray<double> values = counting(shape);
  const xt::xarray<double, xt::layout_type::column_major> columns = values;
  array.view() = columns;
  EXPECT_EQ(array.view(), values);
  array.view() = columns * 2.0 + values;
  EXPECT_EQ(array.view(), values * 3.0);
  array.view() -= columns;
  EXPECT_EQ(array.view(), values * 2.0);
  array.view() = xt::transpose(xt::xarray<double>(xt::transpose(values)));
  EXPECT_EQ(array.view(), values);
  array.view() = xt::where(array.view() > 1.0, columns, -values);
  EXPECT_EQ(array.view(), xt::where(values > 1.0, values, -values));
  if (shape.empty() || array.size() == 0) return;
  const xt::xarray<double> first = xt::strided_view(values, {xt::range(0, 1), xt::ellipsis()});
  array.view() = values;
  array.view() += first;  // broadcast along the first axis
  EXPECT_EQ(array.view(), values + first);
}

TEST_P(ArrayLayouts, RefuseAShapeThatIsNeitherEqualNorBroadcast) {
  Guarded<double> guarded(GetParam().shape, GetParam().strides);
  const auto array = guarded.array();
  std::vector<std::size_t> larger(GetParam().shape.begin(), GetParam().shape.end());
  for (auto& extent : larger) extent += 2;
  larger.insert(larger.begin(), 3);
  const xt::xarray<double> values = counting(larger);
  EXPECT_THROW(array.view() = values, Error);
  EXPECT_THROW(array.view() = values + 1.0, Error);
  EXPECT_THROW(array.view() += values, std::exception);
  EXPECT_THROW(xt::noalias(array.view()) = values, Error);
  const auto source = AnyArray::allocate(float64, Shape(larger.begin(), larger.end())).as<double>();
  source.view() = 1;
  auto view = array.view();
  EXPECT_THROW(view = source.view(), Error);
  const auto const_source = source.view();
  EXPECT_THROW(view = const_source, Error);
}

TEST(Array, BroadcastsWhatIsAssigned) {
  Guarded<double> guarded({2, 3}, {-4, 1});
  const auto array = guarded.array();
  array.view() = xt::xarray<double>{1, 2, 3};
  EXPECT_EQ(array.view(), (xt::xarray<double>{{1, 2, 3}, {1, 2, 3}}));
  array.view() = xt::xtensor<double, 2>{{5}, {6}};
  EXPECT_EQ(array.view(), (xt::xarray<double>{{5, 5, 5}, {6, 6, 6}}));
  array.view() = xt::xarray<double>(4.0);
  EXPECT_EQ(array.view()(1, 2), 4);
  array.view() += xt::xarray<double>{1, 2, 3};
  EXPECT_EQ(array.view(), (xt::xarray<double>{{5, 6, 7}, {5, 6, 7}}));
  EXPECT_THROW((array.view() = xt::xarray<double>{1, 2}), Error);
  const auto row = AnyArray::allocate(float64, {1, 3}).as<double>();
  EXPECT_THROW((row.view() = xt::xarray<double>{{1, 2, 3}, {4, 5, 6}}), Error);
  const auto one = AnyArray::allocate(float64, {1}).as<double>();
  EXPECT_THROW((one.view() = xt::xarray<double>{1, 2, 3}), Error);
  EXPECT_THROW((one.view() = array.view()), Error);
  row.view() = xt::xarray<double>{7, 8, 9};
  array.view() = row.view();
  EXPECT_EQ(array.view(), (xt::xarray<double>{{7, 8, 9}, {7, 8, 9}}));
}

// Those that lie in memory as the array does are moved as they are; all others look alike here.
TEST(Array, TakesEveryKindOfExpression) {
  Guarded<float> guarded({2, 3}, {3, 1});
  const auto array = guarded.array();
  const auto takes = [&](const auto& expression) {
    array.view() = 0.0F;
    array.view() = expression;
    EXPECT_EQ(array.view(), expression) << array.view();
  };
  const xt::xarray<float> matrix = xt::arange<float>(12).reshape({4, 3});
  takes(xt::xtensor<float, 2>{{1, 2, 3}, {4, 5, 6}});
  takes(xt::xtensor_fixed<float, xt::xshape<2, 3>>{{1, 2, 3}, {4, 5, 6}});
  takes(xt::xarray<double>{{1, 2, 3}, {4, 5, 6}});
  takes(xt::xarray<float, xt::layout_type::column_major>{{1, 2, 3}, {4, 5, 6}});
  takes(xt::xarray<float, xt::layout_type::dynamic>{{1, 2, 3}, {4, 5, 6}});
  takes(xt::view(matrix, xt::range(1, 3)));
  takes(xt::view(matrix, xt::range(0, 4, 2)));
  takes(xt::view(matrix, xt::keep(3, 1)));
  takes(xt::strided_view(matrix, {xt::range(2, 4), xt::all()}));
  takes(xt::strided_view(matrix + 1.0F, {xt::range(2, 4), xt::all()}));
  takes(xt::dynamic_view(matrix, {xt::range(2, 4), xt::all()}));
  takes(xt::transpose(xt::xarray<float>{{1, 4}, {2, 5}, {3, 6}}));
  takes(xt::reshape_view(xt::xarray<float>{1, 2, 3, 4, 5, 6}, {2, 3}));
  const std::vector<float> numbers{1, 2, 3, 4, 5, 6};
  takes(xt::adapt(numbers, {2, 3}));
  takes(xt::adapt(numbers.data(), 6, xt::no_ownership(), std::vector<std::size_t>{2, 3}));
  takes(xt::ones<float>({2, 3}));
  Guarded<float> other({4, 3}, {3, 1});
  other.array().view() = matrix;
  takes(xt::view(other.array().view(), xt::range(1, 3)));
  Guarded<float> alike({2, 3}, {3, 1});
  alike.array().view() = xt::view(matrix, xt::range(0, 2));
  takes(alike.array().view());
}

TEST(Array, TakesNothingOfSomething) {
  Guarded<float> guarded({0, 3}, {3, 1});
  const xt::xarray<float> matrix = xt::ones<float>({4, 3});
  guarded.array().view() = xt::strided_view(matrix, {xt::range(2, 2), xt::all()});
  EXPECT_EQ(guarded.array().view().size(), 0u);
}

TEST(Array, TakesBooleansThatAreBits) {
  const auto array = AnyArray::allocate(dtype_of<bool>, {4}).as<bool>();
  const std::vector<bool> bits{true, false, true, true};
  array.view() = xt::adapt(bits, {4});
  EXPECT_EQ(array.view(), (xt::xarray<bool>{true, false, true, true}));
}

TEST(Array, ReadsTheRightSideBeforeItIsOverwritten) {
  const auto x = AnyArray::allocate(float64, {2, 2}).as<double>();
  const xt::xarray<double> values{{1, 2}, {3, 4}};
  x.view() = values;
  x.view() = xt::transpose(x.view());
  EXPECT_EQ(x.view(), (xt::xarray<double>{{1, 3}, {2, 4}}));
  x.view() = values;
  x.view() = x.view() + xt::transpose(x.view());
  EXPECT_EQ(x.view(), (xt::xarray<double>{{2, 5}, {5, 8}}));
  x.view() = values;
  x.view() = xt::flip(x.view(), 0);
  EXPECT_EQ(x.view(), (xt::xarray<double>{{3, 4}, {1, 2}}));
  x.view() = values;
  x.view() = x.view() * xt::view(x.view(), 0);
  EXPECT_EQ(x.view(), (xt::xarray<double>{{1, 4}, {3, 8}}));
  x.view() = values;
  x.view() = x.view() / xt::sum(x.view());
  EXPECT_EQ(x.view()(1, 1), 0.4);
  x.view() = values;
  x.view() = xt::broadcast(xt::view(x.view(), 1), {2, 2});
  EXPECT_EQ(x.view(), (xt::xarray<double>{{3, 4}, {3, 4}}));
  // Two arrays on overlapping pages, one element apart.
  Guarded<double> guarded({4}, {1});
  guarded.array().view() = xt::xarray<double>{1, 2, 3, 4};
  const auto part = [&](std::size_t first) {
    auto state = std::make_shared<ArrayState>(*guarded.any().state());
    state->data += first * sizeof(double);
    state->layout.shape = {3};
    return AnyArray(std::move(state)).as<double>();
  };
  part(1).view() = part(0).view() + 0.0;
  EXPECT_EQ(guarded.array().view(), (xt::xarray<double>{1, 1, 2, 3}));
}

}  // namespace
}  // namespace py4cpp
