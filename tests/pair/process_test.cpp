// The life of a worker.
#include "pair_fixture.hpp"

#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>
#include <vector>

#include <signal.h>
#include <unistd.h>

namespace py4cpp::test {

using namespace std::chrono_literals;

using Process = PairTest;

TEST_F(Process, IsAnotherProcess) {
  EXPECT_TRUE(py.alive());
  EXPECT_EQ(py.eval<int>("__import__('os').getpid()"), py.pid());
  EXPECT_NE(py.pid(), getpid());
}

TEST_F(Process, StopIsHarmlessTwice) {
  py.stop();
  EXPECT_FALSE(py.alive());
  py.stop();
  EXPECT_THROW(py.eval("1"), py4cpp::WorkerDied);
}

TEST_F(Process, StartsAgainWithAFreshNamespace) {
  py.exec("x = 1");
  const int first = py.pid();
  EXPECT_THROW(py.start(), py4cpp::Error);
  py.stop();
  py.start();
  EXPECT_NE(py.pid(), first);
  EXPECT_THROW(py.eval("x"), py4cpp::errors::NameError);
  py.start_if_not_alive();
  EXPECT_EQ(py.eval<int>("2"), 2);
}

TEST_F(Process, MovesWithItsWorker) {
  py4cpp::Object list = py.eval<py4cpp::Object>("[1, 2]");
  py4cpp::Python moved = std::move(py);
  EXPECT_EQ(moved.eval<int>("3"), 3);
  EXPECT_EQ(list.len(), 2u);
  EXPECT_THROW(py.eval("1"), py4cpp::Error);  // NOLINT(bugprone-use-after-move): that is what is tested
  py = std::move(moved);
  EXPECT_EQ(py.eval<int>("4"), 4);
}

TEST_F(Process, TellsItsVersion) {
  const py4cpp::VersionInfo v = py.version_info();
  EXPECT_EQ(v.major, 3);
  EXPECT_EQ(v.minor, py.eval<int>("__import__('sys').version_info.minor"));
  EXPECT_EQ(v.releaselevel, py.eval<std::string>("__import__('sys').version_info.releaselevel"));
}

// A call waits so long for a thread of Python that is busy.
TEST_F(Process, ThreadsOfPythonTakeShortTurns) {
  EXPECT_LE(py.eval<double>("__import__('sys').getswitchinterval()"), 0.001);
}

TEST_F(Process, ChangesDirectory) {
  py.chdir("/");
  EXPECT_EQ(py.cwd(), "/");
  EXPECT_THROW(py.chdir("/no/such/place"), py4cpp::errors::FileNotFoundError);
  EXPECT_EQ(py.cwd(), "/");
}

TEST(Processes, AreSeparate) {
  py4cpp::Python a{config()};
  py4cpp::Python b{config()};
  a.set("x", 1);
  EXPECT_THROW(b.eval("x"), py4cpp::errors::NameError);
  const py4cpp::Object of_a = a.eval<py4cpp::Object>("[]");
  const auto error = thrown_by<py4cpp::Error>([&] { b.call("len", of_a); });
  EXPECT_EQ(error.kind(), py4cpp::ErrorKind::invalid);
  EXPECT_EQ(b.eval<int>("1"), 1);
}

TEST_F(Process, SystemExitIsAnErrorAndTheWorkerLives) {
  EXPECT_THROW(py.exec("import sys; sys.exit(3)"), py4cpp::errors::SystemExit);
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST_F(Process, ExitCodeAndStderrOfADeadWorkerAreTold) {
  const auto error = thrown_by<py4cpp::WorkerDied>(
      [&] { py.exec("import os, sys; sys.stderr.write('last words\\n'); sys.stderr.flush(); os._exit(42)"); });
  EXPECT_EQ(error.exit_code(), 42);
  EXPECT_FALSE(error.signal());
  EXPECT_NE(error.stderr_tail().find("last words"), std::string::npos);
  EXPECT_THROW(py.eval("1"), py4cpp::WorkerDied);
}

TEST_F(Process, ASegfaultIsASignal) {
  const auto error =
      thrown_by<py4cpp::WorkerDied>([&] { py.exec("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"); });
  EXPECT_EQ(error.signal(), SIGSEGV);
  EXPECT_FALSE(error.exit_code());
}

TEST_F(Process, DeathIsSeenThoughAChildHoldsThePipe) {
  // The grandchild inherits every descriptor it can, and lives on.
  const auto error = thrown_by<py4cpp::WorkerDied>([&] {
    py.exec(
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    time.sleep(3)\n"
        "    os._exit(0)\n"
        "os._exit(7)");
  });
  EXPECT_EQ(error.exit_code(), 7);
}

TEST_F(Process, ObjectsAndArraysOutliveTheirWorker) {
  py4cpp::Object list = py.eval<py4cpp::Object>("[1]");
  py4cpp::Array<double> a = py.eval<py4cpp::Array<double>>("__import__('numpy').arange(100000.0)");
  py4cpp::Array<double> b = py.array<double>({10});
  py.stop();
  EXPECT_EQ(a.view()(99999), 99999.0);
  b.view() = 2.0;
  EXPECT_THROW(list.len(), py4cpp::WorkerDied);
  py4cpp::Python other{config()};
  EXPECT_EQ(other.call<double>("sum", b), 20.0);
  EXPECT_EQ(other.call<double>("max", a), 99999.0);
}

TEST_F(Process, AStaleObjectIsAnErrorThatSaysSoWhereverItIsUsed) {
  const py4cpp::Object stale = py.eval<py4cpp::Object>("[1]");
  py.stop();
  py.start();
  EXPECT_THROW(stale.str(), py4cpp::WorkerDied);
  EXPECT_THROW(py.call("len", stale), py4cpp::WorkerDied);
  EXPECT_THROW(py.eval("x", "x"_a = std::vector{stale}), py4cpp::WorkerDied);
  EXPECT_THROW(py.call_async("len", stale), py4cpp::WorkerDied);
  EXPECT_THROW(py.chain(stale).item(0).get(), py4cpp::WorkerDied);
  const auto error = thrown_by<py4cpp::WorkerDied>([&] { py.set("x", stale); });
  EXPECT_NE(std::string(error.what()).find("an Object of a worker that has ended"), std::string::npos) << error.what();
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST(Restart, MakesAFreshWorkerOnTheNextCall) {
  auto c = config();
  c.restart = py4cpp::Restart::on_next_call;
  c.startup = "greeting = 'hello'";
  py4cpp::Python py{c};
  py.export_function("twice", [](int x) { return 2 * x; });
  const py4cpp::Object stale = py.eval<py4cpp::Object>("[]");
  EXPECT_THROW(py.exec("import os; os._exit(1)"), py4cpp::WorkerDied);
  EXPECT_EQ(py.eval<std::string>("greeting"), "hello");
  EXPECT_EQ(py.eval<int>("twice(21)"), 42);
  EXPECT_THROW(stale.len(), py4cpp::WorkerDied);
  EXPECT_THROW(py.call("len", stale), py4cpp::Error);
  py.stop();
  EXPECT_EQ(py.eval<int>("1"), 1);
}

// By a handler of output, and by functions that the start-up code calls.
TEST(Restart, MayBeWatchedByWhatUsesThePython) {
  py4cpp::Python* watched = nullptr;
  std::atomic<int> heard{0}, product{0};
  auto c = config();
  c.restart = py4cpp::Restart::on_next_call;
  c.startup = "print('here')\nif 'started' in globals(): started()";
  c.on_stdout = [&](std::string_view) {
    if (watched != nullptr) heard = watched->pid();
  };
  py4cpp::Python py{c};
  watched = &py;
  py.export_function("started", [&] { product = py.eval<int>("6 * 7"); });
  py.stop();
  EXPECT_EQ(py.eval<int>("1"), 1);
  EXPECT_EQ(product, 42);
  EXPECT_EQ(heard, py.pid());
}

// The others get a worker whose start-up code has run.
TEST(Restart, IsDoneByOneOfManyThreads) {
  auto c = config();
  c.restart = py4cpp::Restart::on_next_call;
  c.startup = "import time\ntime.sleep(0.1)\nready = __import__('os').getpid()";
  py4cpp::Python py{c};
  for (int round = 0; round < 3; ++round) {
    py.stop();
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&] {
        if (py.eval<int>("ready") != py.pid()) ++wrong;
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
  }
}

TEST(Configured, EnvironmentDirectoryAndStartup) {
  auto c = config();
  c.environment = {{"PY4CPP_TEST_WORD", "grüezi"}};
  c.working_directory = "/usr";
  c.startup = "import os\nword = os.environ['PY4CPP_TEST_WORD']";
  py4cpp::Python py{c};
  EXPECT_EQ(py.eval<std::string>("word"), "grüezi");
  EXPECT_EQ(py.cwd(), "/usr");
}

TEST(Configured, AFailingStartupIsPythonsError) {
  auto c = config();
  c.startup = "1 / 0";
  EXPECT_THROW(py4cpp::Python{c}, py4cpp::errors::ZeroDivisionError);
}

TEST_F(Process, InterruptWakesASleepingCall) {
  std::thread interrupter([&] {
    std::this_thread::sleep_for(200ms);
    py.interrupt();
  });
  EXPECT_THROW(py.exec("import time; time.sleep(30)"), py4cpp::errors::KeyboardInterrupt);
  interrupter.join();
  EXPECT_EQ(py.eval<int>("5"), 5);
}

TEST_F(Process, InterruptOfAnIdleWorkerDoesNothing) {
  py.interrupt();
  EXPECT_EQ(py.eval<int>("5"), 5);
}

TEST_F(Process, TimeoutThrowsAndTheWorkerServesAgain) {
  {
    py4cpp::Timeout limit(py, 100ms);
    EXPECT_THROW(py.exec("import time; time.sleep(30)"), py4cpp::TimedOut);
  }
  EXPECT_EQ(py.eval<int>("6"), 6);
}

TEST_F(Process, ACallAfterTheTimeLimitIsNotMade) {
  py.exec("calls = 0\ndef count():\n    global calls\n    calls += 1");
  for (const auto time : {std::chrono::nanoseconds(0), std::chrono::nanoseconds(-1s)}) {
    py4cpp::Timeout limit(py, time);
    for (int i = 0; i < 50; ++i) EXPECT_THROW(py.call("count"), py4cpp::TimedOut);
  }
  EXPECT_EQ(py.eval<int>("calls"), 0);
  py4cpp::Timeout never(py, std::chrono::nanoseconds::max());
  EXPECT_EQ(py.eval<int>("calls"), 0);
}

TEST_F(Process, EndsThoughACallIsRunning) {
  auto c = config();
  c.stop_timeout = 100ms;
  py4cpp::Python busy{c};
  const auto f = busy.call_async<int>("eval", "__import__('time').sleep(30)");
  busy.stop();
  EXPECT_THROW(f.get(), py4cpp::WorkerDied);
}

}  // namespace py4cpp::test
