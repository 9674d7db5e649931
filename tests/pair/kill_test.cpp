// Either side may be killed at any time: every call ends, typed, and nothing is left behind.
#include "child_process.hpp"
#include "host_child.hpp"
#include "pair_fixture.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <iterator>
#include <random>
#include <thread>

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace py4cpp::test {

using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto patience = 20s;  // on a crowded machine an interpreter takes seconds to start

template <class Condition>
bool within_patience(const Condition& condition) {
  const auto deadline = Clock::now() + patience;
  while (!condition()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

std::vector<std::string> names_of(pid_t process) { return names_with("py4cpp." + std::to_string(process) + "."); }

// Somebody else's child, told apart from a later process with its pid.
class Stranger {
 public:
  explicit Stranger(pid_t pid) : descriptor_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {
    if (descriptor_ < 0) throw std::runtime_error("no such process");
  }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;
  ~Stranger() { close(descriptor_); }

  void kill(int signal) const { syscall(SYS_pidfd_send_signal, descriptor_, signal, nullptr, 0); }
  bool ends() const {
    pollfd watched{descriptor_, POLLIN, 0};
    return poll(&watched, 1, static_cast<int>(std::chrono::milliseconds(patience).count())) == 1;
  }

 private:
  int descriptor_;
};

// Calls of all kinds from several threads until there is no worker any more. Counts what was as it should be and what
// was not.
class Load {
 public:
  explicit Load(py4cpp::Python& py) : py_(py) {
    py_.exec(
        "def apply(f, n):\n"
        "    return sum(f(i) for i in range(n))\n"
        "def add_up(feed):\n"
        "    return sum(float(batch['x'].sum()) for batch in feed)\n");
    for (const auto work : works) threads_.emplace_back([this, work] { repeat(work); });
  }
  ~Load() { join(); }

  void join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  static constexpr int threads() { return static_cast<int>(std::size(works)); }

  std::atomic<int> done{0}, died{0}, wrong{0};

 private:
  void repeat(void (Load::*work)()) {
    for (;;) {
      try {
        (this->*work)();
        ++done;
      } catch (const py4cpp::WorkerDied& error) {
        ++died;
        if (error.signal() != SIGKILL) blame(error.what());
        return;
      } catch (const std::exception& error) {
        return blame(error.what());
      }
    }
  }
  void blame(const std::string& what) {
    ++wrong;
    ADD_FAILURE() << what;
  }
  void expect(bool right, const char* what) {
    if (!right) blame(what);
  }

  void calls() { expect(py_.eval<int>("x * 2", "x"_a = 21) == 42, "a wrong result"); }

  void futures() {
    std::vector<py4cpp::Future<int>> futures;
    for (int i = 0; i < 16; ++i) futures.push_back(py_.call_async<int>("abs", -i));
    bool dead = false;
    std::optional<py4cpp::WorkerDied> death;
    for (int i = 0; i < 16; ++i) {
      try {
        expect(futures[static_cast<std::size_t>(i)].get() == i && !dead, "a wrong result of a future");
      } catch (const py4cpp::WorkerDied& error) {
        dead = true;
        death = error;
      }
    }
    if (death) throw *death;
  }

  void arrays_to_python() {
    py4cpp::Array<double> array = py_.array<double>({20'000});
    array.view() = 0.5;
    expect(py_.call<double>("numpy.sum", array) == 10'000.0, "a wrong sum");
  }

  void arrays_from_python() {
    kept_ = py_.eval<py4cpp::Array<double>>("__import__('numpy').full(20000, 3.0)");
    expect(kept_.view()(19'999) == 3.0, "a wrong element");
  }

  void callbacks() {
    const auto nested = [this](int i) { return py_.eval<int>("i + 1", "i"_a = i); };
    expect(py_.call<int>("apply", nested, 4) == 10, "a wrong sum of callbacks");
  }

  void feeds() {
    py4cpp::Feed feed(py_, {{"x", py4cpp::float64, {5'000}}}, {.slots = 3});
    const auto sum = py_.call_async<double>("add_up", feed);
    for (int i = 0; i < 8; ++i) {
      py4cpp::Batch batch = feed.acquire();
      batch.array<double>("x").view() = 1.0;
      batch.publish();
    }
    feed.close();
    expect(sum.get() == 40'000.0, "a wrong sum of batches");
  }

  void streams() {
    int expected = 0;
    for (const int found : py_.collect<int>(py_.eval<py4cpp::Object>("(i for i in range(50))"))) {
      expect(found == expected++, "a wrong element of a stream");
    }
    expect(expected == 50, "a stream that ended early");
  }

  static constexpr void (Load::*works[])() = {
      &Load::calls,     &Load::futures, &Load::arrays_to_python, &Load::arrays_from_python,
      &Load::callbacks, &Load::feeds,   &Load::streams};

  py4cpp::Python& py_;
  py4cpp::Array<double> kept_;
  std::vector<std::thread> threads_;
};

std::mt19937& generator() {
  static std::mt19937 numbers(std::random_device{}());
  return numbers;
}

void sleep_at_most(std::chrono::microseconds longest) {
  std::uniform_int_distribution<long> anything(0, longest.count());
  std::this_thread::sleep_for(std::chrono::microseconds(anything(generator())));
}

// What a host tells of itself before it is killed.
struct Told {
  pid_t worker = 0;
};

}  // namespace

// ---- the worker

TEST(KilledWorker, EveryCallEndsTyped) {
  int done = 0;
  for (int round = 0; round < 60 && !::testing::Test::HasFailure(); ++round) {
    py4cpp::Python py{config()};
    if (round % 2 == 0) py.import("numpy");
    const pid_t worker = py.pid();
    {
      Load load(py);
      sleep_at_most(round % 4 == 0 ? 5ms : 60ms);
      ASSERT_EQ(kill(worker, SIGKILL), 0);
      load.join();
      EXPECT_EQ(load.died, Load::threads());
      EXPECT_EQ(load.wrong, 0);
      EXPECT_FALSE(py.alive());
      EXPECT_THROW(py.eval("1"), py4cpp::WorkerDied);
      done += load.done;
    }
    EXPECT_TRUE(within_patience([&] { return names_of(worker).empty(); })) << names_of(worker).front();
  }
  EXPECT_GT(done, 0);
}

TEST(KilledWorker, TheNextCallHasAnother) {
  auto c = config();
  c.restart = py4cpp::Restart::on_next_call;
  py4cpp::Python py{c};
  for (int round = 0; round < 10; ++round) {
    const pid_t worker = py.pid();
    const auto pending = py.exec_async("import time; time.sleep(60)");
    sleep_at_most(3ms);
    ASSERT_EQ(kill(worker, SIGKILL), 0);
    const auto error = thrown_by<py4cpp::WorkerDied>([&] { pending.get(); });
    EXPECT_EQ(error.signal(), SIGKILL);
    EXPECT_EQ(py.eval<int>("1"), 1);
    EXPECT_NE(py.pid(), worker);
  }
}

TEST(KilledWorker, InALoopThatNeverEnds) {
  py4cpp::Python py{config()};
  const auto pending = py.eval_async<int>("sum(range(10**12))");
  std::this_thread::sleep_for(20ms);
  ASSERT_EQ(kill(py.pid(), SIGKILL), 0);
  EXPECT_THROW(pending.get(), py4cpp::WorkerDied);
}

TEST(KilledWorker, WhatItSharedStays) {
  py4cpp::Python py{config()};
  py4cpp::Array<double> theirs = py.eval<py4cpp::Array<double>>("__import__('numpy').arange(50000.0)");
  py4cpp::Array<double> ours = py.array<double>({50'000});
  py.call("numpy.copyto", ours, theirs);
  ASSERT_EQ(kill(py.pid(), SIGKILL), 0);
  EXPECT_THROW(py.exec("import time; time.sleep(60)"), py4cpp::WorkerDied);
  EXPECT_EQ(theirs.view()(49'999), 49'999.0);
  EXPECT_EQ(ours.view()(49'999), 49'999.0);
  theirs.view() = 7.0;
  py4cpp::Python next{config()};
  EXPECT_EQ(next.call<double>("numpy.sum", theirs), 350'000.0);
}

// ---- the host

// Orphans come to this process, so that it can tell when there is none.
class KilledHost : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); }
  void TearDown() override {
    EXPECT_TRUE(no_child_left());
    prctl(PR_SET_CHILD_SUBREAPER, 0);
  }

  static bool no_child_left() {
    return within_patience([] {
      while (waitpid(-1, nullptr, WNOHANG) > 0) continue;
      return waitpid(-1, nullptr, WNOHANG) < 0;
    });
  }

  // Kills the host after some time and looks whether all that it had is gone.
  static void kill_and_look(ChildProcess& host, std::chrono::microseconds longest) {
    const pid_t pid = host.pid();
    const auto told = host.talk().receive<Told>();
    const Stranger worker(told.worker);
    sleep_at_most(longest);
    host.kill();
    EXPECT_TRUE(worker.ends());
    for (const pid_t process : {pid, told.worker}) {
      EXPECT_TRUE(within_patience([&] { return names_of(process).empty(); })) << names_of(process).front();
    }
    EXPECT_TRUE(no_child_left());
  }
};

TEST_F(KilledHost, UnderLoad) {
  for (int round = 0; round < 30 && !HasFailure(); ++round) {
    ChildProcess host([](Talk& talk) {
      py4cpp::Python py{config()};
      py.import("numpy");
      const auto array = py.eval<py4cpp::Array<double>>("__import__('numpy').ones(300000)");
      const auto own = py.array<float>({300'000});
      py.set("held", own);
      talk.send(Told{py.pid()});
      Load load(py);
      load.join();
      return 1;
    });
    kill_and_look(host, 40ms);
  }
}

TEST_F(KilledHost, WhileTheWorkerIsInALoopThatNeverEnds) {
  for (int round = 0; round < 5 && !HasFailure(); ++round) {
    ChildProcess host([](Talk& talk) {
      py4cpp::Python py{config()};
      const auto array = py.eval<py4cpp::Array<double>>("__import__('numpy').ones(300000)");
      talk.send(Told{py.pid()});
      py.eval<int>("sum(range(10**12))");
      return 1;
    });
    kill_and_look(host, 20ms);
  }
}

TEST_F(KilledHost, WhileTheWorkerIgnoresSignals) {
  ChildProcess host([](Talk& talk) {
    py4cpp::Python py{config()};
    talk.send(Told{py.pid()});
    py.exec(
        "import signal\n"
        "for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:\n"
        "    try:\n"
        "        signal.signal(number, signal.SIG_IGN)\n"
        "    except OSError:\n"
        "        pass\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n"
        "while True:\n"
        "    try:\n"
        "        while True: pass\n"
        "    except BaseException:\n"
        "        pass\n");
    return 1;
  });
  kill_and_look(host, 100ms);
}

TEST_F(KilledHost, WithFourWorkers) {
  ChildProcess host([](Talk& talk) -> int {
    std::vector<py4cpp::Python> workers;
    for (int i = 0; i < 4; ++i) {
      workers.emplace_back(config());
      talk.send(Told{workers.back().pid()});
    }
    for (;;) pause();
  });
  for (int i = 0; i < 3; ++i) host.talk().receive<Told>();
  kill_and_look(host, 10ms);
}

TEST_F(KilledHost, WhileItStartsAWorker) {
  for (int round = 0; round < 25 && !HasFailure(); ++round) {
    ChildProcess host([](Talk&) {
      for (;;) py4cpp::Python py{config()};
      return 1;
    });
    const pid_t pid = host.pid();
    sleep_at_most(150ms);
    host.kill();
    EXPECT_TRUE(no_child_left());
    EXPECT_EQ(in_host_child([] { return py4cpp::Python{config()}.eval<int>("7"); }), 7);  // sweeps
    EXPECT_TRUE(names_of(pid).empty()) << names_of(pid).front();
  }
}

// Nobody of the two can clean up; the next process that starts does.
TEST_F(KilledHost, TogetherWithItsWorker) {
  for (int round = 0; round < 5 && !HasFailure(); ++round) {
    ChildProcess host([](Talk& talk) {
      py4cpp::Python py{config()};
      const auto array = py.eval<py4cpp::Array<double>>("__import__('numpy').ones(300000)");
      const auto own = py.array<float>({300'000});
      talk.send(Told{py.pid()});
      for (;;) py.eval<int>("1");
      return 1;
    });
    const pid_t pid = host.pid();
    const auto told = host.talk().receive<Told>();
    const Stranger worker(told.worker);
    worker.kill(SIGSTOP);  // so that neither sees the other die
    sleep_at_most(2ms);
    kill(pid, SIGSTOP);
    worker.kill(SIGKILL);
    host.kill();
    EXPECT_TRUE(worker.ends());
    EXPECT_TRUE(no_child_left());
    EXPECT_EQ(in_host_child([] { return py4cpp::Python{config()}.eval<int>("7"); }), 7);
    for (const pid_t process : {pid, told.worker}) {
      EXPECT_TRUE(names_of(process).empty()) << names_of(process).front();
    }
  }
}

}  // namespace py4cpp::test
