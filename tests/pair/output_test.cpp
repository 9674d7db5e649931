// What Python prints, in a monitored call and through Config's handlers.
#include "pair_fixture.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace py4cpp::test {

using namespace std::chrono_literals;
using Monitored = PairTest;

TEST_F(Monitored, OutputAppearsAsItIsPrinted) {
  std::ostringstream out;
  std::vector<std::string> seen;
  py.export_function("look", [&] { seen.push_back(out.str()); });
  py.exec(
      "def train(n, scale=1):\n    for i in range(n):\n        print('step', i)\n        look()\n    return n * scale");
  EXPECT_EQ(py.call_monitor<int>(out, "train", 2, "scale"_a = 21), 42);
  EXPECT_EQ(seen, (std::vector<std::string>{"step 0\n", "step 0\nstep 1\n"}));
  EXPECT_EQ(out.str(), "step 0\nstep 1\n");
  EXPECT_TRUE(py.eval<bool>("__import__('sys').stdout is __import__('sys').__stdout__"));
}

TEST_F(Monitored, AnythingCallableIsCalledAndAnythingTakesTheOutput) {
  std::string text;
  const auto take = [&](std::string_view piece) { text += piece; };
  py.call_monitor(take, "print", "a", 1, "sep"_a = "-");
  py.call_monitor<void>([&](std::string_view piece) { text += piece; }, "builtins.print", "b");
  py.call_monitor(std::function<void(std::string_view)>(take), py.eval<Object>("lambda: print('c')"));
  EXPECT_EQ(py.call_monitor<int>(take, [&] { return py.call("print", "d"), 4; }), 4) << "C++ that calls Python";
  py.call_monitor(take, py.eval_async<Object>("print"), "e");
  EXPECT_EQ(text, "a-1\nb\nc\nd\ne\n");
  EXPECT_EQ(py.call_monitor<Object>(take, "list", "ab").len(), 2u);
  EXPECT_THROW(py.call_monitor(take, "no_such_name"), errors::NameError);
  EXPECT_THROW(py.call_monitor<int>(take, "str", 1), ConversionError);
}

TEST_F(Monitored, MethodsAreToo) {
  py.exec("class Model:\n    def fit(self, n):\n        print(f'fit {n}')\n        return n");
  const Object model = py.eval<Object>("Model()");
  std::ostringstream out;
  EXPECT_EQ(py.method_monitor<int>(out, model, "fit", 10), 10);
  EXPECT_EQ(py.method_monitor<std::string>(out, "abc", "upper"), "ABC");
  EXPECT_EQ(out.str(), "fit 10\n");
  EXPECT_THROW(py.method_monitor(out, model, "other"), errors::AttributeError);
}

TEST_F(Monitored, EveryWayToPrintCounts) {
  std::string text;
  py.exec(
      "import sys\n"
      "def work():\n"
      "    print('a', end='')\n    sys.stdout.write('b')\n    sys.stdout.flush()\n    sys.stdout.buffer.write(b'c')\n"
      "    print('\\u00e4', '\\udc80', end='')\n    sys.stdout.writelines(['d', 'e'])\n    print('x' * 100_000, "
      "end='')");
  py.call_monitor([&](std::string_view piece) { text += piece; }, "work");
  EXPECT_EQ(text, "abcä \\udc80de" + std::string(100'000, 'x'));
}

TEST_F(Monitored, ErrorsPassThrough) {
  std::ostringstream out;
  py.exec("def fail():\n    print('before')\n    return {}['k']");
  EXPECT_THROW(py.call_monitor(out, "fail"), errors::KeyError);
  EXPECT_EQ(out.str(), "before\n");
  struct Full : std::runtime_error {
    Full() : runtime_error("full") {}
  };
  EXPECT_THROW(py.call_monitor([](std::string_view) { throw Full(); }, "print", "x"), Full);
  EXPECT_TRUE(py.eval<bool>("__import__('sys').stdout is __import__('sys').__stdout__"));
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST_F(Monitored, CallsNest) {
  std::ostringstream outer, inner;
  py.export_function("nested", [&] { py.call_monitor(inner, "print", "inside"); });
  py.exec("def work():\n    print('before')\n    nested()\n    print('after')");
  py.call_monitor(outer, "work");
  EXPECT_EQ(outer.str(), "before\nafter\n");
  EXPECT_EQ(inner.str(), "inside\n");
}

TEST_F(Monitored, SinksMayCallPython) {
  std::string text;
  const auto take = [&](std::string_view piece) { text += py.call<std::string>("str.upper", piece); };
  py.call_monitor(take, "print", "loud");
  EXPECT_EQ(text, "LOUD\n");
}

TEST(MonitoredThreads, AreHeardUntilTheEnd) {
  std::string text;  // no lock: one piece at a time
  {
    auto c = config();
    c.on_stdout = [](std::string_view) {};
    Python other{c};  // where what is printed after the end may go
    other.exec(
        "import threading, time\n"
        "go_on = True\n"
        "def chat():\n    while go_on: print('.', end='')\n"
        "def work():\n"
        "    global threads\n"
        "    threads = [threading.Thread(target=chat) for _ in range(3)]\n"
        "    for t in threads: t.start()\n"
        "    time.sleep(0.05)");
    other.call_monitor<void>([&](std::string_view piece) { text += piece; }, "work");
    const std::size_t at_the_end = text.size();
    EXPECT_GT(at_the_end, 0u);
    other.exec("time.sleep(0.02); go_on = False\nfor t in threads: t.join()");
    EXPECT_EQ(text.size(), at_the_end);
  }
  EXPECT_EQ(text.find_first_not_of('.'), std::string::npos);
}

// ---- handlers

// What a handler got, from whatever thread it was called on.
class Heard {
 public:
  std::function<void(std::string_view)> handler() {
    return [this](std::string_view text) {
      EXPECT_FALSE(busy_.exchange(true)) << "one piece at a time";
      {
        const std::lock_guard lock(mutex_);
        text_ += text;
      }
      busy_ = false;
      changed_.notify_all();
    };
  }
  bool wait_for(std::string_view part) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 30s, [&] { return text_.find(part) != std::string::npos; });
  }
  std::string take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(text_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
  std::atomic<bool> busy_{false};
};

TEST(Output, IsExactTenThousandTimes) {
  std::string out;
  auto c = config();
  c.on_stdout = [&](std::string_view text) { out += text; };
  Python py{c};
  int wrong = 0;
  for (int i = 0; i < 10'000; ++i) {
    py.call("print", "hello");  // what was printed has been heard when the call returns
    if (std::exchange(out, {}) != "hello\n") ++wrong;
  }
  EXPECT_EQ(wrong, 0);
}

TEST(Output, IsInOrderWithCallbacks) {
  std::string out;
  auto c = config();
  c.on_stdout = [&](std::string_view text) { out += text; };
  Python py{c};
  py.export_function("say", [&](std::string_view text) { out += text; });
  py.exec("for i in range(100):\n    print(i, end=' ')\n    say('c')\n    print(end=';')");
  std::string expected;
  for (int i = 0; i < 100; ++i) expected += std::to_string(i) + " c;";
  EXPECT_EQ(out, expected);
}

// What is printed comes as messages, in pieces, what is written to a descriptor through a pipe: between any two.
TEST(Output, OfBothStreamsIsHeard) {
  Heard out, err;
  auto c = config();
  c.on_stdout = out.handler();
  c.on_stderr = err.handler();
  Python py{c};
  py.exec(
      "import sys, os\n"
      "for i in range(200):\n    print('out', i)\n    print('err', i, file=sys.stderr)\n    os.write(1, b'raw\\n')");
  EXPECT_TRUE(err.wait_for("err 199\n"));
  py.exec("os.write(1, b'end\\n')");
  EXPECT_TRUE(out.wait_for("end\n"));
  std::string text = out.take();
  for (std::size_t at = 0; (at = text.find("raw\n")) != std::string::npos;) text.erase(at, 4);
  EXPECT_NE(text.find("out 199\n"), std::string::npos) << text;
}

TEST(Output, OfAChildProcessHarmsNothing) {
  Heard heard;
  auto c = config();
  c.on_stdout = heard.handler();
  Python py{c};
  EXPECT_EQ(py.eval<int>("__import__('os').system('echo from the child; echo more >&2')"), 0);
  EXPECT_TRUE(heard.wait_for("from the child\n"));
  py.exec("import subprocess, sys\nsubprocess.run(['echo', 'another'], stdout=sys.stdout, check=True)");
  EXPECT_TRUE(heard.wait_for("another\n"));
  EXPECT_EQ(py.eval<std::string>("subprocess.run(['cat'], capture_output=True, text=True).stdout"), "");
  EXPECT_THROW(py.eval("input()"), errors::EOFError) << "there is nobody to ask";
  EXPECT_EQ(py.eval<int>("1 + 1"), 2);
}

TEST(Output, WithoutHandlersIsTheProgramsOwn) {
  ::testing::internal::CaptureStdout();
  {
    Python py{config()};
    py.call("print", "hello");
    py.eval("__import__('os').system('echo child')");
    std::ostringstream out;
    py.call_monitor(out, "print", "monitored");
    EXPECT_EQ(out.str(), "monitored\n");
    py.call("print", "world");
  }
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "hello\nchild\nworld\n");
}

TEST(Output, HandlersMayCallPythonAndThrow) {
  Python* python = nullptr;
  std::string out;
  auto c = config();
  c.on_stdout = [&](std::string_view text) {
    if (python != nullptr && text == "ask")
      out += python->eval<std::string>("'answer'");
    else
      out += text;
    throw std::runtime_error("nobody to tell");
  };
  Python py{c};
  python = &py;
  py.exec("print('ask', flush=True)");
  EXPECT_EQ(py.eval<int>("1"), 1);
  EXPECT_NE(out.find("answer"), std::string::npos) << out;
}

}  // namespace py4cpp::test
