// C++ callables in Python's hands.
#include "pair_fixture.hpp"

#include <atomic>
#include <stdexcept>
#include <thread>

#include <pthread.h>

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

TEST_F(Callbacks, ErrorsCrossAllOfSixtyFourLevels) {
  struct Mine : std::runtime_error {
    Mine() : runtime_error("mine") {}
  };
  const std::function<int(int, bool)> down = [&](int n, bool in_python) {
    if (n > 0) return py.eval<int>("down(n, p)", "n"_a = n - 1, "p"_a = in_python);
    if (in_python) return py.eval<int>("{}['bottom']");
    throw Mine();
  };
  py.export_function("down", down);
  EXPECT_THROW(down(64, false), Mine);
  EXPECT_THROW(down(64, true), errors::KeyError);
  // Caught half way, on either side, each level goes on.
  py.exec(
      "import py4cpp\ndef catch(n, p):\n    try:\n        return down(n, p)\n"
      "    except (py4cpp.HostError, KeyError) as e:\n        return type(e).__name__");
  py.export_function("up", [&](int n, bool p) {
    return n == 0 ? py.call("catch", 32, p) : py.eval("up(n, p)", "n"_a = n - 1, "p"_a = p);
  });
  EXPECT_EQ(py.eval("up(32, False)"), Value("HostError"));
  EXPECT_EQ(py.eval("up(32, True)"), Value("KeyError"));
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST_F(Callbacks, DeepRecursionWorksOrFailsClean) {
  const std::function<int(int)> down = [&](int n) { return n == 0 ? 0 : 1 + py.eval<int>("down(n)", "n"_a = n - 1); };
  py.export_function("down", down);
  try {
    EXPECT_EQ(down(400), 400);
  } catch (const errors::RecursionError&) {  // Python's own limit
  }
  EXPECT_THROW(down(1'000'000), Error);
  EXPECT_EQ(down(10), 10);
  py.exec("import sys; sys.setrecursionlimit(5000)");
  EXPECT_EQ(down(400), 400);
}

TEST_F(Callbacks, DeepRecursionOnASmallStackFailsClean) {
  const std::function<int(int)> down = [&](int n) { return n == 0 ? 0 : 1 + py.eval<int>("down(n)", "n"_a = n - 1); };
  py.export_function("down", down);
  py.exec("import sys; sys.setrecursionlimit(10**6)");
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, std::size_t{512} << 10);
  pthread_t thread{};
  struct Work {
    const std::function<int(int)>& down;
    bool failed = false;
  } work{down};
  const auto run = [](void* given) -> void* {
    Work& todo = *static_cast<Work*>(given);
    try {
      todo.down(1'000'000);
    } catch (const Error&) {
      todo.failed = true;
    }
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, run, &work), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  EXPECT_TRUE(work.failed);
  EXPECT_EQ(down(10), 10);
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

TEST_F(Callbacks, AnErrorMaySayWhatIsNoUtf8) {
  const auto refuse = [] { throw std::out_of_range("\xfc in Latin-1"); };
  EXPECT_STREQ(thrown_by<std::out_of_range>([&] { py.call(refuse); }).what(), "\xfc in Latin-1");
  py.exec(
      "import py4cpp\n"
      "def caught(f):\n"
      "    try: f()\n"
      "    except py4cpp.HostError as error: return str(error)\n");
  EXPECT_EQ(py.call<std::string>("caught", refuse), "\\xfc in Latin-1");
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

TEST_F(Callbacks, WhatTheyThrewIsStillItselfAfterTheWorker) {
  const auto done = py.call_async<void>(py.eval<Object>("lambda f: f()"), [] { throw std::out_of_range("mine"); });
  EXPECT_TRUE(done.wait_for(std::chrono::seconds(30)));
  py.stop();
  EXPECT_THROW(done.get(), std::out_of_range);
}

// Whichever comes second is told so, whether it was waiting by then or not.
TEST_F(Callbacks, OneResultIsForOneOfTwoThreads) {
  py.exec(
      "import threading\n"
      "def twice(f):\n"
      "    pending, got = f.start(), []\n"
      "    def take():\n"
      "        try: got.append(str(pending.result()))\n"
      "        except RuntimeError as error: got.append(str(error))\n"
      "    threads = [threading.Thread(target=take) for _ in range(2)]\n"
      "    for t in threads: t.start()\n"
      "    for t in threads: t.join()\n"
      "    return sorted(got)");
  const auto late = [] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return 5;
  };
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(py.call("twice", late), Value(List{"5", "the result of this call has already been taken"}));
  }
}

// Python lets go of the function before C++ has got round to the call.
TEST_F(Callbacks, OneThatIsStartedAndForgottenIsMade) {
  py.exec("def tell(f):\n    f.start(1)");
  std::atomic<int> told{0};
  std::vector<Future<void>> done;
  for (int i = 0; i < 200; ++i) {
    done.push_back(py.call_async<void>("tell", [&](int by) { told += by; }));
    py.call<void>("tell", [&](int by) { told += by; });
  }
  for (const auto& each : done) each.get();
  while (told < 400) std::this_thread::yield();
  EXPECT_EQ(py.eval<int>("1 + 1"), 2);
}

}  // namespace py4cpp::test
