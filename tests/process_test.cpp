#include "process.hpp"

#include <py4cpp/error.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace py4cpp {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto patience = 30s;

SpawnOptions shell(const std::string& script) {
  return {.interpreter = "/bin/sh", .arguments = {"-c", script}, .capture_stdout = true};
}

// Everything until the end of file; our ends do not block by themselves.
std::string drain(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    pollfd wait{descriptor, POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(patience).count())) <= 0) return text + "<no end>";
    const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
    if (got <= 0) return got == 0 ? text : text + "<error>";
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

std::string output_of(const SpawnOptions& options) {
  Process child = Process::spawn(options);
  std::string text = drain(child.stdout_fd());
  const auto exit = child.reap(patience);
  EXPECT_TRUE(exit && exit->code == 0) << drain(child.stderr_fd());
  return text;
}

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

bool alive(pid_t pid) { return fs::exists("/proc/" + std::to_string(pid)); }

bool readable(int descriptor) {
  pollfd wait{descriptor, POLLIN, 0};
  return ::poll(&wait, 1, 0) == 1 && (wait.revents & POLLIN) != 0;
}

// Runs `body` in a forked process, for what would upset this one; true if it returned true there.
template <class Body>
bool in_a_fork(Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    bool good = false;
    try {
      good = body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "in the fork: %s\n", error.what());
    }
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct Failure {
  ErrorKind kind;
  std::string what;
};

Failure failure_of(const SpawnOptions& options) {
  const std::size_t before = open_descriptors();
  Failure failure{ErrorKind::bug, "it was spawned"};
  try {
    Process::spawn(options);
  } catch (const Error& error) {
    failure = {error.kind(), error.what()};
  }
  EXPECT_EQ(open_descriptors(), before);
  return failure;
}

void expect_invalid(const SpawnOptions& options, const std::vector<std::string>& parts) {
  const Failure failure = failure_of(options);
  EXPECT_EQ(failure.kind, ErrorKind::invalid) << failure.what;
  for (const std::string& part : parts) EXPECT_NE(failure.what.find(part), std::string::npos) << failure.what;
}

// One line "N" for each open descriptor.
const char* const list_descriptors =
    "n=0; while [ $n -lt 300 ]; do if [ -e /proc/$$/fd/$n ]; then echo $n; fi; n=$((n + 1)); done";

TEST(Process, TalksOverDescriptorsThreeAndFour) {
  Process child = Process::spawn({.interpreter = "/bin/sh", .arguments = {"-c", "cat <&3 >&4; echo done >&2"}});
  const std::string sent = "hello\0there";
  ASSERT_EQ(::write(child.to_child(), sent.data(), sent.size()), static_cast<ssize_t>(sent.size()));
  child.close_to_child();
  EXPECT_EQ(child.to_child(), -1);
  EXPECT_EQ(drain(child.from_child()), sent);
  EXPECT_EQ(drain(child.stderr_fd()), "done\n");
  EXPECT_EQ(child.stdout_fd(), -1);
  EXPECT_EQ(child.reap(patience)->code, 0);
}

TEST(Process, HasExactlyFiveDescriptors) {
  std::array<int, 3> strays{};  // inheritable, low and high
  strays[0] = ::open("/dev/null", O_RDONLY);
  strays[1] = ::fcntl(strays[0], F_DUPFD, 5);
  strays[2] = ::fcntl(strays[0], F_DUPFD, 200);
  EXPECT_EQ(output_of(shell(list_descriptors)), "0\n1\n2\n3\n4\n");
  for (const int stray : strays) ::close(stray);
}

TEST(Process, ReadsNothingFromStdin) { EXPECT_EQ(output_of(shell("readlink /proc/$$/fd/0; cat")), "/dev/null\n"); }

TEST(Process, OurEndsArePrivate) {
  Process child = Process::spawn(shell("cat <&3"));
  for (const int end : {child.to_child(), child.from_child(), child.stderr_fd(), child.stdout_fd()}) {
    EXPECT_GE(end, 64);
    EXPECT_NE(::fcntl(end, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(end, F_GETFD) & FD_CLOEXEC, 0);
  }
  EXPECT_GE(child.pidfd(), 64);
  EXPECT_NE(::fcntl(child.pidfd(), F_GETFD) & FD_CLOEXEC, 0);
  char byte = 0;
  EXPECT_EQ(::read(child.from_child(), &byte, 1), -1);
  EXPECT_EQ(errno, EAGAIN);
}

// Puts `descriptor` (-1: nothing) in place of stdout for a while.
class OtherStdout {
 public:
  explicit OtherStdout(int descriptor) : saved_(::fcntl(1, F_DUPFD_CLOEXEC, 10)) {
    descriptor < 0 ? ::close(1) : ::dup3(descriptor, 1, O_CLOEXEC);
  }
  ~OtherStdout() {
    ::dup2(saved_, 1);
    ::close(saved_);
  }

 private:
  int saved_;
};

TEST(Process, InheritsStdoutUnlessCaptured) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  std::fflush(stdout);
  {
    const OtherStdout pipe(ends[1]);  // close-on-exec, and inherited all the same
    Process child = Process::spawn({.interpreter = "/bin/sh", .arguments = {"-c", "echo inherited"}});
    EXPECT_EQ(child.reap(patience)->code, 0);
  }
  ::close(ends[1]);
  EXPECT_EQ(drain(ends[0]), "inherited\n");
  ::close(ends[0]);
}

TEST(Process, WithoutAStdoutTheChildHasDevNull) {
  std::fflush(stdout);
  const OtherStdout none(-1);
  Process child =
      Process::spawn({.interpreter = "/bin/sh", .arguments = {"-c", "name=$(readlink /proc/$$/fd/1); echo $name >&4"}});
  EXPECT_EQ(drain(child.from_child()), "/dev/null\n");
}

TEST(Process, WorksWhereTheHostHasNoLowDescriptors) {
  EXPECT_TRUE(in_a_fork([] {
    for (int low = 0; low < 10; ++low) ::close(low);
    Process child = Process::spawn({.interpreter = "/bin/sh", .arguments = {"-c", "cat <&3 >&4; echo err >&2"}});
    if (::write(child.to_child(), "x", 1) != 1) return false;
    child.close_to_child();
    return drain(child.from_child()) == "x" && drain(child.stderr_fd()) == "err\n" && child.reap(patience)->code == 0;
  }));
}

TEST(Process, AddsAndReplacesEnvironmentVariables) {
  setenv("PY4CPP_TEST_KEPT", "kept", 1);
  setenv("PY4CPP_TEST_REPLACED", "old", 1);
  SpawnOptions options =
      shell("echo \"$PY4CPP_TEST_KEPT $PY4CPP_TEST_REPLACED $PY4CPP_TEST_NEW <$PY4CPP_TEST_EMPTY>\"");
  options.environment = {{"PY4CPP_TEST_REPLACED", "new"}, {"PY4CPP_TEST_NEW", "a=b c"}, {"PY4CPP_TEST_EMPTY", ""}};
  EXPECT_EQ(output_of(options), "kept new a=b c <>\n");
  SpawnOptions env{.interpreter = "/usr/bin/env", .environment = options.environment, .capture_stdout = true};
  const std::string all = output_of(env);
  EXPECT_EQ(all.find("PY4CPP_TEST_REPLACED="), all.rfind("PY4CPP_TEST_REPLACED="));
  EXPECT_STREQ(std::getenv("PY4CPP_TEST_REPLACED"), "old");
  unsetenv("PY4CPP_TEST_KEPT");
  unsetenv("PY4CPP_TEST_REPLACED");
}

TEST(Process, StartsInItsWorkingDirectory) {
  SpawnOptions options = shell("pwd -P");
  EXPECT_EQ(output_of(options), fs::current_path().string() + "\n");
  options.working_directory = "/proc/self/../../usr";
  EXPECT_EQ(output_of(options), "/usr\n");
}

TEST(Process, LeadsASessionWithoutBlockedOrIgnoredSignals) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigaddset(&blocked, SIGRTMIN + 3);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto pipe = ::signal(SIGPIPE, SIG_IGN);
  const auto user = ::signal(SIGUSR1, SIG_IGN);
  const std::string status = output_of(shell("grep -E 'Sig(Blk|Ign)' /proc/$$/status | cut -f 2"));
  ::signal(SIGPIPE, pipe);
  ::signal(SIGUSR1, user);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  std::istringstream lines(status);
  std::uint64_t child_blocks = 1, child_ignores = 1;
  lines >> std::hex >> child_blocks >> child_ignores;
  constexpr std::uint64_t c_library = 3ULL << 31U;  // 32 and 33, which no program can use
  EXPECT_EQ(child_blocks, 0U) << status;
  EXPECT_EQ(child_ignores & ~c_library, 0U) << status;

  Process child = Process::spawn(shell("cat <&3"));
  EXPECT_EQ(::getsid(child.pid()), child.pid());
}

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

TEST(Process, WorksWithFewDescriptorsAndSaysWhenThereAreNone) {
  EXPECT_TRUE(in_a_fork([] {
    const rlimit few{40, 40};
    ::setrlimit(RLIMIT_NOFILE, &few);
    if (output_of(shell("echo fine")) != "fine\n") return false;
    bool exhausted = true;
    for (int spare = 0; spare < 40; ++spare) {  // every possible number of free descriptors
      try {
        Process::spawn(shell("cat <&3"));
      } catch (const Error& error) {
        exhausted = exhausted && error.kind() == ErrorKind::exhausted;
      }
      if (::open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) break;
    }
    return exhausted && ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
  }));
}

class ProcessError : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "py4cpp_process_test.XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { fs::remove_all(directory_); }

  fs::path make(const std::string& name, std::string_view text, fs::perms mode) const {
    const fs::path file = directory_ / name;
    std::ofstream(file) << text;
    fs::permissions(file, mode);
    return file;
  }

  fs::path directory_;
};

TEST_F(ProcessError, NamesTheInterpreterAndTheCause) {
  const fs::path missing = directory_ / "python3";
  expect_invalid({.interpreter = missing}, {missing.string(), "No such file"});
  expect_invalid({.interpreter = directory_}, {directory_.string(), "Is a directory"});
  expect_invalid({.interpreter = make("plain", "#!/bin/sh\n", fs::perms(0644))}, {"/plain", "Permission denied"});
  expect_invalid({.interpreter = make("text", "no program\n", fs::perms(0755))}, {"/text", "not a program"});
  expect_invalid({.interpreter = make("orphan", "#!/no/such/sh\n", fs::perms(0755))}, {"/orphan", "#! line"});
  expect_invalid({.interpreter = missing / "below"}, {"below", "No such file"});
}

TEST_F(ProcessError, NamesTheWorkingDirectory) {
  SpawnOptions options = shell("true");
  options.working_directory = directory_ / "missing";
  expect_invalid(options, {"working directory", "/missing", "No such file"});
  options.working_directory = make("file", "", fs::perms(0644));
  expect_invalid(options, {"working directory", "/file", "Not a directory"});
}

TEST_F(ProcessError, RefusesWhatExecCannotTake) {
  expect_invalid({.interpreter = "/bin/sh", .arguments = {"-c", std::string("a\0b", 3)}}, {"argument", "NUL"});
  expect_invalid({.interpreter = "/bin/sh", .arguments = {std::string(1U << 20U, 'x')}}, {"/bin/sh", "too large"});
  expect_invalid({.interpreter = "/bin/sh", .environment = {{"A=B", "c"}}}, {"A=B"});
  expect_invalid({.interpreter = "/bin/sh", .environment = {{"", "c"}}}, {"environment variable"});
  expect_invalid({.interpreter = "/bin/sh", .environment = {{"A", std::string("\0", 1)}}}, {"NUL"});
}

}  // namespace
}  // namespace py4cpp
