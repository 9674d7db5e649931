// Python iterables as C++ ranges, with elements made ahead.
#include "pair_fixture.hpp"

#include <map>
#include <ranges>

namespace py4cpp::test {
namespace {

using Collecting = PairTest;

static_assert(std::ranges::input_range<Collected<int>>);

TEST_F(Collecting, YieldsEveryElementInOrder) {
  std::vector<int> seen;
  for (const int x : py.collect<int>(py.eval<Object>("(i * i for i in range(1000))"))) seen.push_back(x);
  ASSERT_EQ(seen.size(), 1000u);
  EXPECT_EQ(seen[999], 999 * 999);
  for ([[maybe_unused]] const int x : py.collect<int>(std::vector<int>())) FAIL();
}

TEST_F(Collecting, ArraysOfAGeneratorByName) {
  py.exec(
      "import numpy\n"
      "def batches():\n"
      "    for i in range(20):\n"
      "        yield {'x': numpy.full((64, 64), i, dtype='float32')}\n"
      "loader = batches()");
  float sum = 0;
  for (auto& batch : py.collect<std::map<std::string, Array<float>>>("loader", 2)) sum += batch.at("x").view()(63, 63);
  EXPECT_EQ(sum, 190.f);
}

TEST_F(Collecting, MakesSoManyAhead) {
  py.exec(
      "made = []\n"
      "def numbers():\n"
      "    for i in range(100):\n"
      "        made.append(i)\n"
      "        yield i");
  auto numbers = py.collect<int>(py.eval<Object>("numbers()"), 5);
  auto it = numbers.begin();
  EXPECT_EQ(*it, 0);
  EXPECT_EQ(py.eval<int>("len(made)"), 5);
  ++it;
  EXPECT_EQ(*it, 1);
  EXPECT_EQ(py.eval<int>("len(made)"), 6);
}

TEST_F(Collecting, ErrorsComeWhereTheElementWouldHaveBeen) {
  py.exec(
      "def broken():\n"
      "    yield 1\n"
      "    yield 2\n"
      "    raise ValueError('three')");
  std::vector<int> seen;
  const auto loop = [&] {
    for (const int x : py.collect<int>(py.eval<Object>("broken()"))) seen.push_back(x);
  };
  EXPECT_EQ(thrown_by<errors::ValueError>(loop).message(), "three");
  EXPECT_EQ(seen, (std::vector<int>{1, 2}));
  EXPECT_THROW(py.collect<int>("no_such_name"), errors::NameError);
  EXPECT_THROW(py.collect<int>(5), errors::TypeError);
  const auto words = [&] {
    for ([[maybe_unused]] const int x : py.collect<int>(std::vector<std::string>{"a"})) continue;
  };
  EXPECT_THROW(words(), ConversionError);
}

TEST_F(Collecting, WhatHasBeenMovedFromSaysSo) {
  auto numbers = py.collect<int>(py.eval<Object>("range(10)"));
  auto it = numbers.begin();
  auto moved = std::move(numbers);
  EXPECT_EQ(thrown_by<Error>([&] { ++it; }).kind(), ErrorKind::invalid);
  EXPECT_THROW(numbers.begin(), Error);
  EXPECT_EQ(*moved.begin(), 1);
}

TEST_F(Collecting, LeavingEarlyLetsGoOfTheIterator) {
  py.exec(
      "import weakref\n"
      "closed = []\n"
      "def endless():\n"
      "    try:\n"
      "        while True: yield 1\n"
      "    finally:\n"
      "        closed.append(True)");
  for (const int x : py.collect<int>(py.eval<Object>("endless()"))) {
    EXPECT_EQ(x, 1);
    break;
  }
  py.eval("None");
  EXPECT_TRUE(py.eval<bool>("closed == [True]"));
}

}  // namespace
}  // namespace py4cpp::test
