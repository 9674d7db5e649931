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
  detail::place_arguments<detail::Texts::owned>(values.data(), std::forward<Args>(args)...);
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

TEST(Arguments, OfACallReferToLongTextsAndBytes) {
  using detail::Texts;
  const std::string text(1000, 'x');
  const Bytes bytes(1000, std::byte{7});
  const std::string_view view = std::string_view(text).substr(500);
  std::array<Value, 5> lent, owned;
  detail::place_arguments<Texts::lent>(lent.data(), text, view, bytes, "t"_a = text);
  detail::place_arguments<Texts::owned>(owned.data(), text, view, bytes, "t"_a = text);
  EXPECT_EQ(lent, owned);
  EXPECT_EQ(to_string(lent[2]), to_string(owned[2]));
  for (const Value& value : {lent[0], lent[4]}) {
    EXPECT_EQ(value.kind(), Kind::string);
    EXPECT_EQ(value.text().data(), text.data());
    EXPECT_EQ(value.hash(), owned[0].hash());
    EXPECT_NE(Value(value).as<std::string>().data(), text.data());
  }
  EXPECT_EQ(lent[1].text().data(), view.data());
  EXPECT_EQ(lent[2].kind(), Kind::bytes);
  EXPECT_EQ(lent[2].get_if<Bytes>(), &bytes);
  EXPECT_EQ(lent[2].as<Bytes>(), bytes);
  EXPECT_NE(owned[0].text().data(), text.data());
  EXPECT_NE(owned[2].get_if<Bytes>(), &bytes);
}

TEST(Arguments, OfACallOwnWhatIsTemporary) {
  std::array<Value, 3> lent;
  detail::place_arguments<detail::Texts::lent>(lent.data(), std::string(1000, 'x'), Bytes(1000, std::byte{7}),
                                               std::string(3, 'y'));
  EXPECT_EQ(lent[0].text(), std::string(1000, 'x'));
  EXPECT_EQ(lent[1].as<Bytes>(), Bytes(1000, std::byte{7}));
  EXPECT_EQ(lent[2].text(), "yyy");
}

}  // namespace
}  // namespace py4cpp
