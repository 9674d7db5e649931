// How a worker lives: interrupts, output, start-up, forks, and how it ends when the host says so or dies.
#include "arena.hpp"
#include "child_process.hpp"
#include "interpreter.hpp"
#include "package_dir.hpp"
#include "worker_fixture.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>

#include <signal.h>
#include <unistd.h>

namespace py4cpp::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

bool is_running(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  return std::getline(stat, line) && line.find(") Z ") == std::string::npos;
}

// Whether it becomes true within five seconds.
template <class Condition>
bool soon(Condition condition) {
  for (int i = 0; i < 500; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

// ---- interrupts

TEST(WorkerInterrupts, WakeASleepingCall) {
  WorkerHost host;
  const auto before = Clock::now();
  const auto call = host.start(Chain().eval("__import__('time').sleep(30)"));
  std::this_thread::sleep_for(200ms);
  host.interrupt(call->id());
  EXPECT_EQ(host.wait(*call).error().type, "KeyboardInterrupt");
  EXPECT_LT(Clock::now() - before, 10s);
  EXPECT_EQ(host.eval("1 + 1"), "2");
}

TEST(WorkerInterrupts, HitACallThatHasNotStarted) {
  WorkerHost host;
  const auto first = host.start(Chain().eval("__import__('time').sleep(0.3)"));
  const auto second = host.start(Chain().exec("ran = True"));
  const auto third = host.start(Chain().eval("'third'"));
  host.interrupt(second->id());
  EXPECT_EQ(host.wait(*first).value, "None");
  EXPECT_EQ(host.wait(*second).error().type, "KeyboardInterrupt");
  EXPECT_EQ(host.wait(*third).value, "'third'");
  EXPECT_EQ(host.eval("'ran' in globals()"), "False");
}

TEST(WorkerInterrupts, NeverHitAnotherCall) {
  WorkerHost host;
  host.exec("def short():\n    return sum(range(50))");
  int hits = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto call = host.start(Chain().name("short").call());
    if (i % 3 != 0) std::this_thread::sleep_for(std::chrono::microseconds(i % 40));
    host.interrupt(call->id());
    const Answer answer = host.wait(*call);
    if (!answer.raised.empty()) {
      ASSERT_EQ(answer.error().type, "KeyboardInterrupt");
      ++hits;
    }
    ASSERT_EQ(host.ask(Chain().name("short").call()).value, "1225") << "after " << i;
  }
  RecordProperty("hits", hits);
}

TEST(WorkerInterrupts, OfAnOuterCallBreaksWhatItIsWaitingFor) {
  WorkerHost host;
  std::uint64_t outer = 0;
  std::string inner;
  const Write function = host.callable(1, [&](const WorkerHost::Arguments&, ValueWriter& result) {
    const auto nested = host.start(Chain().eval("__import__('time').sleep(30)"));
    std::thread later([&] {
      std::this_thread::sleep_for(200ms);
      host.interrupt(outer);
    });
    inner = host.wait(*nested).error().type;
    later.join();
    result.none();
  });
  host.ask(Chain().assign("f", function));
  const auto call = host.start(Chain().eval("[f(), 'finished'][1]"));
  outer = call->id();
  EXPECT_EQ(host.wait(*call).value, "'finished'");  // it was the nested call that got it, and C++ dealt with it
  EXPECT_EQ(inner, "KeyboardInterrupt");
  EXPECT_EQ(host.eval("1 + 1"), "2");
}

TEST(WorkerInterrupts, OfAnOuterCallOutliveANestedOne) {
  WorkerHost host;
  std::uint64_t outer = 0;
  const Write function = host.callable(1, [&](const WorkerHost::Arguments&, ValueWriter& result) {
    host.interrupt(outer);
    std::this_thread::sleep_for(50ms);
    EXPECT_EQ(host.ask(Chain().value(integer(5))).value, "5");  // nothing in it that could be interrupted
    result.none();
  });
  host.ask(Chain().assign("f", function));
  const auto call = host.start(Chain().exec("f()\nfor i in range(10**9): pass"));
  outer = call->id();
  EXPECT_EQ(host.wait(*call).error().type, "KeyboardInterrupt");
  EXPECT_EQ(host.eval("1 + 1"), "2");
}

TEST(WorkerInterrupts, StrayCtrlCHitsOnlyWhatIsRunning) {
  WorkerHost host;
  for (int i = 0; i < 200; ++i) {
    host.process().kill(SIGINT);
    if (i % 2 == 0) std::this_thread::sleep_for(1ms);
    const Answer answer = host.ask(Chain().eval("1 + 1"));
    EXPECT_TRUE(answer.value == "2" || answer.error().type == "KeyboardInterrupt");
  }
  EXPECT_EQ(host.eval("1 + 1"), "2");
}

// ---- output and start-up

TEST(WorkerOutput, ComesInOrderWithAnswers) {
  Config config;
  config.on_stdout = [](std::string_view) {};
  WorkerHost host(config);
  for (int i = 0; i < 100; ++i) {
    host.exec("print('x', end='')\nimport sys\nsys.stdout.write('y\\n')");
    ASSERT_EQ(host.printed(), "xy\n");
  }
  host.exec("print('\\udc80 \\u20ac'); sys.stdout.buffer.write(b'raw\\n'); sys.stdout.flush()");
  EXPECT_EQ(host.printed(), "\\udc80 \u20ac\nraw\n");
  host.exec("print('z' * 5_000_000)");
  EXPECT_EQ(host.printed().size(), 5'000'001u);
}

TEST(WorkerOutput, WithoutCaptureIsLineBuffered) {
  WorkerHost host;
  EXPECT_EQ(host.eval("__import__('sys').stdout.line_buffering"), "True");
  EXPECT_EQ(host.eval("__import__('sys').stdin.read()"), "''");
}

// ---- forks

TEST(WorkerForks, LeaveTheSessionToTheParent) {
  WorkerHost host;
  const Write function = host.callable(1, [](const WorkerHost::Arguments&, ValueWriter& result) { result.integer(1); });
  host.ask(Chain().assign("f", function));
  EXPECT_EQ(host.eval("f()"), "1");
  host.exec(R"(
import os, sys
r, w = os.pipe()
child = os.fork()
if child == 0:
    try: f()
    except RuntimeError as error: os.write(w, str(error).encode())
    del f
    import gc; gc.collect()
    sys.exit(7))");
  EXPECT_EQ(host.eval("os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])"), "7");
  EXPECT_TRUE(contains(host.eval("os.read(r, 1000)"), "forked")) << host.eval("0");
  EXPECT_EQ(host.eval("f()"), "1");
  EXPECT_EQ(host.references(1), 1u);

  host.exec("child = os.fork()\nif child == 0: raise ValueError('in the child')");
  EXPECT_EQ(host.eval("os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])"), "1");
  host.exec(
      "import multiprocessing\np = multiprocessing.get_context('fork').Process(target=print)\np.start(); p.join()");
  EXPECT_EQ(host.eval("p.exitcode"), "0");
  EXPECT_EQ(host.eval("f()"), "1");
  EXPECT_TRUE(contains(host.errors(), "ValueError: in the child"));
}

// ---- ends

TEST(WorkerEnds, WithAGoodbyeLikeAnyPython) {
  WorkerHost host;
  const std::string directory = ::testing::TempDir();
  const std::string file = directory + "/worker_ends_" + std::to_string(getpid());
  host.exec(
      "import atexit, threading, time\nout = open(path, 'w')\natexit.register(out.write, 'atexit ')\n"
      "def late():\n    time.sleep(0.2); out.write('thread ')\n"
      "threading.Thread(target=late).start()\n"
      "threading.Thread(target=time.sleep, args=(100,), daemon=True).start()",
      {{"path", text(file)}});
  const auto call = host.start(Chain().exec("time.sleep(0.1); out.write('asked ')"));  // finished before it goes
  host.say_bye();
  EXPECT_EQ(host.wait(*call).value, "None");
  const Process::Exit exit = host.stop();
  EXPECT_EQ(exit.code, 0) << host.errors();
  std::string contents;
  std::getline(std::ifstream(file), contents);
  EXPECT_EQ(contents, "asked thread atexit ");
  std::filesystem::remove(file);
}

TEST(WorkerEnds, WhileADaemonThreadWaitsForCpp) {
  WorkerHost host;
  std::atomic<bool> go{false};
  const Write function = host.callable(1, [&](const WorkerHost::Arguments&, ValueWriter& result) {
    while (!go) std::this_thread::sleep_for(1ms);
    result.none();
  });
  host.ask(Chain().assign("f", function));
  host.exec(
      "import threading, time\n"
      "def busy():\n    while True: f(); time.sleep(0)\n"
      "for i in range(4): threading.Thread(target=busy, daemon=True).start()\ntime.sleep(0.1)");
  const Process::Exit exit = host.stop();
  EXPECT_EQ(exit.code, 0) << host.errors();
  go = true;
}

TEST(WorkerEnds, WhenUserCodeClosesItsDescriptors) {
  WorkerHost host;
  const Answer answer =
      host.ask(Chain().exec("import os\nos.closerange(3, 70000)\nfiles = [open('/dev/null') for i in range(30)]"));
  EXPECT_TRUE(answer.closed);
  EXPECT_EQ(host.process().reap(5s).value_or(Process::Exit{}).code, 70);
  EXPECT_TRUE(contains(host.errors(), "descriptors"));
}

TEST(WorkerEnds, WhenTheHostTalksNonsense) {
  {
    WorkerHost host;
    EXPECT_TRUE(host.ask(Chain()).closed);  // no steps
    EXPECT_EQ(host.process().reap(5s).value_or(Process::Exit{}).code, 70);
    EXPECT_TRUE(contains(host.errors(), "without steps"));
  }
  WorkerHost host;
  EXPECT_TRUE(host.ask(Chain().attribute("real")).closed);  // of nothing
  EXPECT_EQ(host.process().reap(5s).value_or(Process::Exit{}).code, 70);
}

TEST(WorkerEnds, WhenTheProtocolIsAnother) {
  const std::string package = package_dir().string();
  Process process = Process::spawn(
      {.interpreter = find_interpreter(""),
       .arguments = {"-c", "import sys; sys.path.insert(0, sys.argv[1]); import py4cpp._worker as w; w.main(3, 4)",
                     package}});
  Channel channel(process.take_from_child(), process.take_to_child());
  HelloInfo hello;
  hello.protocol = protocol_hash() + 1;
  hello.version = "9.9.9";
  hello.pid = getpid();
  MessageBuilder builder;
  channel.queue(builder.hello(hello));
  ASSERT_TRUE(channel.flush());
  const auto exit = process.reap(20s).value_or(Process::Exit{});
  EXPECT_EQ(exit.code, 70);
  ASSERT_EQ(channel.receive(), Channel::Arrival::bytes);  // so that the host can say it too
  const auto answer = channel.next();
  ASSERT_TRUE(answer && answer->as<wire::Hello>() != nullptr);
  EXPECT_EQ(HelloInfo::read(*answer->as<wire::Hello>()).protocol, protocol_hash());
  char text[1000] = {};
  ASSERT_GT(read(process.stderr_fd(), text, sizeof text - 1), 0);
  EXPECT_TRUE(contains(text, "9.9.9")) << text;
}

// Starts a worker in a child process, lets it run the code, and kills that child, which is the worker's host.
void expect_end_with_host(const Config& config, const char* code) {
  ChildProcess child([&](Talk& talk) {
    const auto arena = std::make_shared<Arena>(ArenaLimits{});
    const auto block = arena->allocate(1);
    WorkerHost host(config, arena);
    talk.send(host.hello().pid);
    host.exec("import os, time");
    const auto call = host.start(Chain().exec(code));
    std::this_thread::sleep_for(100ms);
    talk.send(true);
    pause();
    return 0;
  });
  const auto worker = child.talk().receive<int>();
  child.talk().receive<bool>();
  EXPECT_FALSE(names_with("." + std::to_string(worker) + ".").empty());
  EXPECT_FALSE(names_with("." + std::to_string(child.pid()) + ".").empty());
  ASSERT_TRUE(is_running(worker));
  child.kill();
  EXPECT_TRUE(soon([&] { return !is_running(worker); })) << code;
  EXPECT_TRUE(soon([&] { return names_with("." + std::to_string(child.pid()) + ".").empty(); })) << code;
  EXPECT_TRUE(soon([&] { return names_with("." + std::to_string(worker) + ".").empty(); })) << code;
}

TEST(WorkerEnds, WithItsHostWhateverItDoes) {
  for (const char* code : {"while True: pass", "time.sleep(100)", "sum(range(10**12))",
                           "os.closerange(3, 70000) or time.sleep(100)", "0"}) {
    expect_end_with_host({}, code);
  }
}

TEST(WorkerEnds, WithItsHostAlsoBehindAWrapper) {
  const std::string wrapper = ::testing::TempDir() + "worker_wrapper_" + std::to_string(getpid());
  std::ofstream(wrapper) << "#!/bin/sh\n\"" << find_interpreter("").string() << "\" \"$@\"\nexit $?\n";
  std::filesystem::permissions(wrapper, std::filesystem::perms::owner_all);
  Config config;
  config.python = wrapper;
  expect_end_with_host(config, "while True: pass");
  std::filesystem::remove(wrapper);
}

}  // namespace
}  // namespace py4cpp::test
