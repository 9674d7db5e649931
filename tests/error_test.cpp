#include <py4cpp/error.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

namespace py4cpp {
namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

template <class E>
constexpr bool is_a_proper_exception =
    std::is_nothrow_copy_constructible_v<E>&& std::is_nothrow_copy_assignable_v<E>&& std::is_base_of_v<Error, E>;

static_assert(is_a_proper_exception<WorkerDied> && is_a_proper_exception<TimedOut> &&
              is_a_proper_exception<ConfigError> && is_a_proper_exception<ConversionError> &&
              is_a_proper_exception<OutOfSharedMemory> && is_a_proper_exception<PythonError>);
static_assert(std::is_base_of_v<std::runtime_error, Error>);

TEST(Error, HasAKindAndItsMessage) {
  const Error error(ErrorKind::exhausted, "no descriptors left");
  EXPECT_EQ(error.kind(), ErrorKind::exhausted);
  EXPECT_STREQ(error.what(), "no descriptors left");
}

TEST(Error, NamesEveryKind) {
  EXPECT_EQ(to_string(ErrorKind::invalid), "invalid");
  EXPECT_EQ(to_string(ErrorKind::raised), "raised");
  EXPECT_EQ(to_string(ErrorKind::exhausted), "exhausted");
  EXPECT_EQ(to_string(ErrorKind::disconnected), "disconnected");
  EXPECT_EQ(to_string(ErrorKind::timeout), "timeout");
  EXPECT_EQ(to_string(ErrorKind::incompatible), "incompatible");
  EXPECT_EQ(to_string(ErrorKind::bug), "bug");
}

TEST(WorkerDied, TellsExitCodeAndStderr) {
  const WorkerDied error("the worker ended", 3, std::nullopt, "first\nlast\n\n");
  EXPECT_EQ(error.kind(), ErrorKind::disconnected);
  EXPECT_EQ(error.exit_code(), 3);
  EXPECT_EQ(error.signal(), std::nullopt);
  EXPECT_EQ(error.stderr_tail(), "first\nlast\n\n");
  EXPECT_STREQ(error.what(), "the worker ended: exit code 3\nits last lines on stderr:\nfirst\nlast");
}

TEST(WorkerDied, NamesTheSignal) {
  EXPECT_STREQ(WorkerDied("gone", std::nullopt, SIGSEGV).what(), "gone: killed by signal 11 (SIGSEGV)");
  EXPECT_STREQ(WorkerDied("gone", std::nullopt, 200).what(), "gone: killed by signal 200");
}

TEST(WorkerDied, MayKnowNothing) {
  const WorkerDied error("the worker was stopped");
  EXPECT_STREQ(error.what(), "the worker was stopped");
  EXPECT_FALSE(error.exit_code() || error.signal());
  EXPECT_EQ(error.stderr_tail(), "");
}

TEST(WorkerDied, ShowsOnlyTheEndOfALongTail) {
  std::string tail;
  for (int line = 0; line < 1000; ++line) tail += "line " + std::to_string(line) + "\n";
  const std::string shown = WorkerDied("gone", 1, std::nullopt, tail).what();
  EXPECT_TRUE(contains(shown, "\nline 980\n"));
  EXPECT_FALSE(contains(shown, "line 979"));
  EXPECT_EQ(shown.substr(shown.size() - 8), "line 999");

  const std::string one_line = WorkerDied("gone", 1, std::nullopt, std::string(100'000, 'a') + "end").what();
  EXPECT_LT(one_line.size(), 5000U);
  EXPECT_EQ(one_line.substr(one_line.size() - 4), "aend");

  const std::string long_then_short = WorkerDied("gone", 1, std::nullopt, std::string(9000, 'a') + "\nend").what();
  EXPECT_EQ(long_then_short, "gone: exit code 1\nits last lines on stderr:\nend");
}

TEST(Simple, KindsOfTheRest) {
  EXPECT_EQ(TimedOut("2 s passed").kind(), ErrorKind::timeout);
  EXPECT_EQ(ConfigError("bad").kind(), ErrorKind::invalid);
  EXPECT_STREQ(TimedOut("2 s passed").what(), "2 s passed");
}

TEST(ConversionError, GrowsItsPathFromTheInsideOut) {
  const ConversionError inner("", "int in -128..127", "str 'x'");
  EXPECT_STREQ(inner.what(), "expected int in -128..127, found str 'x'");
  const ConversionError outer = inner.prefixed("['k']").prefixed("[3]");
  EXPECT_EQ(outer.path(), "[3]['k']");
  EXPECT_EQ(outer.expected(), "int in -128..127");
  EXPECT_EQ(outer.found(), "str 'x'");
  EXPECT_STREQ(outer.what(), "[3]['k']: expected int in -128..127, found str 'x'");
  EXPECT_EQ(outer.kind(), ErrorKind::invalid);
}

TEST(OutOfSharedMemory, SaysHowMuchAndWhatToDo) {
  const OutOfSharedMemory error(std::uint64_t{5} << 30, 1536, "shared_memory_limit is 64 MiB");
  EXPECT_EQ(error.kind(), ErrorKind::exhausted);
  EXPECT_EQ(error.asked(), 5368709120U);
  EXPECT_EQ(error.available(), 1536U);
  for (const char* part : {"5368709120 bytes (5.0 GiB)", "1536 bytes (1.5 KiB)", "shared_memory_limit is 64 MiB",
                           "df -h /dev/shm", "--shm-size"}) {
    EXPECT_TRUE(contains(error.what(), part)) << part << " is not in " << error.what();
  }
  EXPECT_TRUE(contains(OutOfSharedMemory(1, 0).what(), "asked for 1 byte, 0 bytes available"));
  EXPECT_TRUE(contains(OutOfSharedMemory(UINT64_MAX, 0).what(), "(16.0 EiB)"));
}

std::shared_ptr<const ExceptionInfo> key_error() {
  ExceptionInfo info;
  info.type = "app.Missing";
  info.message = "'x'";
  info.traceback = "Traceback (most recent call last):\n  ...\napp.Missing: 'x'\n";
  info.notes = {"while loading"};
  info.bases = {"app.Missing", "KeyError", "LookupError", "Exception", "BaseException"};
  return std::make_shared<const ExceptionInfo>(std::move(info));
}

TEST(PythonError, CarriesWhatPythonKnows) {
  const PythonError error(key_error());
  EXPECT_EQ(error.kind(), ErrorKind::raised);
  EXPECT_STREQ(error.what(), "app.Missing: 'x'\nwhile loading");
  EXPECT_EQ(error.type(), "app.Missing");
  EXPECT_EQ(error.message(), "'x'");
  EXPECT_TRUE(contains(error.traceback(), "most recent call"));
  EXPECT_EQ(error.notes(), std::vector<std::string>{"while loading"});
  EXPECT_EQ(error.cause(), nullptr);
  EXPECT_EQ(error.context(), nullptr);
}

TEST(PythonError, MatchesEveryBaseByItsQualifiedName) {
  const PythonError error(key_error());
  for (const char* name :
       {"app.Missing", "KeyError", "LookupError", "Exception", "BaseException", "builtins.KeyError"}) {
    EXPECT_TRUE(error.matches(name)) << name;
  }
  for (const char* name : {"Missing", "IndexError", "", "Key", "builtins.Missing"}) {
    EXPECT_FALSE(error.matches(name)) << name;
  }
}

TEST(PythonError, IsUsableWithoutAnyInfo) {
  const PythonError error(nullptr);
  EXPECT_STREQ(error.what(), "");
  EXPECT_EQ(error.type(), "");
  EXPECT_FALSE(error.matches("Exception"));
}

TEST(PythonError, CopiesShareTheirInfo) {
  const PythonError error(key_error());
  PythonError copy(error);
  EXPECT_EQ(copy.info(), error.info());
  copy = PythonError(nullptr);
  EXPECT_EQ(copy.type(), "");
  EXPECT_EQ(error.type(), "app.Missing");
}

// Counts the exceptions of a chain that are still alive.
struct Chain {
  std::shared_ptr<int> alive = std::make_shared<int>(0);

  std::shared_ptr<const ExceptionInfo> link(std::shared_ptr<const ExceptionInfo> inner, bool as_cause) const {
    ExceptionInfo info;
    info.object = alive;
    if (inner) (as_cause ? info.cause : info.context) = std::make_shared<const PythonError>(std::move(inner));
    return std::make_shared<const ExceptionInfo>(std::move(info));
  }
};

TEST(PythonError, AChainOfAMillionCausesIsDestroyedWithoutRecursion) {
  const Chain chain;
  std::shared_ptr<const ExceptionInfo> info;
  for (int depth = 0; depth < 1'000'000; ++depth) info = chain.link(std::move(info), depth % 2 == 0);
  { const PythonError error(std::move(info)); }
  EXPECT_EQ(chain.alive.use_count(), 1);
}

TEST(PythonError, PartOfAChainMayOutliveTheRest) {
  const Chain chain;
  const auto inner = chain.link(chain.link(nullptr, true), true);
  { const PythonError error(chain.link(chain.link(inner, true), false)); }
  EXPECT_EQ(chain.alive.use_count(), 3);
  EXPECT_NE(inner->cause, nullptr);
}

TEST(PythonError, ChainsMayDieOnManyThreads) {
  const Chain chain;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&chain] {
      for (int round = 0; round < 200; ++round) {
        std::shared_ptr<const ExceptionInfo> info;
        for (int depth = 0; depth < 20; ++depth) info = chain.link(std::move(info), depth % 3 == 0);
        try {
          throw PythonError(std::move(info));
        } catch (const Error&) {
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(chain.alive.use_count(), 1);
}

}  // namespace
}  // namespace py4cpp
