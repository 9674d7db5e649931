// Cases that the test suites of py4cl's family assert and no other file shows (docs/py4cl.md).
#include "pair_fixture.hpp"

#include <cmath>
#include <complex>
#include <limits>

namespace py4cpp::test {

namespace {

Config restarting() {
  Config c = config();
  c.restart = Restart::on_next_call;
  return c;
}

template <class T>
class FamilyArrays : public PairTest {};

using ElementTypes =
    ::testing::Types<double, float, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t, std::uint16_t,
                     std::uint32_t, std::uint64_t, bool, std::complex<double>>;

}  // namespace

using Family = PairTest;
TYPED_TEST_SUITE(FamilyArrays, ElementTypes);

TEST(FamilyProcess, WhateverIsAskedStartsAStoppedOne) {
  Python py{restarting()};
  py.stop();
  EXPECT_EQ(py.eval<int>("1 + 1"), 2);
  EXPECT_TRUE(py.alive());
  py.stop();
  py.exec("x = 1");
  EXPECT_TRUE(py.alive());
  py.stop();
  EXPECT_EQ(py.call<int>("int", "5"), 5);
  EXPECT_TRUE(py.alive());
}

TEST(FamilyProcess, DroppingAnOldHandleStartsNothing) {
  Python py{restarting()};
  Object old = py.eval<Object>("[]");
  py.stop();
  old = Object();
  EXPECT_FALSE(py.alive());
  EXPECT_EQ(py.pid(), 0);
}

TEST(FamilyProcess, TheNextOneAfterAQuitIsFresh) {
  Python py{restarting()};
  for (int i = 0; i < 5; ++i) {
    py.exec("left_over = 1");
    EXPECT_THROW(py.exec("import os; os._exit(0)"), WorkerDied);
    EXPECT_FALSE(py.eval<bool>("'left_over' in globals()"));
  }
}

TEST_F(Family, ArraysAreParameters) {
  const xt::xarray<std::int64_t> flat{{1, 2}, {3, 4}};
  EXPECT_EQ(py.eval<xt::xarray<std::int64_t>>("a", "a"_a = flat), flat);
  EXPECT_EQ(py.eval<xt::xarray<std::int64_t>>("a * 2", "a"_a = flat), flat * 2);
  const xt::xarray<double> cube{{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}};
  EXPECT_EQ(py.eval<xt::xarray<double>>("a + 1", "a"_a = cube), cube + 1);
  EXPECT_EQ(py.eval<std::vector<double>>("v", "v"_a = std::vector{1.0, 2.0}), (std::vector{1.0, 2.0}));
  EXPECT_TRUE(py.eval<std::vector<double>>("v", "v"_a = std::vector<double>()).empty());
  EXPECT_EQ(py.eval<int>("a + b", "a"_a = 4, "b"_a = 7), 11);
  EXPECT_THROW(py.eval("len("), errors::SyntaxError);
}

TEST_F(Family, ComplexNumbersAndFractions) {
  using Complex = std::complex<double>;
  EXPECT_EQ(py.eval<Complex>("a * b", "a"_a = Complex(1, 2), "b"_a = Complex(2, 3)), Complex(-4, 7));
  EXPECT_EQ(py.eval<Complex>("a * b", "a"_a = Complex(1, -2), "b"_a = Complex(-2, 3)), Complex(4, 7));
  EXPECT_EQ(py.call<Complex>("sum", std::vector<Complex>{{1, 2}, {2, 3}, {3, 4}}), Complex(6, 9));
  const Object half = py.call<Object>("fractions.Fraction", 1, 2);
  EXPECT_EQ((half / 2).str(), "1/4");
  EXPECT_EQ((half * Complex(1, 2)).as<Complex>(), Complex(.5, 1));
  EXPECT_EQ(py.call<double>("operator.add", half, half), 1.0);
}

TEST_F(Family, NumbersThatAreNone) {
  for (const double x : {std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(), -0.0}) {
    const auto back = py.eval<double>("x", "x"_a = x);
    EXPECT_EQ(back, x);
    EXPECT_EQ(std::signbit(back), std::signbit(x));
  }
  EXPECT_TRUE(py.eval<bool>("x != x", "x"_a = std::nan("")));
  EXPECT_TRUE(std::isnan(py.eval<double>("float('nan')")));
}

TEST_F(Family, NumpyTakesListsAndScalars) {
  py.exec("import numpy as np");
  EXPECT_EQ(py.call<std::vector<int>>("np.add", std::vector{1, 2, 3}, std::vector{4, 5, 6}), (std::vector{5, 7, 9}));
  EXPECT_EQ(py.call<std::vector<int>>("np.add", std::vector{1, 2, 3}, 3), (std::vector{4, 5, 6}));
  EXPECT_EQ(py.call<std::vector<int>>("np.abs", std::vector{-1, 2, -3}), (std::vector{1, 2, 3}));
  EXPECT_LT(py.call<double>("numpy.random.mtrand.rand"), 1.0);
}

TEST_F(Family, ChainsSetInsideWhatIsInside) {
  const Object list = py.eval<Object>("[{}, 5, 6]");
  py.chain(list).item(0).item("a").set(3);
  EXPECT_EQ(list.repr(), "[{'a': 3}, 5, 6]");
}

TEST_F(Family, FunctionsTakeEveryKindOfArgument) {
  py.exec(
      "import sys, types\n"
      "made = types.ModuleType('made')\n"
      "exec('def none(): return 0\\ndef opt(a, b, c=5): return [a, b, c]\\ndef rest(a, *r): return [a, *r]\\n'\n"
      "     'def kw(**k): return k\\ndef sharp(A, /, b, *, C): return [A, b, C]', made.__dict__)\n"
      "sys.modules['made'] = made");
  EXPECT_EQ(py.call<int>("made.none"), 0);
  EXPECT_EQ(py.call("made.opt", 1, 2), Value(List(1, 2, 5)));
  EXPECT_EQ(py.call("made.opt", "b"_a = 1, "a"_a = 2, "c"_a = 3), Value(List(2, 1, 3)));
  EXPECT_EQ(py.call("made.rest", 1, 2, 3), Value(List(1, 2, 3)));
  EXPECT_EQ(py.call("made.kw", "nil"_a = 1, "t"_a = 2), Value(Dict{{"nil", 1}, {"t", 2}}));
  EXPECT_EQ(py.call("made.sharp", "C"_a = 3, 1, "b"_a = 2), Value(List(1, 2, 3)));
  EXPECT_THROW(py.call("made.sharp", "A"_a = 1, "b"_a = 2, "C"_a = 3), errors::TypeError);
}

TEST_F(Family, TwoLargeArraysInOneCallStayTwo) {
  auto one = py.array<float>({100'000});
  auto other = py.array<float>({500'000});
  one.view() = 1;
  other.view() = 2;
  const auto back = py.call<std::vector<Array<float>>>("list", std::vector{one, other});
  EXPECT_EQ(back.at(0).size(), one.size());
  EXPECT_EQ(back.at(0).view()(99'999), 1);
  EXPECT_EQ(back.at(1).view()(499'999), 2);
  const auto made =
      py.eval<std::vector<Array<double>>>("[__import__('numpy').full(n, float(n)) for n in (100_000, 500_000)]");
  EXPECT_EQ(made.at(0).view()(99'999), 100'000);
  EXPECT_EQ(made.at(1).view()(499'999), 500'000);
}

TEST_F(Family, OrderMakesNoDifference) {
  py.exec("import numpy\nsource = numpy.arange(60_000.0).reshape(20, 30, 100)");
  for (const char* order : {"C", "F"}) {
    const auto array = py.eval<Array<double>>("numpy.asarray(source, order=order)", "order"_a = order);
    EXPECT_EQ(array.view()(19, 29, 99), 59'999.0) << order;
    EXPECT_EQ(array.view()(1, 2, 3), 3203.0) << order;
    EXPECT_TRUE(py.eval<bool>("numpy.array_equal(a, source)", "a"_a = array)) << order;
  }
  const Object mixed = py.eval<Object>("numpy.array([[1, 'a'], [None, 2]], dtype=object, order='F')");
  EXPECT_EQ(mixed.as<std::vector<std::vector<Value>>>().at(1), (std::vector<Value>{None{}, 2}));
}

TYPED_TEST(FamilyArrays, KeepTheirTypeTwiceThrough) {
  for (const std::vector<std::size_t>& shape : {std::vector<std::size_t>{10}, {0}, {2, 100'000}, {2, 3, 4, 5}, {}}) {
    auto array = this->py.template array<TypeParam>(shape);
    for (std::size_t i = 0; i < array.size(); ++i) array.data()[i] = static_cast<TypeParam>(static_cast<int>(i % 2));
    const auto once = this->py.template call<AnyArray>("copy.copy", array);
    const auto twice = this->py.template call<AnyArray>("copy.copy", once);
    EXPECT_EQ(twice.dtype(), dtype_of<TypeParam>);
    const auto typed = twice.template as<TypeParam>();
    EXPECT_TRUE(std::equal(typed.shape().begin(), typed.shape().end(), shape.begin(), shape.end()));
    EXPECT_TRUE(std::equal(array.data(), array.data() + array.size(), typed.data()));
  }
}

}  // namespace py4cpp::test
