// What a child process is started with: descriptors, environment, directory, signals; and why it could not be.
#include "process_fixture.hpp"
#include "scratch_dir.hpp"

#include <py4cpp/error.hpp>

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

namespace py4cpp::test {
namespace {

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

TEST(Spawn, TalksOverDescriptorsThreeAndFour) {
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

TEST(Spawn, HasExactlyFiveDescriptors) {
  std::array<int, 3> strays{};  // inheritable, low and high
  strays[0] = ::open("/dev/null", O_RDONLY);
  strays[1] = ::fcntl(strays[0], F_DUPFD, 5);
  strays[2] = ::fcntl(strays[0], F_DUPFD, 200);
  EXPECT_EQ(output_of(shell(list_descriptors)), "0\n1\n2\n3\n4\n");
  for (const int stray : strays) ::close(stray);
}

TEST(Spawn, ReadsNothingFromStdin) { EXPECT_EQ(output_of(shell("readlink /proc/$$/fd/0; cat")), "/dev/null\n"); }

TEST(Spawn, OurEndsArePrivate) {
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

TEST(Spawn, InheritsStdoutUnlessCaptured) {
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

TEST(Spawn, WithoutAStdoutTheChildHasDevNull) {
  std::fflush(stdout);
  const OtherStdout none(-1);
  Process child =
      Process::spawn({.interpreter = "/bin/sh", .arguments = {"-c", "name=$(readlink /proc/$$/fd/1); echo $name >&4"}});
  EXPECT_EQ(drain(child.from_child()), "/dev/null\n");
}

TEST(Spawn, WorksWhereTheHostHasNoLowDescriptors) {
  EXPECT_TRUE(in_a_fork([] {
    for (int low = 0; low < 10; ++low) ::close(low);
    Process child = Process::spawn({.interpreter = "/bin/sh", .arguments = {"-c", "cat <&3 >&4; echo err >&2"}});
    if (::write(child.to_child(), "x", 1) != 1) return false;
    child.close_to_child();
    return drain(child.from_child()) == "x" && drain(child.stderr_fd()) == "err\n" && child.reap(patience)->code == 0;
  }));
}

TEST(Spawn, AddsAndReplacesEnvironmentVariables) {
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

TEST(Spawn, StartsInItsWorkingDirectory) {
  SpawnOptions options = shell("pwd -P");
  EXPECT_EQ(output_of(options), fs::current_path().string() + "\n");
  options.working_directory = "/proc/self/../../usr";
  EXPECT_EQ(output_of(options), "/usr\n");
}

TEST(Spawn, LeadsASessionWithoutBlockedOrIgnoredSignals) {
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

TEST(Spawn, WorksWithFewDescriptorsAndSaysWhenThereAreNone) {
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

class SpawnError : public ::testing::Test {
 protected:
  fs::path make(const std::string& name, std::string_view text, fs::perms mode) const {
    const fs::path file = directory_ / name;
    std::ofstream(file) << text;
    fs::permissions(file, mode);
    return file;
  }

  const ScratchDir scratch_;
  const fs::path directory_ = scratch_.path();
};

TEST_F(SpawnError, NamesTheInterpreterAndTheCause) {
  const fs::path missing = directory_ / "python3";
  expect_invalid({.interpreter = missing}, {missing.string(), "No such file"});
  expect_invalid({.interpreter = directory_}, {directory_.string(), "Is a directory"});
  expect_invalid({.interpreter = make("plain", "#!/bin/sh\n", fs::perms(0644))}, {"/plain", "Permission denied"});
  expect_invalid({.interpreter = make("text", "no program\n", fs::perms(0755))}, {"/text", "not a program"});
  expect_invalid({.interpreter = make("orphan", "#!/no/such/sh\n", fs::perms(0755))}, {"/orphan", "#! line"});
  expect_invalid({.interpreter = missing / "below"}, {"below", "No such file"});
}

TEST_F(SpawnError, NamesTheWorkingDirectory) {
  SpawnOptions options = shell("true");
  options.working_directory = directory_ / "missing";
  expect_invalid(options, {"working directory", "/missing", "No such file"});
  options.working_directory = make("file", "", fs::perms(0644));
  expect_invalid(options, {"working directory", "/file", "Not a directory"});
}

TEST_F(SpawnError, RefusesWhatExecCannotTake) {
  expect_invalid({.interpreter = "/bin/sh", .arguments = {"-c", std::string("a\0b", 3)}}, {"argument", "NUL"});
  expect_invalid({.interpreter = "/bin/sh", .arguments = {std::string(1U << 20U, 'x')}}, {"/bin/sh", "too large"});
  expect_invalid({.interpreter = "/bin/sh", .environment = {{"A=B", "c"}}}, {"A=B"});
  expect_invalid({.interpreter = "/bin/sh", .environment = {{"", "c"}}}, {"environment variable"});
  expect_invalid({.interpreter = "/bin/sh", .environment = {{"A", std::string("\0", 1)}}}, {"NUL"});
}

}  // namespace
}  // namespace py4cpp::test
