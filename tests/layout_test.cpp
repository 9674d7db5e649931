#include <gtest/gtest.h>
#include <py4cpp/error.hpp>
#include <py4cpp/layout.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <list>
#include <random>
#include <string_view>

namespace py4cpp::test {
namespace {

constexpr std::size_t huge = std::size_t{1} << 40;

Shape shape_of(ShapeArgument argument) { return argument.take(); }

template <class F>
void expect_invalid(F function, std::string_view words = "") {
  try {
    function();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid) << error.what();
    EXPECT_NE(std::string_view(error.what()).find(words), std::string_view::npos) << error.what();
  }
}

TEST(ShapeArgument, TakesAnyIntegers) {
  const long rows = 3;
  const std::uint8_t columns = 4;
  EXPECT_EQ(shape_of({rows, columns, 5u, std::int16_t{2}, 6ull}), (Shape{3, 4, 5, 2, 6}));
  EXPECT_EQ(shape_of({7}), Shape{7});
  EXPECT_EQ(shape_of({}), Shape{});
  EXPECT_EQ(shape_of(std::array<int, 2>{1, 2}), (Shape{1, 2}));
  EXPECT_EQ(shape_of(std::list<std::ptrdiff_t>{9, 0}), (Shape{9, 0}));
  EXPECT_EQ(shape_of(std::vector<int>(40, 1)), Shape(40, 1));
  const int plain[] = {4, 2};
  EXPECT_EQ(shape_of(plain), (Shape{4, 2}));
  const Layout layout = Layout::row_major(int8, {2, 3});
  EXPECT_EQ(shape_of(layout.shape), (Shape{2, 3}));
}

TEST(ShapeArgument, RefusesNegativeExtents) {
  expect_invalid([] { shape_of({3, -1}); });
  expect_invalid([] { shape_of(std::vector<long>{-5}); });
  expect_invalid([] { shape_of({std::numeric_limits<std::int64_t>::min()}); });
}

TEST(Layout, RowMajorStridesCountElements) {
  const Layout layout = Layout::row_major(float32, {2, 3, 4});
  EXPECT_EQ(layout.strides, (Strides{12, 4, 1}));
  EXPECT_EQ(layout.size(), 24u);
  EXPECT_EQ(layout.nbytes(), 96u);
  EXPECT_TRUE(layout.contiguous());
  EXPECT_EQ(layout.span(), (Layout::Span{0, 96}));
}

TEST(Layout, ZeroDimensionsIsOneElement) {
  const Layout layout = Layout::row_major(complex128, {});
  EXPECT_EQ(layout.size(), 1u);
  EXPECT_EQ(layout.span(), (Layout::Span{0, 16}));
  EXPECT_TRUE(layout.contiguous());
}

TEST(Layout, EmptyArraysHaveNoBytes) {
  const Layout layout = Layout::row_major(int64, {3, 0, 5});
  EXPECT_EQ(layout.strides, (Strides{5, 5, 1}));  // as numpy
  EXPECT_EQ(layout.size(), 0u);
  EXPECT_EQ(layout.nbytes(), 0u);
  EXPECT_EQ(layout.span(), (Layout::Span{0, 0}));
  EXPECT_TRUE(layout.contiguous());
  EXPECT_EQ((Layout{int8, {huge, huge, 0}, {0, 0, 0}}).size(), 0u);
}

TEST(Layout, RefusesWhatCannotBeCounted) {
  expect_invalid([] { Layout::row_major(float64, {huge, huge}); });
  expect_invalid([] { Layout::row_major(float64, {std::size_t{1} << 60}); }, "(1152921504606846976,)");
  expect_invalid([] { Layout::row_major(int8, {std::size_t{1} << 63}); });
  expect_invalid([] { Layout::row_major(int8, {std::numeric_limits<std::size_t>::max()}); });
  expect_invalid([] { Layout::row_major(float64, {huge, 0, huge}); });
  expect_invalid([] { Layout::row_major(int8, Shape(65, 1)); });
  EXPECT_NO_THROW(Layout::row_major(int8, Shape(64, 1)));
  expect_invalid([] { (Layout{int8, {huge, huge}, {1, 1}}).size(); });
}

TEST(Layout, SpanCoversNegativeAndZeroStrides) {
  EXPECT_EQ((Layout{int16, {5}, {-1}}).span(), (Layout::Span{-8, 2}));
  EXPECT_EQ((Layout{int16, {5, 3}, {-3, 1}}).span(), (Layout::Span{-24, 6}));
  EXPECT_EQ((Layout{float64, {1000, 4}, {0, 1}}).span(), (Layout::Span{0, 32}));
  EXPECT_EQ((Layout{int8, {1, 1}, {-100, 100}}).span(), (Layout::Span{0, 1}));
}

TEST(Layout, SpanRefusesWhatLiesNowhere) {
  constexpr std::ptrdiff_t far = std::numeric_limits<std::ptrdiff_t>::max();
  expect_invalid([] { (Layout{int8, {3}, {far}}).span(); });
  expect_invalid([] { (Layout{float64, {2}, {far / 4}}).span(); });
  expect_invalid([] { (Layout{int8, {2, 2}, {far, far}}).span(); });
  expect_invalid([] { (Layout{int8, {2, 2, 2}, {-far, -far, -far}}).span(); });
  expect_invalid([] { (Layout{int8, {~std::size_t{0}}, {1}}).span(); });
  expect_invalid([] { (Layout{int8, {2}, {}}).span(); });
  expect_invalid([] { (Layout{int8, Shape(65, 1), Strides(65, 1)}).span(); });
}

TEST(Layout, ContiguousIgnoresStridesOfOneElement) {
  EXPECT_TRUE((Layout{int8, {1, 4}, {77, 1}}).contiguous());
  EXPECT_TRUE((Layout{int8, {4, 1}, {1, -9}}).contiguous());
  EXPECT_TRUE((Layout{int8, {0, 4}, {-3, 8}}).contiguous());
  EXPECT_FALSE((Layout{int8, {4, 4}, {1, 4}}).contiguous());
  EXPECT_FALSE((Layout{int8, {4}, {2}}).contiguous());
  EXPECT_FALSE((Layout{int8, {4}, {-1}}).contiguous());
  EXPECT_FALSE((Layout{int8, {4}, {0}}).contiguous());
  EXPECT_TRUE((Layout{int8, {3, 4}, {1, 3}}).column_major());
  EXPECT_TRUE((Layout{int8, {4}, {1}}).column_major());
  EXPECT_FALSE((Layout{int8, {3, 4}, {4, 1}}).column_major());
  EXPECT_FALSE((Layout{int8, {3, 4}, {1, 4}}).column_major());
  EXPECT_FALSE((Layout{int8, {2, 3, 4}, {3, 1, 6}}).column_major());
}

// Every element of a random layout lies in its span, and the span's ends are touched.
TEST(Layout, SpanIsTightForRandomLayouts) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    Layout layout{int32, {}, {}};
    for (auto n = random() % 4; n > 0; --n) {
      layout.shape.push_back(1 + random() % 4);
      layout.strides.push_back(static_cast<std::ptrdiff_t>(random() % 21) - 10);
    }
    std::ptrdiff_t first = 0;
    std::ptrdiff_t past = 0;
    for (std::size_t index = 0; index < layout.size(); ++index) {
      std::ptrdiff_t at = 0;
      std::size_t rest = index;
      for (std::size_t i = layout.shape.size(); i-- > 0; rest /= layout.shape[i]) {
        at += static_cast<std::ptrdiff_t>(rest % layout.shape[i]) * layout.strides[i] * 4;
      }
      first = std::min(first, at);
      past = std::max(past, at + 4);
    }
    EXPECT_EQ(layout.span(), (Layout::Span{first, past}));
  }
}

}  // namespace
}  // namespace py4cpp::test
