// Python's functions and modules as C++ names.
#include "pair_fixture.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

namespace py4cpp::test {

using Functions = PairTest;

TEST_F(Functions, AreLookedUpOnceAndTyped) {
  const auto root = py.function<double(double)>("math.sqrt");
  EXPECT_EQ(root(2.25), 1.5);
  py.exec("def f(x): return 'first'");
  const auto f = py.function<std::string(int)>("f");
  py.exec("def f(x): return 'second'");
  EXPECT_EQ(f(1), "first");
  EXPECT_THROW(py.function<int(int)>("f")(1), ConversionError);
  py.function<void(std::string_view)>("sys.stdout.write")("");
  const auto sum = py.function<Value(const std::vector<int>&)>("sum");
  EXPECT_EQ(sum({1, 2, 3}), Value(6));
  const std::function<double(double)> general = root;
  EXPECT_EQ(general(4), 2);
}

TEST_F(Functions, AreLookedUpWhenTheyAreMade) {
  EXPECT_THROW(py.function<int()>("no_such_name"), errors::NameError);
  EXPECT_THROW(py.function<int()>("math.no_such_name"), errors::AttributeError);
  EXPECT_THROW(py.function<int()>("no_such_module.f"), errors::ModuleNotFoundError);
  EXPECT_THROW(py.function<double()>("math.pi")(), errors::TypeError);
  EXPECT_THROW(py.function<double(double)>("math.sqrt")(-1), errors::ValueError);
}

TEST_F(Functions, AreCalledAndPassed) {
  const auto f = py.function<double(double)>("math.sqrt");
  EXPECT_EQ(py.call<double>(f, 9), 3);
  EXPECT_EQ(py.call<std::vector<double>>("list", py.call<Object>("map", f, std::vector{1, 4})), (std::vector{1., 2.}));
  EXPECT_EQ(py.eval<double>("f(16)", "f"_a = f), 4);
  EXPECT_EQ(py.chain(f).call(25).get<double>(), 5);
}

TEST_F(Functions, MayBeMovedFrom) {
  auto sqrt = py.function<double(double)>("math.sqrt");
  Module math = py.module("math");
  const auto other_sqrt = std::move(sqrt);
  const Module other = std::move(math);
  EXPECT_EQ(other_sqrt(4) + other.call<double>("sqrt", 4), 4);
  EXPECT_EQ(sqrt(4) + math.call<double>("sqrt", 4), 4) << "they are handles";  // NOLINT(bugprone-use-after-move)
}

TEST_F(Functions, SurviveANewWorker) {
  const auto f = py.function<double(double)>("math.sqrt");
  const Module math = py.module("math");
  py.stop();
  EXPECT_THROW(f(4), WorkerDied);
  EXPECT_THROW(math("sqrt", 4), WorkerDied);
  py.start();
  EXPECT_EQ(f(4), 2);
  EXPECT_EQ(math("sqrt", 4), Value(2.));
  Python moved = std::move(py);
  EXPECT_EQ(f(9), 3);
  { const Python gone = std::move(moved); }
  EXPECT_THROW(f(4), WorkerDied);
}

TEST_F(Functions, SurviveARestart) {
  auto c = config();
  c.restart = Restart::on_next_call;
  Python other{c};
  const auto f = other.function<double(double)>("math.sqrt");
  EXPECT_THROW(other.exec("import os; os._exit(3)"), WorkerDied);
  EXPECT_EQ(f(4), 2);
}

TEST_F(Functions, AreSharedByThreads) {
  const auto f = py.function<int(int)>("abs");
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) wrong += f(-t * i) != t * i;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

using Modules = PairTest;

TEST_F(Modules, AreCalledByName) {
  const Module la = py.module("numpy.linalg");
  const xt::xarray<double> x{3., 4.};
  EXPECT_EQ(la("norm", x).as<double>(), 5);
  EXPECT_EQ(la.call<double>("norm", x, "ord"_a = 1), 7);
  EXPECT_EQ(la.function<double(const xt::xarray<double>&)>("norm")(x), 5);
  const auto names = la.names();
  EXPECT_NE(std::find(names.begin(), names.end(), "svd"), names.end());
  EXPECT_THROW(la("no_such_name"), errors::AttributeError);
  EXPECT_THROW(la("norm"), errors::TypeError);
  EXPECT_EQ(la.name(), "numpy.linalg");
}

TEST_F(Modules, HaveNamesAndSubmodules) {
  const Module os = py.module("os");
  EXPECT_EQ(os.submodule("path").call<std::string>("basename", "a/b"), "b");
  EXPECT_EQ(py.module("email").submodule("mime").submodule("text").name(), "email.mime.text");
  EXPECT_THROW(os.submodule("no_such"), errors::ModuleNotFoundError);
  EXPECT_THROW(py.module("no_such_module"), errors::ModuleNotFoundError);
  const Module math = py.module("math");
  EXPECT_EQ(math.attr<double>("pi"), py.eval<double>("__import__('math').pi"));
  for (const std::string& name : math.names()) EXPECT_NE(name[0], '_');
  EXPECT_EQ(py.eval<std::string>("m.__name__", "m"_a = math), "math");
}

}  // namespace py4cpp::test
