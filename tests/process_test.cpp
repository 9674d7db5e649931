// A child process that runs, is signalled and ends, whatever the host and its other threads and children do meanwhile.
#include "process_fixture.hpp"

#include <signal.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace py4cpp::test {
namespace {

using namespace std::chrono_literals;

TEST(Process, TellsTheExitCode) {
  Process child = Process::spawn(shell("exit 7"));
  for (int again = 0; again < 2; ++again) {
    const auto exit = child.reap(patience);
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->code, 7);
    EXPECT_EQ(exit->signal, std::nullopt);
  }
  EXPECT_TRUE(readable(child.pidfd()));
  EXPECT_FALSE(child.kill(SIGKILL));
  EXPECT_FALSE(alive(child.pid()));
}

TEST(Process, TellsTheSignal) {
  Process child = Process::spawn(shell("kill -SEGV $$"));
  const auto exit = child.reap(patience);
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, std::nullopt);
  EXPECT_EQ(exit->signal, SIGSEGV);
}

TEST(Process, ReapWaitsAsLongAsItIsTold) {
  Process child = Process::spawn(shell("read line <&3; exit 3"));
  EXPECT_FALSE(child.reap());
  EXPECT_FALSE(child.reap(20ms));
  EXPECT_FALSE(child.reap(-5ms));
  EXPECT_FALSE(readable(child.pidfd()));
  std::thread later([&] { child.close_to_child(); });
  const auto exit = child.reap(std::chrono::milliseconds::max());
  later.join();
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->code, 3);
}

TEST(Process, CanBeSignalledAndReapedFromManyThreads) {
  Process child = Process::spawn(shell("cat <&3"));
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      child.kill(SIGTERM);
      const auto exit = child.reap(patience);
      if (exit && exit->signal == SIGTERM) ++good;
      child.kill(SIGTERM);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 4);
}

TEST(Process, ItsDestructorKillsAndReaps) {
  const std::size_t before = open_descriptors();
  pid_t pid = 0;
  {
    Process child = Process::spawn(shell("trap '' TERM INT HUP; while true; do sleep 1; done"));
    pid = child.pid();
    EXPECT_TRUE(alive(pid));
  }
  EXPECT_FALSE(alive(pid));
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Process, WritingToADeadChildRaisesNoSignal) {
  EXPECT_TRUE(in_a_fork([] {
    ::signal(SIGPIPE, SIG_DFL);
    Process child = Process::spawn(shell("exit 0"));
    const int to_child = child.take_to_child();
    if (!child.reap(patience) || child.to_child() != -1) return false;
    return ::write(to_child, "x", 1) == 1;
  }));
}

TEST(Process, EndsThatWereTakenOutliveIt) {
  std::array<int, 2> taken{};
  {
    Process child = Process::spawn(shell("cat <&3 >&4"));
    taken = {child.take_to_child(), child.take_from_child()};
    EXPECT_EQ(child.from_child(), -1);
    ASSERT_EQ(::write(taken[0], "x", 1), 1);
    ASSERT_EQ(::close(taken[0]), 0);
    child.close_to_child();  // ours is gone; the rest of what the child could wait for
    EXPECT_EQ(child.reap(patience)->code, 0);
  }
  EXPECT_EQ(drain(taken[1]), "x");
  ::close(taken[1]);
}

TEST(Process, QueuesASignalWithAValue) {
  Process child = Process::spawn({.interpreter = "/usr/bin/python3",
                                  .arguments = {"-I", "-c",
                                                "import os, signal\n"
                                                "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])\n"
                                                "os.write(4, b'r')\n"
                                                "print(signal.sigwaitinfo([signal.SIGRTMIN]).si_code, os.getppid())"},
                                  .capture_stdout = true});
  pollfd ready{child.from_child(), POLLIN, 0};
  ASSERT_EQ(::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(patience).count())), 1);
  EXPECT_TRUE(child.queue_signal(SIGRTMIN, 0x1234567890ABCDEFU));
  EXPECT_EQ(drain(child.stdout_fd()), std::to_string(SI_QUEUE) + " " + std::to_string(::getpid()) + "\n");
  EXPECT_EQ(child.reap(patience)->code, 0);
  EXPECT_FALSE(child.queue_signal(SIGRTMIN, 1));
}

TEST(Process, MovesAndReplacingEndsTheOldOne) {
  Process first = Process::spawn(shell("cat <&3"));
  const pid_t replaced = first.pid();
  Process second = Process::spawn(shell("cat <&3"));
  const pid_t kept = second.pid();
  first = std::move(second);
  EXPECT_FALSE(alive(replaced));
  EXPECT_EQ(first.pid(), kept);
  Process third(std::move(first));
  EXPECT_TRUE(alive(kept));
  EXPECT_TRUE(third.kill(SIGKILL));
  EXPECT_EQ(third.reap(patience)->signal, SIGKILL);
}

TEST(Process, OutlivesTheThreadThatSpawnedIt) {
  std::optional<Process> child;
  std::thread([&] { child = Process::spawn(shell("cat <&3 >&4")); }).join();
  EXPECT_FALSE(child->reap(50ms));
  ASSERT_EQ(::write(child->to_child(), "still here", 10), 10);
  child->close_to_child();
  EXPECT_EQ(drain(child->from_child()), "still here");
  EXPECT_EQ(child->reap(patience)->code, 0);
}

TEST(Process, ConcurrentSpawnsLeakNoDescriptorAnywhere) {
  const std::size_t before = open_descriptors();
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&] {
      for (int round = 0; round < 25; ++round) {
        Process child =
            Process::spawn(shell("test ! -e /proc/$$/fd/5 || exit 9; n=64; while [ $n -lt 120 ]; do"
                                 " test ! -e /proc/$$/fd/$n || exit 9; n=$((n + 1)); done; echo fine"));
        if (drain(child.stdout_fd()) == "fine\n" && child.reap(patience)->code == 0) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 200);
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Process, IgnoredChildSignalsLeaveTheStatusUnknown) {
  EXPECT_TRUE(in_a_fork([] {
    ::signal(SIGCHLD, SIG_IGN);
    for (int round = 0; round < 100; ++round) {  // some are gone before they have a pidfd
      Process child = Process::spawn(shell(round % 2 == 0 ? "exit 3" : ":"));
      const auto exit = child.reap(patience);
      if (!exit || exit->code || exit->signal || !readable(child.pidfd()) || child.kill(SIGKILL)) return false;
    }
    Process living = Process::spawn(shell("cat <&3"));
    if (living.reap(20ms) || !living.kill(SIGKILL)) return false;
    const auto exit = living.reap(patience);
    Process destroyed_alive = Process::spawn(shell("cat <&3"));
    return exit && !exit->code && !exit->signal;
  }));
}

TEST(Process, AStrangersWaitLeavesTheStatusUnknown) {
  EXPECT_TRUE(in_a_fork([] {
    Process child = Process::spawn(shell("exit 3"));
    if (::waitpid(-1, nullptr, 0) != child.pid()) return false;
    const auto exit = child.reap(patience);
    return exit && !exit->code && !exit->signal && !child.kill(SIGKILL);
  }));
}

TEST(Process, IsInertInAForkedChild) {
  Process child = Process::spawn(shell("cat <&3 >&4"));
  std::optional<Process> held(std::move(child));
  EXPECT_TRUE(in_a_fork([&] {
    const bool inert = !held->kill(SIGKILL) && !held->reap(20ms);
    const std::size_t before = open_descriptors();
    held.reset();
    return inert && open_descriptors() < before;
  }));
  EXPECT_FALSE(held->reap(20ms));
  held->close_to_child();
  EXPECT_EQ(held->reap(patience)->code, 0);
}

}  // namespace
}  // namespace py4cpp::test
