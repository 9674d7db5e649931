// Calls, methods, attributes, items, operators.
#include "pair_fixture.hpp"

#include <map>
#include <thread>

namespace py4cpp::test {

using Call = PairTest;

TEST_F(Call, FindsNames) {
  EXPECT_EQ(py.call<long>("int", "5"), 5);
  EXPECT_DOUBLE_EQ(py.call<double>("math.sqrt", 42), std::sqrt(42.0));
  EXPECT_EQ(py.call<std::string>("os.path.join", "a", "b"), "a/b");
  py.exec("def f(): return 'mine'");
  EXPECT_EQ(py.call<std::string>("f"), "mine");
  EXPECT_THROW(py.call("no_such_name"), errors::NameError);
  EXPECT_THROW(py.call("no_such_module.f"), errors::ImportError);
  EXPECT_THROW(py.call("math.no_such_function"), errors::AttributeError);
}

TEST_F(Call, TakesNamedAndPositionalInAnyOrder) {
  EXPECT_EQ(py.call<std::vector<int>>("sorted", std::vector{3, 1, 2}, "reverse"_a = true), (std::vector{3, 2, 1}));
  py.exec("def show(a, b, *, c=0, **rest): return f'{a} {b} {c} {sorted(rest.items())}'");
  EXPECT_EQ(py.call<std::string>("show", "c"_a = 3, 1, "z"_a = 26, 2), "1 2 3 [('z', 26)]");
  EXPECT_THROW(py.call("show", 1), errors::TypeError);
  EXPECT_THROW(py.call("show", 1, 2, "c"_a = 1, "c"_a = 2), Error);
}

TEST_F(Call, CallsAnythingCallable) {
  EXPECT_EQ(py.call<std::string>([](std::string x) { return x + " from C++"; }, "hello"), "hello from C++");
  const Object twice = py.eval<Object>("lambda x: 2 * x");
  EXPECT_EQ(py.call<int>(twice, 21), 42);
  EXPECT_EQ(twice(3).as<int>(), 6);
  EXPECT_EQ(twice.call<int>(4), 8);
}

TEST_F(Call, MethodsAndAttributesWorkOnPlainValues) {
  EXPECT_EQ(py.method<std::string>("abc", "upper"), "ABC");
  EXPECT_EQ(py.method<std::string>("hello {0}", "format", "world"), "hello world");
  EXPECT_EQ(py.attr<double>(std::complex<double>{1, 2}, "real"), 1.0);
  EXPECT_EQ(py.method<int>(std::tuple{1, 2, 3}, "__len__"), 3);
  EXPECT_THROW(py.method("abc", "no_such_method"), errors::AttributeError);
}

// A thread-local that is older than what the library keeps for its thread, and so dies after it.
struct Farewell {
  py4cpp::Python* py = nullptr;
  int answer = 0;

  ~Farewell() {
    if (py == nullptr) return;
    const Timeout limit(*py, std::chrono::minutes(1));
    py->call<void>([this](int x) { answer = x; }, 5);
    py->exec("said = x", "x"_a = answer);
  }
};

TEST_F(Call, WorksInTheLastDestructorOfAThread) {
  std::thread([this] {
    thread_local Farewell farewell;
    farewell.py = &py;
    const Timeout limit(py, std::chrono::minutes(1));
    EXPECT_EQ(py.eval<int>("1 + 1"), 2);
  }).join();
  EXPECT_EQ(py.eval<int>("said"), 5);
}

TEST_F(Call, VoidLeavesTheResultInPython) { py.call<void>("list", std::vector{1, 2}); }

TEST_F(Call, ImportsAndReloads) {
  const Object json = py.import("json");
  EXPECT_EQ(json.method<std::string>("dumps", std::vector{1, 2}), "[1, 2]");
  EXPECT_TRUE(py.reload(json).repr().find("json") != std::string::npos);
  EXPECT_EQ(py.import("os.path").attr<std::string>("sep"), "/");
  EXPECT_THROW(py.import("no_such_module"), errors::ModuleNotFoundError);
}

TEST_F(Call, Helps) {
  EXPECT_NE(py.help("math.sqrt").find("square root"), std::string::npos);
  EXPECT_NE(py.help(py.eval<Object>("len")).find("number of items"), std::string::npos);
}

using Objects = PairTest;

TEST_F(Objects, HaveItems) {
  const Object d = py.eval<Object>("{'a': 1}");
  EXPECT_EQ(d.item<int>("a"), 1);
  d.set_item("b", 4);
  EXPECT_EQ(d.len(), 2u);
  EXPECT_TRUE(d.contains("b"));
  d.del_item("b");
  EXPECT_FALSE(d.contains("b"));
  EXPECT_THROW(d.item("b"), errors::KeyError);
  EXPECT_EQ((d.as<std::map<std::string, int>>()), (std::map<std::string, int>{{"a", 1}}));
  EXPECT_EQ(d.type(), "dict");
  EXPECT_EQ(d.str(), "{'a': 1}");
  EXPECT_EQ(d.repr(), "{'a': 1}");
}

TEST_F(Objects, HaveSlicesAndTupleKeys) {
  const Object l = py.eval<Object>("list(range(10))");
  EXPECT_EQ(l.item<std::vector<int>>(Slice{1, 4}), (std::vector{1, 2, 3}));
  EXPECT_EQ(l.item<std::vector<int>>(Slice{std::nullopt, 10, 4}), (std::vector{0, 4, 8}));
  EXPECT_EQ(l.item<int>(-1), 9);
  l.set_item(Slice{0, 8}, std::vector<int>{});
  EXPECT_EQ(l.as<std::vector<int>>(), (std::vector{8, 9}));
  const Object d = py.eval<Object>("{(1, 'x'): 'both'}");
  EXPECT_EQ(d.item<std::string>(1, "x"), "both");
}

TEST_F(Objects, HaveAttributes) {
  py.exec("class Thing:\n    size = 1\n    def grow(self, by): self.size += by; return self.size");
  const Object thing = py.call<Object>("Thing");
  thing.set_attr("size", 5);
  EXPECT_EQ(thing.attr<int>("size"), 5);
  EXPECT_EQ(thing.method<int>("grow", 2), 7);
  EXPECT_EQ(thing.method<int>("grow", "by"_a = 1), 8);
  const auto slots = thing.slots();
  const auto methods = thing.methods();
  EXPECT_NE(std::find(slots.begin(), slots.end(), "size"), slots.end());
  EXPECT_NE(std::find(methods.begin(), methods.end(), "grow"), methods.end());
  EXPECT_EQ(std::find(slots.begin(), slots.end(), "grow"), slots.end());
}

TEST_F(Objects, AreIterable) {
  std::vector<int> seen;
  for (const Value& x : py.eval<Object>("range(5)")) seen.push_back(x.as<int>());
  EXPECT_EQ(seen, (std::vector{0, 1, 2, 3, 4}));
  py.exec("def broken():\n    yield 1\n    raise ValueError('half way')");
  const Object generator = py.call<Object>("broken");
  EXPECT_THROW(for ([[maybe_unused]] const Value& x : generator){}, errors::ValueError);
}

TEST_F(Objects, HaveOperators) {
  const Object a = py.eval<Object>("7");
  const Object b = py.eval<Object>("2");
  EXPECT_EQ((a + b).as<int>(), 9);
  EXPECT_EQ((a * 3).as<int>(), 21);
  EXPECT_EQ((1 - b).as<int>(), -1);
  EXPECT_EQ((a / b).as<double>(), 3.5);
  EXPECT_EQ((a % b).as<int>(), 1);
  EXPECT_EQ((-a).as<int>(), -7);
  EXPECT_TRUE(b < a);
  EXPECT_TRUE(a == 7);
  EXPECT_TRUE(a != b);
  EXPECT_THROW(a + "x", errors::TypeError);
  Object sum = a;
  sum += b;
  sum -= 1;
  sum *= sum;
  EXPECT_EQ(sum.as<int>(), 64);
  EXPECT_EQ(a.as<int>(), 7) << "numbers don't change in place";
  const Object list = py.eval<Object>("[1]");
  Object same = list;
  same += std::vector{2, 3};
  EXPECT_EQ(list.as<std::vector<int>>(), (std::vector{1, 2, 3})) << "lists do";
}

TEST_F(Objects, AreReleasedWithTheirLastCopy) {
  py.exec(
      "import weakref\nclass C: pass\nalive = []\n"
      "def make():\n    c = C()\n    alive.append(weakref.ref(c))\n    return c");
  {
    const Object first = py.call<Object>("make");
    const Object copy = first;
    EXPECT_EQ(py.eval<int>("sum(r() is not None for r in alive)"), 1);
  }
  EXPECT_EQ(py.eval<int>("sum(r() is not None for r in alive)"), 0);
}

TEST_F(Objects, ConvertWhatHasAValue) {
  EXPECT_EQ(py.eval<Object>("[1, 2]").as<std::vector<int>>(), (std::vector{1, 2}));
  EXPECT_DOUBLE_EQ(py.eval<double>("__import__('fractions').Fraction(1, 4)"), 0.25);
  EXPECT_DOUBLE_EQ(py.eval<double>("__import__('decimal').Decimal('0.5')"), 0.5);
  EXPECT_EQ(py.eval<std::vector<int>>("range(3)"), (std::vector{0, 1, 2}));
  EXPECT_TRUE(py.eval("range(3)").is<Object>());
  EXPECT_TRUE(py.eval("type('L', (list,), {})()").is<Object>());
}

TEST_F(Objects, AnEmptyOneSaysSo) {
  EXPECT_THROW(Object().len(), Error);
  EXPECT_THROW(py.call("len", Object()), Error);
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST_F(Objects, TheGuardKeepsResultsInPython) {
  {
    RemoteObjects keep(py);
    const Value big = py.eval("list(range(10))");
    EXPECT_TRUE(big.is<Object>());
    EXPECT_EQ(py.eval<int>("3"), 3);
    EXPECT_TRUE(py.eval("3").is<Object>());
  }
  EXPECT_TRUE(py.eval("3").is<std::int64_t>());
}

using Chains = PairTest;

TEST_F(Chains, RunInOneRoundTrip) {
  EXPECT_EQ(py.chain("numpy.random").call_method("default_rng", 42).call_method("random", 5).attr("size").get<int>(),
            5);
  EXPECT_EQ(py.chain(Value("hello {0}")).call_method("format", "world").call_method("capitalize").get<std::string>(),
            "Hello world");
  const Object l = py.eval<Object>("[0, 1, 2, 3]");
  py.chain(l).item(1).set(5);
  py.chain(l).item(-1).set(-1);
  EXPECT_EQ(l.as<std::vector<int>>(), (std::vector{0, 5, 2, -1}));
  const Object nested = py.eval<Object>("[{}, 5, 6]");
  py.chain(nested).item(0).item("a").set(3);
  EXPECT_EQ(nested.repr(), "[{'a': 3}, 5, 6]");
  EXPECT_EQ(py.chain(l).item(0).get_async<int>().get(), 0);
  const auto stats = py.stats().calls;
  py.chain(l).attr("__class__").attr("__name__").get<std::string>();
  EXPECT_EQ(py.stats().calls, stats + 2);  // this one and stats() itself
}

TEST_F(Chains, MovedFromSayThatTheyAre) {
  Chain first = py.chain(Value(List{1, 2})).item(0);
  const Chain second = std::move(first);
  EXPECT_EQ(second.get<int>(), 1);
  // NOLINTBEGIN(bugprone-use-after-move)
  EXPECT_EQ(thrown_by<Error>([&] { first.get(); }).kind(), ErrorKind::invalid);
  EXPECT_THROW(first.item(0).get_async(), Error);
  EXPECT_THROW(first.set(3), Error);
  // NOLINTEND(bugprone-use-after-move)
}

TEST_F(Chains, AreValues) {
  const auto base = py.chain(Value(std::vector{3, 1, 2}));
  const auto length = base.call_method("__len__");
  EXPECT_EQ(base.item(0).get<int>(), 3);
  EXPECT_EQ(length.get<int>(), 3);
  EXPECT_EQ(length.get<int>(), 3);
  EXPECT_THROW(length.set(1), Error);
}

}  // namespace py4cpp::test
