// A worker that doesn't listen: calls time out, and it is stopped all the same.
#include "pair_fixture.hpp"

#include <atomic>
#include <thread>

#include <signal.h>

namespace py4cpp::test {

using namespace std::chrono_literals;

namespace {

// A worker that is given little time to stop.
py4cpp::Config impatient() {
  auto c = config();
  c.stop_timeout = 200ms;
  return c;
}

}  // namespace

TEST(Unresponsive, StoppedBySignal) {
  py4cpp::Python py{impatient()};
  ASSERT_EQ(kill(py.pid(), SIGSTOP), 0);
  {
    const py4cpp::Timeout limit(py, 100ms);
    EXPECT_THROW(py.eval("1"), py4cpp::TimedOut);
  }
  EXPECT_TRUE(py.alive());
  py.stop();
  EXPECT_FALSE(py.alive());
}

TEST(Unresponsive, ContinuedAfterATimeout) {
  py4cpp::Python py{config()};
  ASSERT_EQ(kill(py.pid(), SIGSTOP), 0);
  {
    const py4cpp::Timeout limit(py, 100ms);
    EXPECT_THROW(py.eval("1"), py4cpp::TimedOut);
    EXPECT_THROW(py.call("len", std::string(1'000'000, 'x')), py4cpp::TimedOut);  // more than a pipe holds
  }
  ASSERT_EQ(kill(py.pid(), SIGCONT), 0);
  EXPECT_EQ(py.eval<int>("2"), 2);
}

TEST(Unresponsive, IgnoresSigterm) {
  py4cpp::Python py{impatient()};
  py.exec("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)");
  const auto f = py.exec_async("while True: pass");
  py.stop();
  EXPECT_FALSE(py.alive());
  const auto error = thrown_by<py4cpp::WorkerDied>([&] { f.get(); });
  EXPECT_EQ(error.signal(), SIGKILL);
}

TEST(Unresponsive, InALoopOfC) {
  py4cpp::Python py{impatient()};
  const auto f = py.eval_async<int>("sum(range(10**12))");
  {
    const py4cpp::Timeout limit(py, 100ms);
    EXPECT_THROW(py.eval("1"), py4cpp::TimedOut);
  }
  py.stop();
  EXPECT_FALSE(py.alive());
  EXPECT_THROW(f.get(), py4cpp::WorkerDied);
}

TEST(Unresponsive, RefusesToBeInterrupted) {
  py4cpp::Python py{impatient()};
  std::atomic<bool> in_loop{false};
  py.set("enter", [&] { in_loop = true; });
  const auto f = py.exec_async(
      "while True:\n"
      "    try:\n"
      "        enter()\n"
      "        while True: sum(range(10))\n"
      "    except BaseException: pass");
  while (!in_loop) std::this_thread::sleep_for(1ms);  // before it has started, nothing could refuse
  py.interrupt();
  EXPECT_FALSE(f.wait_for(100ms));
  py.stop();
  EXPECT_THROW(f.get(), py4cpp::WorkerDied);
}

TEST(Unresponsive, HangsWhenItEnds) {
  py4cpp::Python py{impatient()};
  py.exec(
      "import atexit, threading, time\n"
      "atexit.register(time.sleep, 60)\n"
      "threading.Thread(target=time.sleep, args=(60,)).start()");
  py.stop();
  EXPECT_FALSE(py.alive());
}

}  // namespace py4cpp::test
