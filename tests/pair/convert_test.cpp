// What typed results take besides the plain values of their kind.
#include "pair_fixture.hpp"

#include <complex>
#include <list>
#include <set>
#include <unordered_map>
#include <variant>

namespace py4cpp::test {

struct Sample {
  std::string name;
  std::vector<double> xs;
  friend bool operator==(const Sample&, const Sample&) = default;
};

}  // namespace py4cpp::test

PY4CPP_STRUCT(py4cpp::test::Sample, name, xs)

namespace py4cpp::test {

class Conversions : public PairTest {
 protected:
  using Ints = std::vector<int>;
  using Doubles = std::vector<double>;

  template <class R>
  std::string path_of_mismatch(const std::string& expression) {
    return thrown_by<ConversionError>([&] { py.eval<R>(expression); }).path();
  }
};

TEST_F(Conversions, TakeAnyIterable) {
  py.exec(
      "import collections\n"
      "class Iterable:\n    def __iter__(self): return iter([1, 2])\n"
      "class Sequence:\n    def __getitem__(self, i):\n        if i > 2: raise IndexError\n        return i\n"
      "class Raises:\n    def __iter__(self): raise ValueError('no')");
  EXPECT_EQ(py.eval<Ints>("(2 * i for i in range(3))"), (Ints{0, 2, 4}));
  EXPECT_EQ(py.eval<Ints>("range(3)"), (Ints{0, 1, 2}));
  EXPECT_EQ(py.eval<Ints>("{5}"), Ints{5});
  EXPECT_EQ(py.eval<Ints>("{3: 'a', 4: 'b'}"), (Ints{3, 4}));
  EXPECT_EQ(py.eval<Ints>("{3: 'a', 4: 'b'}.keys()"), (Ints{3, 4}));
  EXPECT_EQ(py.eval<Ints>("collections.deque([1, 2])"), (Ints{1, 2}));
  EXPECT_EQ(py.eval<Ints>("map(int, '12')"), (Ints{1, 2}));
  EXPECT_EQ(py.eval<Ints>("b'ab'"), (Ints{97, 98}));
  EXPECT_EQ(py.eval<Ints>("Iterable()"), (Ints{1, 2}));
  EXPECT_EQ(py.eval<Ints>("Sequence()"), (Ints{0, 1, 2}));
  EXPECT_EQ(py.eval<std::vector<std::string>>("'ab'"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ((py.eval<std::tuple<int, int>>("range(2)")), (std::tuple{0, 1}));
  EXPECT_EQ(py.eval<List>("range(2)"), (List{0, 1}));
  EXPECT_EQ(py.eval<Tuple>("[1]"), Tuple{1});
  EXPECT_EQ(py.eval<Set>("[1, 1]"), Set{1});
  EXPECT_THROW(py.eval<Ints>("Raises()"), errors::ValueError);
  EXPECT_THROW(py.eval<Ints>("5"), ConversionError);
  EXPECT_THROW(py.eval<List>("None"), ConversionError);
  EXPECT_EQ(path_of_mismatch<Ints>("iter([1, 'x'])"), "[1]");
}

TEST_F(Conversions, TakeArraysAsVectors) {
  py.exec("import numpy as np");
  EXPECT_EQ(py.eval<Doubles>("np.arange(3.)"), (Doubles{0, 1, 2}));
  EXPECT_EQ(py.eval<Doubles>("np.arange(100000.)[::-1]").front(), 99999.0);
  EXPECT_EQ(py.eval<Doubles>("np.arange(3, dtype='f2')"), (Doubles{0, 1, 2}));
  EXPECT_EQ(py.eval<Ints>("np.arange(6).reshape(2, 3)[:, 1]"), (Ints{1, 4}));
  EXPECT_EQ(py.eval<std::vector<Ints>>("np.arange(6).reshape(2, 3).T"), (std::vector<Ints>{{0, 3}, {1, 4}, {2, 5}}));
  EXPECT_EQ(py.eval<std::vector<bool>>("np.array([True, False])"), (std::vector<bool>{true, false}));
  EXPECT_EQ(py.eval<Ints>("np.array([1, 2], dtype='>i4')"), (Ints{1, 2}));
  EXPECT_EQ(py.eval<Doubles>("np.array([1, 2], dtype='longdouble')"), (Doubles{1, 2}));
  EXPECT_EQ(py.eval<std::vector<std::string>>("np.array(['a', 'bc'])"), (std::vector<std::string>{"a", "bc"}));
  EXPECT_EQ(path_of_mismatch<std::vector<std::uint8_t>>("np.array([1, 300])"), "[1]");
  EXPECT_EQ((py.eval<xt::xtensor<int, 2>>("[[1, 2], (3, 4)]")), (xt::xtensor<int, 2>{{1, 2}, {3, 4}}));
  EXPECT_EQ(py.eval<xt::xarray<int>>("np.arange(3)"), (xt::xarray<int>{0, 1, 2}));
  EXPECT_EQ(path_of_mismatch<xt::xarray<std::int8_t>>("np.array([[1, 2], [3, 400]])"), "[1][1]");
}

TEST_F(Conversions, TakeWhatCountsAsTheirKind) {
  py.exec(
      "import enum, decimal, fractions, pathlib\n"
      "class Colour(enum.IntEnum): red = 3\n"
      "class Index:\n    def __index__(self): return 7\n"
      "class Float:\n    def __float__(self): return 2.5\n"
      "class S(str): pass\nclass D(dict): pass\nclass C(complex): pass\nclass B(bytes): pass");
  EXPECT_EQ(py.eval<Ints>("[Colour.red, Index(), True]"), (Ints{3, 7, 1}));
  EXPECT_EQ(py.eval<Doubles>("[Float(), Index(), decimal.Decimal('0.25'), fractions.Fraction(1, 4), 1]"),
            (Doubles{2.5, 7, 0.25, 0.25, 1}));
  EXPECT_EQ(py.eval<std::string>("S('text')"), "text");
  EXPECT_EQ(py.eval<std::complex<double>>("C(1, 2)"), std::complex<double>(1, 2));
  EXPECT_EQ((py.eval<std::map<std::string, int>>("D(a=1)")), (std::map<std::string, int>{{"a", 1}}));
  EXPECT_EQ(py.eval<Bytes>("bytearray(b'x')"), Bytes{std::byte{'x'}});
  EXPECT_EQ(py.eval<std::filesystem::path>("pathlib.Path('/a') / 'b'"), "/a/b");
  EXPECT_THROW(py.eval<int>("fractions.Fraction(4, 1)"), ConversionError);
  EXPECT_THROW(py.eval<bool>("Index()"), ConversionError);
  EXPECT_THROW(py.eval<double>("'1.5'"), ConversionError);
}

TEST_F(Conversions, GiveHandlesInsideContainers) {
  EXPECT_EQ(py.eval<std::vector<Object>>("[[1], [1, 2]]")[1].len(), 2u);
  EXPECT_EQ((py.eval<std::map<std::string, Object>>("{'a': [1, 2, 3]}").at("a").len()), 3u);
  EXPECT_EQ((py.eval<std::unordered_map<int, std::vector<Object>>>("{5: [[1]]}").at(5)[0].len()), 1u);
  const auto [list, number] = py.eval<std::pair<Object, int>>("([1], 2)");
  EXPECT_EQ(list.len(), 1u);
  EXPECT_EQ(number, 2);
  EXPECT_EQ(std::get<Object>(py.eval<std::variant<int, Object>>("[1, 2]")).len(), 2u);
  EXPECT_EQ((std::get<int>(py.eval<std::variant<int, Object>>("7"))), 7);
  EXPECT_THROW((py.eval<std::map<std::string, Object>>("5")), ConversionError);
  EXPECT_THROW(py.eval<std::vector<Object>>("5"), ConversionError);
}

TEST_F(Conversions, TakeStructsFromDictsAndObjects) {
  const Sample sample{"s", {1, 2}};
  EXPECT_EQ(py.eval<Sample>("s", "s"_a = sample), sample);
  EXPECT_EQ(py.call<std::string>("repr", sample), "{'name': 's', 'xs': [1.0, 2.0]}");
  py.exec(
      "import collections, dataclasses\n"
      "@dataclasses.dataclass\nclass Sample:\n    name: str\n    xs: list\n    more: int = 0\n"
      "Named = collections.namedtuple('Named', 'name xs')\n"
      "class Half: name = 'half'\n"
      "class Failing:\n    name = 'f'\n    @property\n    def xs(self): raise ValueError('property')");
  EXPECT_EQ(py.eval<Sample>("Sample('s', [1, 2])"), sample);
  EXPECT_EQ(py.eval<Sample>("Named('s', (1, 2))"), sample);
  EXPECT_EQ(py.eval<Sample>("collections.OrderedDict(xs=range(1, 3), name='s')"), sample);
  const auto calls = py.stats().calls;
  EXPECT_EQ(py.eval<Sample>("Sample('s', [1, 2])"), sample);
  EXPECT_EQ(py.stats().calls, calls + 3) << "eval, one for its members, and stats() itself";
  EXPECT_EQ(path_of_mismatch<std::vector<Sample>>("[Sample('a', []), Half()]"), "[1].xs");
  EXPECT_THROW(py.eval<Object>("5").as<Sample>(), ConversionError);
  EXPECT_EQ(path_of_mismatch<std::vector<Sample>>("[Sample('a', [1, 'x'])]"), "[0].xs[1]");
  EXPECT_EQ(path_of_mismatch<Sample>("{'name': 'a'}"), "['xs']");
  EXPECT_EQ(path_of_mismatch<Sample>("{'name': 'a', 'xs': [], 'z': 1}"), "['z']");
  EXPECT_THROW(py.eval<Sample>("Failing()"), errors::ValueError);
  EXPECT_EQ(py.call<std::size_t>([](const Sample& s) { return s.xs.size(); }, sample), 2u);
}

TEST_F(Conversions, OfAMillionLevelsNeedNoStack) {
  constexpr int depth = 1'000'000;
  py.exec(
      "import gc\n"
      "def make(n, around):\n    x = 1\n    for _ in range(n): x = around(x)\n    return x\n"
      "def depth(x):\n    n = 0\n"
      "    while not isinstance(x, int):\n        x = x[0]\n        n += 1\n    return n");
  const Value list = py.call("make", depth, py.eval<Object>("lambda x: [x]"));
  EXPECT_EQ(py.call<int>("depth", list), depth);
  Value again(1);
  for (int i = 0; i < depth; ++i) again = Value(List{std::move(again)});
  EXPECT_TRUE(list == again);
  EXPECT_EQ(list.hash(), again.hash());
  EXPECT_EQ(to_string(list).size(), 2u * depth + 1);
  EXPECT_EQ(list.as<std::vector<Value>>().size(), 1u);
  EXPECT_THROW(list.as<std::vector<Ints>>(), ConversionError);
  for (const char* around : {"lambda x: (x, {})", "lambda x: {0: x}"}) {
    const Value mixed = py.call("make", depth / 10, py.eval<Object>(around));
    EXPECT_EQ(py.call<int>("depth", mixed), depth / 10);
  }
  py.exec("gc.collect()");
}

}  // namespace py4cpp::test
