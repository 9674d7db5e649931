// What survives the way to Python and back.
#include "pair_fixture.hpp"

#include <bit>
#include <limits>
#include <list>
#include <optional>
#include <set>
#include <unordered_map>
#include <variant>

using namespace std::string_literals;

namespace py4cpp::test {

struct Point {
  double x, y;
  friend bool operator==(const Point&, const Point&) = default;
};

}  // namespace py4cpp::test

template <>
struct py4cpp::Convert<py4cpp::test::Point> {
  static Value to(const test::Point& p) { return Value(Tuple{p.x, p.y}); }
  static test::Point from(const Value& v) { return {v[0].as<double>(), v[1].as<double>()}; }
};

namespace py4cpp::test {

class Values : public PairTest {
 protected:
  template <class T>
  T there_and_back(const T& value) {
    return py.eval<T>("v", "v"_a = value);
  }
  std::string seen(const Value& value) { return py.call<std::string>("repr", value); }
};

TEST_F(Values, IntegersOfAnySize) {
  for (const std::int64_t i : {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::max(),
                               std::numeric_limits<std::int64_t>::min()}) {
    EXPECT_EQ(there_and_back(i), i);
  }
  EXPECT_EQ(there_and_back(std::numeric_limits<std::uint64_t>::max()), std::numeric_limits<std::uint64_t>::max());
  const BigInt big = (BigInt(1) << 200) - 1;
  EXPECT_EQ(there_and_back(big), big);
  EXPECT_EQ(there_and_back(BigInt(-big)), -big);
  EXPECT_EQ(py.eval<BigInt>("-2**63 - 1"), -(BigInt(1) << 63) - 1);
  EXPECT_TRUE(py.eval("2**63").is<BigInt>());
  EXPECT_TRUE(py.eval("2**63 - 1").is<std::int64_t>());
  EXPECT_TRUE(py.eval("-2**63").is<std::int64_t>());
  EXPECT_EQ(seen(big), "1606938044258990275541962092341162602522202993782792835301375");
}

TEST_F(Values, NarrowingIsAnError) {
  EXPECT_THROW(py.eval<std::int8_t>("128"), ConversionError);
  EXPECT_EQ(py.eval<std::int8_t>("-128"), -128);
  EXPECT_THROW(py.eval<unsigned>("-1"), ConversionError);
  EXPECT_THROW(py.eval<int>("1.5"), ConversionError);
  EXPECT_THROW(py.eval<int>("'5'"), ConversionError);
  EXPECT_THROW(py.eval<bool>("1"), ConversionError);
  EXPECT_EQ(py.eval<int>("True"), 1);
  const auto error =
      thrown_by<ConversionError>([&] { py.eval<std::vector<std::map<std::string, int>>>("[{}, {'k': 'x'}]"); });
  EXPECT_EQ(error.path(), "[1]['k']");
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST_F(Values, FloatsBitForBit) {
  for (const double x : {0.0, -0.0, 0.1, 1e300, std::numeric_limits<double>::infinity(),
                         -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::denorm_min()}) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(there_and_back(x)), std::bit_cast<std::uint64_t>(x));
  }
  const double payload = std::bit_cast<double>(0x7ff8'dead'beef'0001);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(there_and_back(payload)), 0x7ff8'dead'beef'0001u);
  EXPECT_EQ(there_and_back(1.5f), 1.5f);
}

TEST_F(Values, Text) {
  using namespace std::string_literals;
  for (const std::string& s : {""s, "a"s, "\0"s, "grüezi 東京 🎉"s, std::string(100'000, 'x'), "\xed\xb2\x80"s}) {
    EXPECT_EQ(there_and_back(s), s);
  }
  EXPECT_EQ(there_and_back('c'), 'c');
  EXPECT_EQ(seen("a\nb"), "'a\\nb'");
  const Bytes bytes{std::byte{0}, std::byte{255}, std::byte{10}};
  EXPECT_EQ(there_and_back(bytes), bytes);
  EXPECT_EQ(there_and_back(Bytes(50'000, std::byte{7})), Bytes(50'000, std::byte{7}));
  EXPECT_THROW(py.call("len", "\xff\xfe"), errors::UnicodeDecodeError);  // no UTF-8
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST_F(Values, Containers) {
  EXPECT_EQ(there_and_back(std::vector<std::string>{"a", "b"}), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(there_and_back(std::list<int>{1, 2}), (std::list<int>{1, 2}));
  EXPECT_EQ((there_and_back(std::array<int, 3>{1, 2, 3})), (std::array<int, 3>{1, 2, 3}));
  EXPECT_THROW((py.eval<std::array<int, 3>>("[1, 2]")), ConversionError);
  EXPECT_EQ(there_and_back(std::set<int>{3, 1}), (std::set<int>{1, 3}));
  EXPECT_EQ((there_and_back(std::map<int, double>{{1, 2.5}})), (std::map<int, double>{{1, 2.5}}));
  EXPECT_EQ((there_and_back(std::unordered_map<std::string, bool>{{"x", true}})),
            (std::unordered_map<std::string, bool>{{"x", true}}));
  EXPECT_EQ((there_and_back(std::tuple{1, "two"s, 3.0})), (std::tuple{1, "two"s, 3.0}));
  EXPECT_EQ((there_and_back(std::pair{1, 'c'})), (std::pair{1, 'c'}));
  EXPECT_EQ(there_and_back(std::optional<int>{}), std::nullopt);
  EXPECT_EQ(there_and_back(std::optional<int>{4}), 4);
  EXPECT_EQ((there_and_back(std::variant<int, std::string>{"s"})), (std::variant<int, std::string>{"s"}));
  EXPECT_EQ((py.eval<std::variant<double, int>>("3")), (std::variant<double, int>{3}));
  EXPECT_EQ(seen(std::vector<int>{}), "[]");
  EXPECT_EQ(seen(std::tuple<int>{1}), "(1,)");
}

TEST_F(Values, DictsKeepTheirOrderAndAnyHashableKey) {
  const Value d = py.eval("{(1, 'x'): 1, None: 2, 'z': 3, 1.5: 4, True: 5}");
  EXPECT_EQ(seen(d), "{(1, 'x'): 1, None: 2, 'z': 3, 1.5: 4, True: 5}");
  EXPECT_EQ((d[Tuple{1, "x"}].as<int>()), 1);
  EXPECT_THROW(py.call("len", Value(Dict{{Value(List{1}), Value(1)}})), errors::TypeError);  // unhashable
}

TEST_F(Values, SetsAndFrozensets) {
  EXPECT_EQ(py.eval("{1, 2, 3}"), Value(Set{3, 2, 1}));
  EXPECT_EQ(py.method<std::string>(py.eval("frozenset({1})"), "__repr__"), "frozenset({1})");
  EXPECT_EQ(py.eval("{frozenset({1}), frozenset({2})}").size(), 2u);
}

TEST_F(Values, UsersTypes) {
  EXPECT_EQ(there_and_back(Point{1, 2}), (Point{1, 2}));
  EXPECT_EQ(py.eval<std::vector<Point>>("[(1, 2), (3, 4)]"), (std::vector<Point>{{1, 2}, {3, 4}}));
  EXPECT_EQ(py.eval<std::optional<Point>>("None"), std::nullopt);
  EXPECT_EQ(py.call<double>([](Point p) { return p.x + p.y; }, Point{3, 4}), 7.0);
}

TEST_F(Values, TimePathsAndEnums) {
  using namespace std::chrono_literals;
  enum class Colour { red = 1, green = 2 };
  EXPECT_EQ(there_and_back(1500ms), 1500ms);
  EXPECT_EQ(seen(36h), "datetime.timedelta(days=1, seconds=43200)");
  EXPECT_EQ(py.eval<std::chrono::milliseconds>("2.5"), 2500ms);
  EXPECT_EQ(there_and_back(std::filesystem::path("/a/b")), "/a/b");
  EXPECT_EQ(there_and_back(Colour::green), Colour::green);
}

TEST_F(Values, DeepNestsNeedNoStack) {
  constexpr int depth = 100'000;
  Value nest(1);
  for (int i = 0; i < depth; ++i) nest = Value(List{std::move(nest)});
  py.exec("def depth(x):\n    n = 0\n    while isinstance(x, list): x = x[0]; n += 1\n    return n");
  EXPECT_EQ(py.call<int>("depth", nest), depth);
  py.exec("def make(n):\n    x = 1\n    for _ in range(n): x = [x]\n    return x");
  EXPECT_EQ(py.call("make", depth), nest);
  py.exec("import gc; gc.collect()");
}

TEST_F(Values, CyclesAreHandlesOrClearErrors) {
  py.exec("cycle = [1]\ncycle.append(cycle)");
  const Value v = py.eval("cycle");
  EXPECT_EQ(v[0].as<int>(), 1);
  EXPECT_TRUE(v[1].is<Object>());
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST_F(Values, SubclassesStayHandles) {
  py.exec("import collections\nP = collections.namedtuple('P', 'x y')");
  EXPECT_TRUE(py.eval("P(1, 2)").is<Object>());
  EXPECT_TRUE(py.eval("collections.OrderedDict()").is<Object>());
  EXPECT_EQ((py.eval<std::tuple<int, int>>("P(1, 2)")), (std::tuple{1, 2}));
  py.exec("class I(int): pass");
  EXPECT_EQ(py.eval<int>("I(3)"), 3);
}

TEST_F(Values, NumpyScalarsAreScalars) {
  EXPECT_EQ(py.eval("__import__('numpy').float64(42)"), Value(42.0));
  EXPECT_EQ(py.eval("__import__('numpy').int8(-3)"), Value(-3));
  EXPECT_EQ(py.eval("__import__('numpy').bool_(True)"), Value(true));
  EXPECT_EQ(py.eval("__import__('numpy').uint64(2**64 - 1)").kind(), Kind::big_integer);
}

}  // namespace py4cpp::test
