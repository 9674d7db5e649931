// The end of a program: what is in static storage is destroyed when the main thread's own objects are gone already, and
// may use Python all the same.
#include "pair_fixture.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>

namespace py4cpp::test {

namespace {

using namespace std::chrono_literals;

struct LastWords {
  std::unique_ptr<Python> py;
  std::optional<Feed> feed;
  std::optional<Object> list;
  Array<double> ones;

  ~LastWords() {
    if (!py) return;
    try {
      feed.reset();
      const Timeout limit(*py, 60s);
      const RemoteObjects as_handles(*py);
      const auto length = py->call<int>("len", *list);
      const auto sum = py->call<double>("sum", ones);
      const auto apart = Array<double>().size() + PythonError(nullptr).type().size();
      std::fprintf(stderr, "length %d sum %g and %zu", length, sum, apart);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s", error.what());
    }
  }
};
LastWords last_words;

}  // namespace

// In a process of its own, started afresh; LeakOracle looks for its names when it has ended.
TEST(ExitDeathTest, StaticObjectsMayUsePython) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto use_and_exit = [] {
    last_words.py = std::make_unique<Python>(config());
    Python& py = *last_words.py;
    last_words.feed = Feed(py, {{"x", float32, {4}}});
    const Timeout limit(py, 60s);
    const RemoteObjects as_handles(py);
    last_words.list = py.eval<Object>("[1, 2, 3]");
    last_words.ones = py.eval<Array<double>>("__import__('numpy').ones(50000)");
    py.call<int>("sum", std::vector<int>{1, 2, 3});
    EXPECT_EQ(PythonError(nullptr).type(), "");
    std::exit(0);
  };
  EXPECT_EXIT(use_and_exit(), ::testing::ExitedWithCode(0), "length 3 sum 50000 and 0");
}

}  // namespace py4cpp::test
