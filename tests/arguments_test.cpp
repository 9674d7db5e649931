#include <py4cpp/arguments.hpp>
#include <py4cpp/convert.hpp>
#include <py4cpp/error.hpp>

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace py4cpp {
namespace {

using namespace py4cpp::literals;

template <class... Args>
std::string placed(Args&&... args) {
  std::array<Value, detail::value_count<Args...>> values;
  detail::place_arguments(values.data(), std::forward<Args>(args)...);
  return to_string(Value(List(std::vector<Value>(values.begin(), values.end()))));
}

static_assert(detail::positional_count<int, Named<int>, double> == 2 && detail::named_count<int, Named<int>&> == 1);
static_assert(Argument<int> && Argument<const char (&)[3]> && Argument<Named<int&>> && !Argument<void*>);
static_assert(!Argument<Named<void*>>);

TEST(Arguments, ArePlacedPositionalFirst) {
  EXPECT_EQ(placed(), "[]");
  EXPECT_EQ(placed(1, "x"), "[1, 'x']");
  EXPECT_EQ(placed("a"_a = 1, 2, kw("b", 3.5), 4), "[2, 4, 'a', 1, 'b', 3.5]");
  EXPECT_EQ(placed(kw("a", std::vector<int>{1, 2})), "['a', [1, 2]]");
}

TEST(Arguments, NamedReferToLvaluesAndOwnTemporaries) {
  int x = 1;
  auto named = "x"_a = x;
  static_assert(std::is_same_v<decltype(named), Named<int&>>);
  x = 2;
  EXPECT_EQ(placed(named), "['x', 2]");
  auto owned = "s"_a = std::string("a text that is longer than a few letters");
  static_assert(std::is_same_v<decltype(owned), Named<std::string>>);
  EXPECT_EQ(placed(owned), placed(owned)) << "an lvalue isn't moved from";
}

TEST(Arguments, RefuseAKeywordTwice) {
  EXPECT_THROW(placed("a"_a = 1, "a"_a = 2), Error);
  EXPECT_NO_THROW(placed("a"_a = 1, "b"_a = 2));
}

TEST(Arguments, MoveWhatIsOwned) {
  auto pointer = std::make_unique<int>(5);
  const auto callable = [p = std::move(pointer)]() mutable { return *p; };
  static_assert(!std::is_copy_constructible_v<decltype(callable)>);
  auto other = [p = std::make_unique<int>(6)] { return *p; };
  EXPECT_EQ(placed(std::move(other), 1), "[<C++ callable>, 1]");
}

}  // namespace
}  // namespace py4cpp
