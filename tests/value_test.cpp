#include <py4cpp/big_int.hpp>
#include <py4cpp/convert.hpp>
#include <py4cpp/error.hpp>
#include <py4cpp/object.hpp>
#include <py4cpp/value.hpp>

#include <gtest/gtest.h>

#include <malloc.h>

#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <type_traits>
#include <unordered_set>

namespace py4cpp {
namespace {

using namespace std::string_literals;

std::string text(const Value& value) { return to_string(value); }

// Bytes of the heap in use; always 0 under the sanitizers, which bring their own.
std::size_t heap_use() { return mallinfo2().uordblks; }

Value list_nest(std::size_t depth, Value innermost) {
  Value nest = std::move(innermost);
  for (std::size_t i = 0; i < depth; ++i) nest = Value(List{std::move(nest)});
  return nest;
}

static_assert(!std::is_convertible_v<int*, Value> && !std::is_convertible_v<void*, Value>, "no pointer becomes a bool");
static_assert(!std::is_convertible_v<long double, Value> && !std::is_convertible_v<wchar_t, Value>);
static_assert(!std::is_convertible_v<char16_t, Value> && !std::is_convertible_v<std::nullptr_t, Value>);
static_assert(std::is_nothrow_move_constructible_v<Value>);
static_assert(!std::is_convertible_v<Value, bool> && !std::is_convertible_v<Value, int>);

TEST(Value, HoldsEachOfTheFourteenKinds) {
  struct Case {
    Value value;
    Kind kind;
  };
  const Case cases[] = {{Value(), Kind::none},
                        {Value(None{}), Kind::none},
                        {Value(std::nullopt), Kind::none},
                        {Value(true), Kind::boolean},
                        {Value(1), Kind::integer},
                        {Value(std::uint64_t{1} << 63), Kind::big_integer},
                        {Value(1.5f), Kind::floating},
                        {Value(std::complex<double>(1, 2)), Kind::complex},
                        {Value("x"), Kind::string},
                        {Value('x'), Kind::string},
                        {Value(std::string(100, 'x')), Kind::string},
                        {Value(std::string_view("x")), Kind::string},
                        {Value(Bytes{std::byte{1}}), Kind::bytes},
                        {Value(List{}), Kind::list},
                        {Value(Tuple{1}), Kind::tuple},
                        {Value(Set{1}), Kind::set},
                        {Value(Dict{{"a", 1}}), Kind::dict},
                        {Value(AnyArray()), Kind::array},
                        {Value(Object()), Kind::object},
                        {Value([](int x) { return x; }), Kind::object},
                        {Value(Slice{1, 2}), Kind::object}};
  for (const Case& c : cases) EXPECT_EQ(c.value.kind(), c.kind) << c.value;
}

TEST(Value, IsAsksForExactlyOneKind) {
  const Value one(1);
  EXPECT_TRUE(one.is<std::int64_t>());
  EXPECT_FALSE(one.is<double>());
  EXPECT_FALSE(one.is<bool>());
  EXPECT_FALSE(one.is<None>());
  EXPECT_TRUE(Value("x").is<std::string>());
  EXPECT_TRUE(Value(std::string(50, 'x')).is<std::string>());
  EXPECT_TRUE(Value(BigInt("123456789012345678901234567890")).is<BigInt>());
  EXPECT_TRUE(Value(BigInt(5)).is<std::int64_t>()) << "a big integer that fits is an integer";
  EXPECT_TRUE(Value(Bytes()).is<Bytes>());
}

TEST(Value, KeepsScalarsAndShortTextsOffTheHeap) {
  const std::size_t before = heap_use();
  const Value none;
  const Value truth(true);
  const Value integer(std::int64_t{1} << 60);
  const Value floating(0.1);
  const Value complex(std::complex<double>(1, 2));
  const Value text("fifteen letters");
  const Value copy = text;
  EXPECT_EQ(copy.text(), "fifteen letters");
  EXPECT_EQ(heap_use(), before);
}

TEST(Value, CopiesContainersAndLongTextsWithoutAllocating) {
  const Value list(List{1, 2, 3});
  const Value text(std::string(1000, 'x'));
  const std::size_t before = heap_use();
  const Value other_list = list;
  const Value other_text = text;
  EXPECT_EQ(heap_use(), before);
  EXPECT_EQ(other_list.get_if<List>()->data(), list.get_if<List>()->data());
  EXPECT_EQ(other_text.text().data(), text.text().data());
}

TEST(Value, ComparesKindAndContents) {
  EXPECT_EQ(Value(1), Value(1));
  EXPECT_NE(Value(1), Value(1.0));
  EXPECT_NE(Value(1), Value(true));
  EXPECT_NE(Value("b"), Value(Bytes{std::byte{'b'}}));
  EXPECT_EQ(Value(0.0), Value(-0.0));
  EXPECT_NE(Value(std::nan("")), Value(std::nan("")));
  EXPECT_EQ(Value("x"), Value("x"s));
  EXPECT_EQ(Value(List{1, "a", None{}}), Value(List{1, "a", None{}}));
  EXPECT_NE(Value(List{1, 2}), Value(List{2, 1}));
  EXPECT_NE(Value(List{1}), Value(Tuple{1}));
  EXPECT_NE(Value(List{std::nan("")}), Value(List{std::nan("")}));
  EXPECT_EQ(Value(List{}), Value(List{}));
  EXPECT_NE(Value(List{}), Value(List{1}));
  EXPECT_TRUE(Value(1) == 1 && Value("x") == "x" && 2.5 == Value(2.5));
}

TEST(Value, ComparesSetsAndDictsInAnyOrder) {
  EXPECT_EQ(Value(Set{1, 2, "a"}), Value(Set{"a", 2, 1}));
  EXPECT_NE(Value(Set{1, 2}), Value(Set{1, 3}));
  EXPECT_EQ(Value(Dict{{"a", 1}, {"b", List{2}}}), Value(Dict{{"b", List{2}}, {"a", 1}}));
  EXPECT_NE(Value(Dict{{"a", 1}}), Value(Dict{{"a", 2}}));
  EXPECT_NE(Value(Dict{{"a", 1}}), Value(Dict{{"b", 1}}));
  EXPECT_EQ(Value(Set{1}), Value(Set{1}.freeze()));
  std::vector<Value> up;
  std::vector<Value> down;
  for (int i = 0; i < 1000; ++i) {
    up.emplace_back(Tuple{i, "x"});
    down.emplace_back(Tuple{999 - i, "x"});
  }
  EXPECT_EQ(Value(Set(up)), Value(Set(down)));
}

// Arrays hash by shape and dtype alone, so these collide and have to be told apart one by one.
TEST(Value, TellsApartElementsOfOneHash) {
  const double xs[] = {1, 2, 3};
  const auto array = [&](std::size_t i) { return Value(AnyArray::copy_of(float64, {1}, &xs[i], 64)); };
  EXPECT_EQ(Value(array(0)).hash(), Value(array(1)).hash());
  EXPECT_EQ(Value(Set{array(0), array(1), array(2)}), Value(Set{array(2), array(0), array(1)}));
  EXPECT_NE(Value(Set{array(0), array(1)}), Value(Set{array(0), array(2)}));
  EXPECT_EQ(Value(Dict{{array(0), 0}, {array(1), 1}}), Value(Dict{{array(1), 1}, {array(0), 0}}));
  EXPECT_NE(Value(Dict{{array(0), 0}, {array(1), 1}}), Value(Dict{{array(1), 0}, {array(0), 1}}));
}

TEST(Value, EqualValuesHaveEqualHashes) {
  const std::pair<Value, Value> equals[] = {{0.0, -0.0},
                                            {Set{1, 2, Set{3}}, Set{Set{3}, 2, 1}},
                                            {Dict{{1, 2}, {3, 4}}, Dict{{3, 4}, {1, 2}}},
                                            {BigInt("99999999999999999999"), BigInt("99999999999999999999")},
                                            {List{List{}, Tuple{"x"}}, List{List{}, Tuple{"x"}}}};
  for (const auto& [a, b] : equals) {
    EXPECT_EQ(a, b);
    EXPECT_EQ(a.hash(), b.hash()) << a;
  }
  EXPECT_NE(Value(List{1, 2}).hash(), Value(List{2, 1}).hash());
  EXPECT_NE(Value(Dict{{1, 2}}).hash(), Value(Dict{{2, 1}}).hash());
  const std::unordered_set<Value> set{1, "a", 1.0, "a"};
  EXPECT_EQ(set.size(), 3u);
}

TEST(Value, ComparesHandlesByIdentity) {
  const Value f([](int x) { return x; });
  const Value g([](int x) { return x; });
  const Value copy = f;
  EXPECT_EQ(f, copy);
  EXPECT_NE(f, g);
}

TEST(Value, PrintsAsPythonDoes) {
  EXPECT_EQ(text(Value()), "None");
  EXPECT_EQ(text(true), "True");
  EXPECT_EQ(text(-5), "-5");
  EXPECT_EQ(text(BigInt("-123456789012345678901")), "-123456789012345678901");
  EXPECT_EQ(text(1.0), "1.0");
  EXPECT_EQ(text(0.1), "0.1");
  EXPECT_EQ(text(1e16), "1e+16");
  EXPECT_EQ(text(123456789012345.0), "123456789012345.0");
  EXPECT_EQ(text(1.5e-7), "1.5e-07");
  EXPECT_EQ(text(0.0001), "0.0001");
  EXPECT_EQ(text(-0.0), "-0.0");
  EXPECT_EQ(text(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(text(std::nan("")), "nan");
  EXPECT_EQ(text(std::complex<double>(1, -2)), "(1-2j)");
  EXPECT_EQ(text(std::complex<double>(0, 2.5)), "2.5j");
  EXPECT_EQ(text("it's"), "\"it's\"");
  EXPECT_EQ(text("a\n\t\\\x01"
                 "é'\""),
            "'a\\n\\t\\\\\\x01é\\'\"'");
  EXPECT_EQ(text("\xed\xa0\x80"), "'\\ud800'") << "a lone surrogate";
  EXPECT_EQ(text("\xff"), "'\\xff'") << "no UTF-8 at all";
  EXPECT_EQ(text(std::string("a\0b", 3)), "'a\\x00b'");
  EXPECT_EQ(text(Bytes{std::byte{0}, std::byte{'a'}, std::byte{0xff}}), "b'\\x00a\\xff'");
  EXPECT_EQ(text(List{}), "[]");
  EXPECT_EQ(text(List{1, List{2.5, "x"}}), "[1, [2.5, 'x']]");
  EXPECT_EQ(text(Tuple{}), "()");
  EXPECT_EQ(text(Tuple{1}), "(1,)");
  EXPECT_EQ(text(Tuple{1, None{}}), "(1, None)");
  EXPECT_EQ(text(Set{}), "set()");
  EXPECT_EQ(text(Set{1, 2}), "{1, 2}");
  EXPECT_EQ(text(Set{1}.freeze()), "frozenset({1})");
  EXPECT_EQ(text(Set{}.freeze()), "frozenset()");
  EXPECT_EQ(text(Dict{}), "{}");
  EXPECT_EQ(text(Dict{{"a", 1}, {2, Tuple{3}}}), "{'a': 1, 2: (3,)}");
  EXPECT_EQ(text(Slice{std::nullopt, 10, List{2}}), "slice(None, 10, [2])");
  const float xs[] = {1, 2.5f, 3, 4};
  EXPECT_EQ(text(AnyArray::copy_of(float32, {2, 2}, xs, 64)), "array([[1.0, 2.5], [3.0, 4.0]], dtype=float32)");
  EXPECT_EQ(text(AnyArray::copy_of(float32, {0, 3}, xs, 64)), "array(shape=(0, 3), dtype=float32)");
  std::ostringstream out;
  out << Value(List{1}) << List{2} << Dict{{3, 4}};
  EXPECT_EQ(out.str(), "[1][2]{3: 4}");
}

TEST(Value, HasSizesAndItemsAsPythonDoes) {
  const Value list(List{10, 20, 30});
  EXPECT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0], 10);
  EXPECT_EQ(list[2u], 30);
  EXPECT_EQ(list[-1], 30);
  const Value dict(Dict{{"key", 1}, {2, "two"}, {Tuple{1, 2}, 3}});
  EXPECT_EQ(dict["key"], 1);
  EXPECT_EQ(dict[2], "two");
  EXPECT_EQ((dict[Tuple{1, 2}]), 3);
  EXPECT_EQ(Value("héé").size(), 3u);
  EXPECT_EQ(Value("héx")[1], "é");
  EXPECT_EQ(Value("héx")[-1], "x");
  EXPECT_EQ(Value(Bytes{std::byte{7}})[0], 7);
  EXPECT_EQ(Value(Set{5})[0], 5);
  const std::int32_t xs[] = {1, 2, 3, 4};
  const Value array(AnyArray::copy_of(int32, {2, 2}, xs, 64));
  EXPECT_EQ(array.size(), 2u);
  EXPECT_EQ(array[1][0], 3);
}

TEST(Value, SaysWhichItemIsMissing) {
  const auto failure = [](auto&& f) -> std::string {
    try {
      f();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid);
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(failure([] { return Value(List{1, 2})[5]; }), "[5]: expected an index of a list of 2, found 5");
  EXPECT_EQ(failure([] { return Value(List{1, 2})[-3]; }), "[-3]: expected an index of a list of 2, found -3");
  EXPECT_EQ(failure([] {
              return Value(Dict{{"a", 1}})["b"];
            }),
            "['b']: expected a key of the dict, found none that is equal");
  EXPECT_NE(failure([] { return Value(List{1})["b"]; }).find("as the index of a list"), std::string::npos);
  EXPECT_NE(failure([] { return Value(5)[0]; }).find("has no items"), std::string::npos);
  EXPECT_NE(failure([] { return Value(None{}).size(); }).find("has no size"), std::string::npos);
}

constexpr std::size_t deep = 1'000'000;

TEST(Value, HandlesAMillionNestedListsWithoutRecursion) {
  const Value a = list_nest(deep, 1);
  const Value b = list_nest(deep, 1);
  const Value c = list_nest(deep, 2);
  EXPECT_TRUE(a == b);
  EXPECT_FALSE(a == c);
  EXPECT_EQ(a.hash(), b.hash());
  const std::string printed = to_string(a);
  EXPECT_EQ(printed.size(), 2 * deep + 1);
  EXPECT_EQ(printed.substr(deep - 1, 3), "[1]");
}

TEST(Value, HandlesAMillionNestsOfEveryKind) {
  const auto nest = [] {
    Value value(1);
    for (std::size_t i = 0; i < deep; ++i) {
      switch (i % 5) {
        case 0:
          value = Value(Tuple{std::move(value)});
          break;
        case 1:
          value = Value(Set{std::move(value)});
          break;
        case 2:
          value = Value(Dict{{"k", value}});
          break;
        case 3:
          value = Value(Dict{{value, "v"}});
          break;
        default:
          value = Value(List{0, std::move(value), 2});
          break;
      }
    }
    return value;
  };
  const Value a = nest();
  const Value b = nest();
  EXPECT_TRUE(a == b);
  EXPECT_GT(to_string(a).size(), deep);
}

TEST(Value, DestroysAMillionNestedSlices) {
  Value value(1);
  for (std::size_t i = 0; i < deep; ++i) value = Value(Slice{std::move(value), 2});
  EXPECT_EQ(to_string(value).substr(0, 12), "slice(slice(");
}

TEST(Value, MayBeDroppedByAnyThread) {
  Value shared = list_nest(1000, "a text that needs the heap to be kept");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([mine = shared] {
      for (int j = 0; j < 200; ++j) {
        const Value copy = mine;
        EXPECT_EQ(copy.size(), 1u);
        EXPECT_EQ(copy.hash(), mine.hash());
      }
    });
  }
  shared = Value();
  for (auto& thread : threads) thread.join();
}

TEST(Value, GivesAwayWhatNobodyElseHas) {
  const auto where = [](const std::string& text) { return static_cast<const void*>(text.data()); };
  Value text(std::string(1000, 'x'));
  const void* const place = text.text().data();
  const Value other = text;
  EXPECT_NE(where(std::move(text).as<std::string>()), place);
  EXPECT_EQ(other.text().size(), 1000u);
  Value alone(std::string(1000, 'y'));
  const void* const home = alone.text().data();
  EXPECT_EQ(where(std::move(alone).as<std::string>()), home);

  Value bytes(Bytes(1000, std::byte{1}));
  const std::byte* const first = bytes.get_if<Bytes>()->data();
  EXPECT_EQ(std::move(bytes).as<Bytes>().data(), first);
  EXPECT_EQ(Value("short").as<std::string>(), "short");
  EXPECT_THROW(Value(1).as<std::string>(), ConversionError);
}

}  // namespace
}  // namespace py4cpp
