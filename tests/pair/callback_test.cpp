// API section 7, as far as it goes: C++ callables in Python's hands.
#include "pair_fixture.hpp"

#include <atomic>
#include <stdexcept>
#include <thread>

namespace py4cpp::test {

using Callbacks = PairTest;

TEST_F(Callbacks, AreGlobalsWithKeywords) {
  py.export_function("scale", [](Array<float> a, double k) { a.view() *= static_cast<float>(k); }, {"a", "k"});
  const Array<float> batch = py.array<float>({4});
  batch.view() = 2.f;
  py.exec("scale(batch, k=0.5)", "batch"_a = batch);
  EXPECT_EQ(batch.view()(3), 1.f);
  py.export_function("bare", [](int x) { return x + 1; });
  EXPECT_EQ(py.eval<int>("bare(1)"), 2);
  EXPECT_THROW(py.eval("bare(x=1)"), errors::TypeError);
  EXPECT_THROW(py.eval("bare()"), errors::TypeError);
  EXPECT_THROW(py.eval("bare('text')"), errors::TypeError);
  EXPECT_THROW(py.eval("scale(batch, kk=1)", "batch"_a = batch), errors::TypeError);
}

TEST_F(Callbacks, ComeHomeAsThemselves) {
  const std::function<int(int)> f = [](int x) { return 3 * x; };
  const Value back = py.eval("f", "f"_a = f);
  EXPECT_EQ(back.as<std::function<int(int)>>()(5), 15);
  EXPECT_TRUE(py.eval<bool>("f is g", "f"_a = back, "g"_a = back));
}

TEST_F(Callbacks, NestToDepth64) {
  std::function<int(int)> down = [&](int n) { return n == 0 ? 0 : 1 + py.eval<int>("down(n)", "n"_a = n - 1); };
  py.export_function("down", [&](int n) { return down(n); });
  EXPECT_EQ(down(64), 64);
}

TEST_F(Callbacks, ErrorsCrossBothWays) {
  struct Mine : std::runtime_error {
    Mine() : runtime_error("mine") {}
  };
  py.export_function("fail", [] { throw Mine(); });
  EXPECT_THROW(py.eval("fail()"), Mine);  // uncaught in Python: itself
  EXPECT_EQ(py.eval<std::string>("(lambda: 1)() and (__import__('py4cpp') and 'x')"), "x");
  py.exec(
      "import py4cpp\n"
      "try:\n    fail()\n"
      "except py4cpp.HostError as e:\n    seen = str(e)");
  EXPECT_EQ(py.eval<std::string>("seen"), "mine");
  py.export_function("raise_in_python", [&] { py.eval("{}['k']"); });
  py.exec("try:\n    raise_in_python()\nexcept KeyError as e:\n    key = e.args[0]");
  EXPECT_EQ(py.eval<std::string>("key"), "k");
  EXPECT_THROW(py.eval("raise_in_python()"), errors::KeyError);
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST_F(Callbacks, MayBeCalledByPythonsThreads) {
  std::atomic<int> sum{0};
  py.export_function("add", [&](int x) {
    sum += x;
    return x;
  });
  py.exec(
      "import threading\n"
      "results = []\n"
      "def work(k):\n    for i in range(20): results.append(add(k))\n"
      "threads = [threading.Thread(target=work, args=(k,)) for k in range(12)]\n"
      "for t in threads: t.start()\n"
      "for t in threads: t.join()");
  EXPECT_EQ(sum, 20 * 66);
  EXPECT_EQ(py.eval<int>("len(results)"), 240);
}

TEST_F(Callbacks, FromAPythonThreadWhileTheHostIsElsewhere) {
  std::atomic<int> calls{0};
  py.export_function("tick", [&] { ++calls; });
  py.exec("import threading\nt = threading.Thread(target=lambda: [tick() for _ in range(50)])\nt.start()");
  while (calls < 50) std::this_thread::yield();  // no call of ours is under way
  py.exec("t.join()");
}

TEST_F(Callbacks, AreFreedWhenPythonDropsThem) {
  auto token = std::make_shared<int>(5);
  py.call<void>("print", "");
  py.exec("keep = f", "f"_a = std::function<int()>([token] { return *token; }));
  EXPECT_EQ(py.eval<int>("keep()"), 5);
  EXPECT_GT(token.use_count(), 1);
  py.exec("del keep\nimport gc; gc.collect()");
  for (int i = 0; i < 1000 && token.use_count() > 1; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    py.eval("1");
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST_F(Callbacks, MayReturnObjects) {
  py.export_function("make", [&] { return py.eval<Object>("['made']"); });
  for (int i = 0; i < 100; ++i) EXPECT_EQ(py.eval<std::string>("make()[0]"), "made");
  py.export_function("same", [](Object o) { return o; });
  EXPECT_TRUE(py.eval<bool>("same(py4) is py4", "py4"_a = py.eval<Object>("object()")));
}

TEST_F(Callbacks, RunOnTheThreadThatWaits) {
  const auto here = std::this_thread::get_id();
  std::thread::id there;
  py.call(std::function<void()>([&] { there = std::this_thread::get_id(); }));
  EXPECT_EQ(there, here);
}

TEST_F(Callbacks, OfAnAsyncCallRunThoughNobodyWaits) {
  std::atomic<bool> called{false};
  const auto f = py.call_async<int>(std::function<int()>([&] {
    called = true;
    return 9;
  }));
  while (!called) std::this_thread::yield();
  EXPECT_EQ(f.get(), 9);
}

}  // namespace py4cpp::test
