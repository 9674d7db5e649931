// Calls that aren't waited for, and many threads at once. Output has a file of its own.
#include "pair_fixture.hpp"

#include <atomic>
#include <coroutine>
#include <thread>

namespace py4cpp::test {

using namespace std::chrono_literals;
using Async = PairTest;

TEST_F(Async, ResultsAreKept) {
  const Future<std::string> f = py.call_async<std::string>("str", 42);
  EXPECT_EQ(f.get(), "42");
  EXPECT_EQ(f.get(), "42");
  EXPECT_TRUE(f.ready());
  const auto a = py.call_async<int>("int", "23");
  const auto b = py.call_async<int>("int", "12");
  const auto c = py.call_async<int>("int", "7");
  EXPECT_EQ(b.get(), 12);
  EXPECT_EQ(c.get(), 7);
  EXPECT_EQ(a.get(), 23);
}

TEST_F(Async, ErrorsAreKept) {
  const auto f = py.call_async<int>("len");
  EXPECT_THROW(f.get(), errors::TypeError);
  EXPECT_THROW(f.get(), errors::TypeError);
  const auto g = py.eval_async<int>("'text'");
  EXPECT_THROW(g.get(), ConversionError);
}

TEST_F(Async, RunInTheOrderGiven) {
  py.exec("seen = []");
  std::vector<Future<Value>> all;
  for (int i = 0; i < 500; ++i) all.push_back(py.call_async("seen.append", i));
  EXPECT_EQ(py.eval<std::vector<int>>("seen").size(), 500u);
  EXPECT_TRUE(py.eval<bool>("seen == sorted(seen)"));
}

TEST_F(Async, AFutureIsAnArgument) {
  py.exec("def add(a, b): return a + b");
  const auto f = py.call_async<int>("add", 1, 2);
  const auto g = py.call_async<int>("add", f, 10);
  EXPECT_EQ(g.get(), 13);
  EXPECT_EQ(py.call<int>("add", f, g), 16);
  const auto bad = py.eval_async("1 / 0");
  EXPECT_THROW(py.call("add", bad, 1), errors::ZeroDivisionError);
  Python other{config()};
  EXPECT_EQ(other.call<int>("abs", g), 13);
  const auto object = py.eval_async<Object>("[]");
  py.method("", "join", std::vector<std::string>{});
  object.get().method("append", 1);
  EXPECT_EQ(object.get().len(), 1u);
}

TEST_F(Async, DroppedFuturesLeaveNothing) {
  const auto before = py.stats().live_objects;
  for (int i = 0; i < 100; ++i) py.eval_async<Object>("object()");
  for (int i = 0; i < 100; ++i) py.eval_async("[object()]");
  EXPECT_EQ(py.eval<int>("1"), 1);
  EXPECT_EQ(py.stats().live_objects, before);
  EXPECT_EQ(py.eval<int>("__import__('py4cpp').stats()['live_objects']"), 0);
}

TEST_F(Async, ArgumentsLiveUntilPythonHasTakenThem) {
  py.exec("seen = []");
  const auto slow = py.exec_async("import time; time.sleep(0.1)");
  for (int i = 0; i < 10; ++i) py.call_async("seen.append", py.eval_async<Object>("[7]"));
  {
    const Object list = py.eval<Object>("[8]");
    py.exec_async("import time; time.sleep(0.05)");
    py.call_async("seen.append", list);  // the handle and the future go at once
  }
  EXPECT_EQ(py.eval<std::string>("repr(seen)"), "[[7], [7], [7], [7], [7], [7], [7], [7], [7], [7], [8]]");
}

TEST_F(Async, WaitsAndCancels) {
  const auto f = py.exec_async("import time; time.sleep(30)");
  EXPECT_FALSE(f.wait_for(20ms));
  f.cancel();
  EXPECT_THROW(f.get(), errors::KeyboardInterrupt);
  const auto first = py.exec_async("import time; time.sleep(0.2)");
  const auto queued = py.exec_async("never = 1");
  queued.cancel();
  first.get();
  EXPECT_THROW(queued.get(), errors::KeyboardInterrupt);
  EXPECT_THROW(py.eval("never"), errors::NameError);
}

struct Task {
  struct promise_type {
    Task get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

TEST_F(Async, CoroutinesAwait) {
  std::atomic<int> result{0};
  [](Python& python, std::atomic<int>& out) -> Task {
    const int x = co_await python.call_async<int>("int", "20");
    out = x + co_await python.eval_async<int>("22");
  }(py, result);
  while (result == 0) std::this_thread::yield();
  EXPECT_EQ(result, 42);
}

TEST_F(Async, SixteenThreadsEachSeeTheirOwnReplies) {
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        if (py.call<int>("int", std::to_string(1000 * t + i)) != 1000 * t + i) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(Async, ThreadsAndCallbacksMix) {
  py.export_function("plus_one", [](int x) { return x + 1; });
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        if (py.eval<int>("plus_one(x)", "x"_a = t * i) != t * i + 1) ++wrong;
        if (py.call_async<int>("plus_one", i).get() != i + 1) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(Async, SixteenThreadsCallWhilePythonsThreadsCallBack) {
  constexpr int python_threads = 8, callbacks = 100, host_threads = 16, calls = 60;
  std::atomic<int> sum{0};
  std::atomic<int> wrong{0};
  py.export_function("add", [&](int x) {
    sum += x;
    return py.eval<int>("x + 1", "x"_a = x);
  });
  py.exec(
      "import threading\nbad = []\n"
      "def work(k, n):\n"
      "    for i in range(n):\n"
      "        if add(1) != 2: bad.append(i)\n"
      "def start(threads, n):\n"
      "    global started\n"
      "    started = [threading.Thread(target=work, args=(k, n)) for k in range(threads)]\n"
      "    for t in started: t.start()\n"
      "def join():\n    for t in started: t.join()");
  py.call<void>("start", python_threads, callbacks);
  std::vector<std::thread> threads;
  for (int t = 0; t < host_threads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < calls; ++i) {
        if (py.call<int>("int", std::to_string(1000 * t + i)) != 1000 * t + i) ++wrong;
        if (i % 8 == 0 && py.call<int>("add", 0) != 1) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  py.call<void>("join");
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(sum, python_threads * callbacks);
  EXPECT_TRUE(py.eval<bool>("bad == []"));
}

TEST_F(Async, AMegabyteOfPipelinedCallsBothWays) {
  std::vector<Future<std::string>> all;
  const std::string text(4000, 'x');
  for (int i = 0; i < 500; ++i) all.push_back(py.call_async<std::string>("str", text));
  for (auto& f : all) EXPECT_EQ(f.get(), text);
}

}  // namespace py4cpp::test
