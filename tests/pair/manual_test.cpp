// What the manual of py4cl shows and its family's suites assert, where no other file does (docs/py4cl.md).
#include "pair_fixture.hpp"

#include <atomic>
#include <sstream>
#include <thread>

namespace py4cpp::test {

using namespace std::chrono_literals;
using Manual = PairTest;

TEST_F(Manual, FunctionsSeeImports) {
  py.exec("import time");
  EXPECT_GT(py.eval<double>("time.time()"), 1.5e9);
  py.exec("\ndef foo():\n  return time.time()");
  EXPECT_GT(py.eval<double>("foo()"), 1.5e9);
  py.exec("def bar():\n    return baz()\ndef baz():\n    return 10");
  EXPECT_EQ(py.eval<int>("bar()"), 10);
}

TEST_F(Manual, StatementsAndExpressions) {
  std::string out;
  auto c = config();
  c.on_stdout = [&](std::string_view text) { out += text; };
  Python heard{c};
  heard.exec("if True:\n  print(5)\nelse:\n  print(10)");
  EXPECT_EQ(std::exchange(out, {}), "5\n");
  EXPECT_TRUE(heard.eval("print('hello world')").is<None>());
  EXPECT_EQ(std::exchange(out, {}), "hello world\n");
  heard.call("sys.stdout.write", "testing\n");
  EXPECT_EQ(out, "testing\n") << "nothing is left over";
  EXPECT_THROW(heard.eval("1 + "), errors::SyntaxError);
}

TEST_F(Manual, AStringIsAStringEvenIfItLooksLikeANumberOrCode) {
  for (const char* text : {"5", "1.5", "1e3", " 5 ", "x", "None", "()", "'quoted'", "a\nb", "a\r\nb", "\\n", ""}) {
    py.set("a", text);
    EXPECT_EQ(py.eval<std::string>("a"), text);
  }
  EXPECT_EQ(py.eval<std::string>("a + b", "a"_a = "5", "b"_a = "6"), "56");
  EXPECT_EQ(py.call<std::string>("repr", "it's \"quoted\""), "'it\\'s \"quoted\"'");
}

TEST_F(Manual, CallsTakeEveryKindOfFunction) {
  EXPECT_EQ(py.call<int>([](int a, int b, int c) { return a + b + c; }, 2, 3, 1), 6);
  EXPECT_EQ(py.call<int>(py.eval<Object>("lambda x, y: x * y - y"), 3, 5), 10);
  EXPECT_EQ(py.call<int>("abs", -42), 42);
  EXPECT_EQ(py.call<std::vector<std::string>>("list", "hello").size(), 5u);
  EXPECT_THROW(py.call("len", 5), errors::TypeError);
  py.exec("def runme(f): return f()");
  EXPECT_EQ(py.call<int>("runme", [] { return 42; }), 42);
  EXPECT_EQ(py.eval<std::string>("f()",
                                 "f"_a = std::function<std::string()>([&] { return py.eval<std::string>("str(42)"); })),
            "42");
}

TEST_F(Manual, NamesAreTakenAsTheyAre) {
  py.exec("def foo(A, b): return (A, b)\ndef bar(a=1, b=2, **kw): return kw\nclass CamelCase:\n    aB = 3");
  EXPECT_EQ(py.call("foo", "b"_a = 2, "A"_a = 1), Value(Tuple(1, 2)));
  EXPECT_EQ(py.call("bar", "a"_a = 3).size(), 0u);
  EXPECT_EQ(py.call("bar", "c"_a = 3), Value(Dict{{"c", 3}}));
  EXPECT_EQ(py.attr<int>(py.call<Object>("CamelCase"), "aB"), 3);
  EXPECT_EQ(py.call<double>("fractions.Fraction", "numerator"_a = 1, "denominator"_a = 2), .5);
}

TEST_F(Manual, ChainsOfTheSuites) {
  py.exec(
      "class TestClass:\n"
      "    data_attrib = 20\n"
      "    def run(self, value=42): return value\n"
      "def test_fn(x, key=1): return x * key");
  EXPECT_EQ(py.chain("test_fn").call(3).get<int>(), 3);
  EXPECT_EQ(py.chain("test_fn").call(3, "key"_a = 2).get<int>(), 6);
  EXPECT_EQ(py.chain("TestClass").call().call_method("run").get<int>(), 42);
  EXPECT_EQ(py.chain("TestClass").call().call_method("run", "value"_a = 31).get<int>(), 31);
  EXPECT_EQ(py.chain("slice").call(3).attr("stop").get<int>(), 3);
  EXPECT_EQ(py.chain(Value("hello")).item(4).get<std::string>(), "o");
  EXPECT_EQ(py.chain(Value(5)).attr("real").get<int>(), 5);
  const Object array = py.eval<Object>("__import__('numpy').array([[1, 2, 3], [3, 4, 5]])");
  EXPECT_EQ(py.chain(array).item(1, 0).get<int>(), 3);
  EXPECT_EQ(py.chain(array).item(1, Slice{0, 2}).get<std::vector<int>>(), (std::vector{3, 4}));
  EXPECT_EQ(py.chain(Value(Dict{{"hello", "world"}})).item("hello").get<std::string>(), "world");
  const Object dict = py.eval<Object>("{}");
  py.chain(dict).item("hello").set("world");
  EXPECT_EQ(dict.item<std::string>("hello"), "world");
  const Object object = py.call<Object>("TestClass");
  py.chain(object).attr("data_attrib").set(21);
  EXPECT_EQ(object.attr<int>("data_attrib"), 21);
}

TEST_F(Manual, SetfPyevalOfAnyTarget) {
  py.set("test_value", 42);
  EXPECT_EQ(py.eval<int>("test_value"), 42);
  py.exec("class Foo: pass\nfoo = Foo(); xs = [[0, 1], {}]");
  py.set("foo.a", 5);
  py.set("xs[0][1]", 6);
  py.set("xs[1]['k']", "v");
  py.set("(p, q)", std::pair{1, 2});
  EXPECT_EQ(py.eval<std::string>("repr((foo.a, xs, p, q))"), "(5, [[0, 6], {'k': 'v'}], 1, 2)");
}

TEST_F(Manual, TheGuardStopsAtCallbacks) {
  const RemoteObjects keep(py);
  Value inside;
  const Value sum = py.call([&](int x, int y) { return inside = py.eval("6"), x * y; }, 2, 3);
  EXPECT_TRUE(inside.is<std::int64_t>());
  EXPECT_TRUE(sum.is<Object>());
  EXPECT_EQ(sum.as<int>(), 6);
  {
    const RemoteObjects again(py);
    EXPECT_TRUE(py.eval("1 + 2").is<Object>());
  }
  EXPECT_TRUE(py.eval("1 + 2").is<Object>()) << "still guarded";
  EXPECT_EQ(py.eval<int>("1 + 2"), 3) << "who names a type wants the value";
  EXPECT_THROW(py.eval("1 / 0"), errors::ZeroDivisionError);
  std::thread([&] { EXPECT_TRUE(py.eval("1").is<std::int64_t>()) << "another thread"; }).join();
  Python other{config()};
  EXPECT_TRUE(other.eval("1").is<std::int64_t>()) << "another Python";
}

TEST_F(Manual, SetfPysetfSetsSeveralAtOnce) {
  py.exec("a, b, c = x, y, z", "x"_a = 1, "y"_a = "two", "z"_a = std::vector{3});
  EXPECT_EQ(py.eval("(a, b, c)"), Value(Tuple(1, "two", List(3))));
}

TEST_F(Manual, ExportedFunctionsSurviveANewWorker) {
  py.export_function("plus", [](int a, int b) { return a + b; }, {"a", "b"});
  EXPECT_EQ(py.eval<int>("plus(b=1, a=2)"), 3);
  py.stop();
  py.start();
  EXPECT_EQ(py.eval<int>("plus(1, 2)"), 3);
}

TEST_F(Manual, ThreadsPrintAndCallBack) {
  std::atomic<int> sum{0};
  py.export_function("note", [&](int k) { sum += k; });
  std::ostringstream out;
  py.exec(
      "import threading\n"
      "def chatter(k):\n    print(k)\n    note(k)\n"
      "def all():\n"
      "    ts = [threading.Thread(target=chatter, args=(k,)) for k in range(12)]\n"
      "    for t in ts: t.start()\n"
      "    for t in ts: t.join()");
  py.call_monitor(out, "all");
  EXPECT_EQ(sum, 66);
  const std::string text = out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 12);
}

TEST_F(Manual, AnInterruptedCallPrintsNothingInTheNext) {
  std::ostringstream out;
  py.exec("import sys, time\nclass Foo:\n    def foo(self):\n        print('hello')\n        time.sleep(60)");
  const Object foo = py.call<Object>("Foo");
  std::atomic<bool> printed{false};
  std::thread interrupter([&] {
    while (!printed) std::this_thread::sleep_for(1ms);
    py.interrupt();
  });
  EXPECT_THROW(py.method_monitor(
                   [&](std::string_view text) {
                     out << text;
                     if (text == "\n") printed = true;
                   },
                   foo, "foo"),
               errors::KeyboardInterrupt);
  interrupter.join();
  EXPECT_EQ(out.str(), "hello\n");
  EXPECT_EQ(py.eval<int>("5"), 5);
}

TEST_F(Manual, ContinuationsRunWhenTheResultIsThere) {
  std::atomic<int> seen{0};
  const auto f = py.eval_async<int>("__import__('time').sleep(0.05) or 42");
  const auto g = f.then([&](const Future<int>& done) { return seen = done.get(), std::to_string(seen); });
  EXPECT_EQ(g.get(), "42");
  EXPECT_EQ(seen, 42);
  EXPECT_EQ(f.then([](const Future<int>& done) { return done.get() + 1; }).get(), 43)
      << "also when it is there already";
  EXPECT_EQ(f.then([](int x) { return 2 * x; }).get(), 84);
  bool called = false;
  EXPECT_THROW(py.eval_async<int>("1 / 0").then([&](int) { called = true; }).get(), errors::ZeroDivisionError);
  EXPECT_FALSE(called);
  py.exec_async("pass").then([&] { called = true; }).get();
  EXPECT_TRUE(called);
  const auto bad = py.eval_async<int>("1 / 0").then([](const Future<int>& done) { return done.get(); });
  EXPECT_THROW(bad.get(), errors::ZeroDivisionError);
  EXPECT_THROW(bad.get(), errors::ZeroDivisionError);
  py.eval_async<int>("7").then([&](const Future<int>& done) { seen = done.get(); }).get();
  EXPECT_EQ(seen, 7);
  const auto chained = f.then([&](const Future<int>& done) { return py.eval<int>("x + 1", "x"_a = done.get()); });
  EXPECT_EQ(py.call<int>("abs", chained), 43) << "a continuation may call Python, and its result be an argument";
}

}  // namespace py4cpp::test
