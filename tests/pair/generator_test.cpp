// C++ that Python iterates over, and Python's iterables in C++.
#include "pair_fixture.hpp"

#include <iterator>
#include <list>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace py4cpp::test {

using Generators = PairTest;

TEST_F(Generators, EndBeforeTheStopValue) {
  EXPECT_EQ(py.eval<std::vector<int>>("[2 * x for x in xs]", "xs"_a = generator([n = 0]() mutable { return n++; }, 3)),
            (std::vector{0, 2, 4}));
  std::vector<std::string> words{"end", "b", "a"};
  const auto next_word = [&] {
    std::string word = words.back();
    words.pop_back();
    return word;
  };
  EXPECT_EQ(py.call<std::vector<std::string>>("list", generator(next_word, "end")),
            (std::vector<std::string>{"a", "b"}));
  // Signed and unsigned, whole and broken, and what only Python can tell apart.
  EXPECT_EQ(py.call<int>("sum", generator([n = 0u]() mutable { return n++; }, 4)), 6);
  EXPECT_EQ(py.call<double>("sum", generator([n = 0.]() mutable { return n += 1; }, 4)), 6.);
  EXPECT_EQ(py.call("list", generator([n = 0]() mutable { return Value(n++); }, 5)).size(), 5u);
}

TEST_F(Generators, EndAtNullopt) {
  int left = 3;
  const auto g = generator([&]() -> std::optional<std::string> {
    if (left == 0) return {};
    return std::string(static_cast<std::size_t>(left--), 'x');
  });
  EXPECT_EQ(py.method<std::string>("-", "join", g), "xxx-xx-x");
  EXPECT_EQ(py.call<List>("list", g).size(), 0u) << "it has ended, as Python's do";
}

TEST_F(Generators, GoThroughRanges) {
  EXPECT_EQ(py.call<long>("sum", generator(std::vector<int>(1000, 3))), 3000);
  const std::list<std::string> texts{"a", "b"};
  EXPECT_EQ(py.call<Value>("list", generator(texts)), Value(List("a", "b")));
  EXPECT_EQ(py.call<Value>("list", generator(std::vector<bool>{true, false})), Value(List(true, false)));
  EXPECT_EQ(py.call<Value>("dict", generator(std::map<std::string, int>{{"k", 1}})).size(), 1u);
  std::istringstream numbers("1 2 3");
  EXPECT_EQ(py.call<int>("sum", generator(std::ranges::subrange(std::istream_iterator<int>(numbers),
                                                                std::istream_iterator<int>()))),
            6);
#if !defined(__clang__)
  EXPECT_EQ(py.call<long>("sum", generator(std::views::iota(0, 10'000))), 49'995'000);
  int made = 0;
  const auto squares = std::views::iota(1) | std::views::transform([&](int x) { return ++made, x * x; });
  EXPECT_EQ(py.eval<std::vector<int>>("[next(xs) for _ in range(3)]", "xs"_a = generator(squares)),
            (std::vector{1, 4, 9}));
#endif
}

TEST_F(Generators, MovedFromSayThatTheyAre) {
  auto first = py4cpp::generator(std::vector{1, 2});
  const auto second = std::move(first);
  EXPECT_EQ(py.call<int>("sum", second), 3);
  EXPECT_THROW(py.call("sum", first), py4cpp::Error);  // NOLINT(bugprone-use-after-move)
}

TEST_F(Generators, CopyAnLvalue) {
  std::vector<int> xs{1, 2, 3};
  const auto g = generator(xs);
  xs = {9};
  EXPECT_EQ(py.call<int>("sum", g), 6);
}

TEST_F(Generators, MakeNothingBeforeItIsAskedFor) {
  int made = 0;
  py.exec("it = g", "g"_a = generator([&] { return ++made; }, 100));
  EXPECT_EQ(made, 0);
  EXPECT_EQ(py.eval<int>("next(it) + next(it)"), 3);
  EXPECT_EQ(made, 2);
  EXPECT_EQ(py.eval<int>("sum(it)"), 99 * 100 / 2 - 3);
  EXPECT_EQ(made, 100);
  EXPECT_EQ(py.eval<int>("sum(it)"), 0);
  EXPECT_EQ(made, 100) << "not called again after the end";
}

// Goes through ints, can be copied, and counts how many were read; throws at `bad`.
struct Watched {
  using value_type = int;
  using difference_type = std::ptrdiff_t;
  const int* at = nullptr;
  int* reads = nullptr;
  int bad = -1;

  int operator*() const {
    if (*at == bad) throw std::domain_error("mine");
    ++*reads;
    return *at;
  }
  Watched& operator++() {
    ++at;
    return *this;
  }
  Watched operator++(int) {
    Watched before = *this;
    ++at;
    return before;
  }
  bool operator==(const Watched& other) const { return at == other.at; }
};

TEST_F(Generators, BringMoreAndMoreOfARangeAtOnce) {
  const std::vector<int> xs(1000, 1);
  int reads = 0;
  py.exec("it = g", "g"_a = generator(std::ranges::subrange(Watched{xs.data(), &reads}, Watched{xs.data() + 1000})));
  EXPECT_EQ(py.eval<int>("sum(next(it) for _ in range(4))"), 4);
  EXPECT_EQ(reads, 7);
  EXPECT_EQ(py.eval<int>("sum(it)"), 996);
  EXPECT_EQ(reads, 1000);
}

TEST_F(Generators, RaiseWhatARangeThrowsAfterWhatCameBefore) {
  const std::vector<int> xs{1, 2, 3, 4, 5, 6};
  int reads = 0;
  const auto failing = std::ranges::subrange(Watched{xs.data(), &reads, 6}, Watched{xs.data() + 6});
  py.exec("seen = []");
  EXPECT_THROW(py.exec("for x in xs: seen.append(x)", "xs"_a = generator(failing)), std::domain_error);
  EXPECT_EQ(py.eval<std::string>("repr(seen)"), "[1, 2, 3, 4, 5]");
}

TEST_F(Generators, StandAnywhereInContainers) {
  const auto g = [] { return generator(std::vector{1, 2}); };
  const Value nested = Value(List(Tuple(g()), Dict{{"k", g()}}));
  EXPECT_EQ(py.eval<int>("sum(v[0][0]) + sum(v[1]['k'])", "v"_a = nested), 6);
  EXPECT_EQ(py.eval<int>("sum(next(gs))", "gs"_a = generator(std::vector<Value>{g(), g()})), 3);
  EXPECT_TRUE(py.eval<bool>("a is b and iter(a) is a", "a"_a = nested[0][0], "b"_a = nested[0][0]));
  EXPECT_THROW(nested[0][0].as<std::function<int()>>(), ConversionError) << "no function";
  EXPECT_THROW(py.eval("g()", "g"_a = g()), errors::TypeError);
}

TEST_F(Generators, ErrorsAreRaisedAtTheLoop) {
  struct Mine : std::runtime_error {
    Mine() : runtime_error("mine") {}
  };
  const auto failing = [n = 0]() mutable {
    if (n == 2) throw Mine();
    return n++;
  };
  py.exec("import py4cpp\nseen = []");
  EXPECT_THROW(py.exec("for x in xs: seen.append(x)", "xs"_a = generator(failing, -1)), Mine);
  py.exec("try:\n    for x in xs: seen.append(x)\nexcept py4cpp.HostError as e:\n    seen.append(str(e))",
          "xs"_a = generator(failing, -1));
  EXPECT_EQ(py.eval<std::string>("repr(seen)"), "[0, 1, 0, 1, 'mine']");
  // A Python error inside the generator is the original one.
  EXPECT_THROW(py.call("list", generator([&]() -> std::optional<int> { return py.eval<int>("{}['k']"); })),
               errors::KeyError);
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST_F(Generators, MayAskPythonMeanwhile) {
  const auto g = generator([&, n = 0]() mutable { return py.eval<int>("n * n", "n"_a = n++); }, 25);
  EXPECT_EQ(py.call<Value>("list", g), Value(List(0, 1, 4, 9, 16)));
}

TEST_F(Generators, AreFreedWhenPythonDropsThem) {
  const auto token = std::make_shared<int>(1);
  py.exec("kept = g", "g"_a = generator([token] { return *token; }, 0));
  EXPECT_EQ(py.eval<int>("next(kept)"), 1);
  EXPECT_GT(token.use_count(), 1);
  py.exec("del kept");
  for (int i = 0; i < 1000 && token.use_count() > 1; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    py.eval("1");
  }
  EXPECT_EQ(token.use_count(), 1);
}

using Iteration = PairTest;

TEST_F(Iteration, SeesEveryElementInOrder) {
  for (const char* iterable : {"range(1000)", "list(range(1000))", "tuple(range(1000))", "(x for x in range(1000))"}) {
    long expected = 0;
    for (const Value& x : py.eval<Object>(iterable)) EXPECT_EQ(x.as<long>(), expected++);
    EXPECT_EQ(expected, 1000) << iterable;
  }
  std::string text;
  for (const Value& letter : py.eval<Object>("'äöü'")) text += letter.as<std::string>();
  EXPECT_EQ(text, "äöü");
  for ([[maybe_unused]] const Value& x : py.eval<Object>("[]")) FAIL();
  EXPECT_THROW(py.eval<Object>("5").begin(), errors::TypeError);
}

TEST_F(Iteration, ReadsAheadOnlyWhereNobodyCanTell) {
  const auto calls = py.stats().calls;
  for ([[maybe_unused]] const Value& x : py.eval<Object>("range(10_000)")) continue;
  EXPECT_LT(py.stats().calls - calls, 200u);
  py.exec("made = []\ndef make():\n    for i in range(10):\n        made.append(i)\n        yield i");
  const Object lazy = py.eval<Object>("make()");
  std::size_t seen = 0;
  for ([[maybe_unused]] const Value& x : lazy) EXPECT_EQ(py.eval<std::size_t>("len(made)"), ++seen);
  py.exec("xs = [1]");
  for (const Value& x : py.eval<Object>("xs")) {
    if (x.as<int>() < 5) py.call("xs.append", x.as<int>() + 1);  // as in Python, the loop sees it
  }
  EXPECT_EQ(py.eval<int>("len(xs)"), 5);
}

TEST_F(Iteration, GivesHandlesWhereTheyAreWanted) {
  const Object range = py.eval<Object>("range(3)");
  const RemoteObjects keep(py);
  int count = 0;
  for (const Value& x : range) {
    EXPECT_TRUE(x.is<Object>());
    EXPECT_EQ(x.as<int>(), count++);
  }
  EXPECT_EQ(count, 3);
}

}  // namespace py4cpp::test
