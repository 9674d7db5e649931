// Interrupts hit the call they were meant for, or none: PY4CPP_INTERRUPT_TRIES says how often that is tried (3,000;
// ./run large-tests tries 100,000 times).
#include "pair_fixture.hpp"

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

namespace py4cpp::test {

namespace {

using Clock = std::chrono::steady_clock;

int tries() {
  const char* wanted = std::getenv("PY4CPP_INTERRUPT_TRIES");
  return wanted != nullptr ? std::stoi(wanted) : 3'000;
}

void spin_for(std::chrono::nanoseconds time) {
  for (const auto end = Clock::now() + time; Clock::now() < end;) {
  }
}

// How a call ended that may have been interrupted.
bool was_interrupted(const Future<int>& call) {
  try {
    EXPECT_EQ(call.get(), 3);
    return false;
  } catch (const errors::KeyboardInterrupt&) {
    return true;
  }
}

}  // namespace

class Interrupts : public PairTest {
 protected:
  void SetUp() override {
    py.exec(
        "import time\n"
        "def loop():\n    n = 0\n    for i in range(300): n += i\n    return 3\n"
        "def in_c():\n    sum(range(2000))\n    return 3\n"
        "def sleep():\n    time.sleep(2e-5)\n    return 3");
  }
};

TEST_F(Interrupts, NeverHitTheNextCall) {
  const Object calls[] = {py.eval<Object>("loop"), py.eval<Object>("in_c"), py.eval<Object>("sleep")};
  int interrupted = 0;
  int ended = 0;
  const int all = tries();
  for (int i = 0; i < all; ++i) {
    const Future<int> call = py.call_async<int>(calls[i % 3]);
    spin_for(std::chrono::nanoseconds(i * 7919L % 120'000));
    // Of the call that runs, whichever that is; or of this one.
    if (i % 2 == 0)
      py.interrupt();
    else
      call.cancel();
    // Must reach its end, also when it is on its way already while the signal is.
    ASSERT_EQ(py.call<int>("abs", -i), i);
    ++(was_interrupted(call) ? interrupted : ended);
  }
  EXPECT_EQ(interrupted + ended, all);
  EXPECT_GT(interrupted, 0);
  EXPECT_GT(ended, 0);
  RecordProperty("interrupted", interrupted);
}

TEST_F(Interrupts, OfADeadlineNeverHitTheNextCall) {
  const int all = tries() / 10;
  int late = 0;
  for (int i = 0; i < all; ++i) {
    try {
      const Timeout limit(py, std::chrono::nanoseconds(i * 7919L % 150'000));
      EXPECT_EQ(py.call<int>(i % 2 == 0 ? "loop" : "sleep"), 3);
    } catch (const TimedOut&) {
      ++late;
    }
    ASSERT_EQ(py.call<int>("abs", -i), i);
  }
  EXPECT_GT(late, 0);
}

// Half imported, numpy can't be imported again: whoever imports it for a call does so to the end, and the call gets its
// interrupt then.
TEST(InterruptsOfAnImport, LeaveNumpyWhole) {
  xt::xtensor<double, 1> ones = xt::ones<double>({10'000});
  for (const int milliseconds : {5, 20, 35, 50, 65, 80}) {
    Python py(config());
    py.exec(
        "def endless(*arguments):\n    while True: pass\ndef whole():\n    import numpy\n    return "
        "numpy.ones(3).sum()");
    const bool by_name = milliseconds % 10 == 0;
    const auto call = by_name ? py.call_async<void>("numpy.add", 1, "one") : py.call_async<void>("endless", ones);
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    call.cancel();
    if (by_name) {
      EXPECT_THROW(call.get(), PythonError);  // interrupted, or numpy's own
    } else {
      EXPECT_THROW(call.get(), errors::KeyboardInterrupt);
    }
    EXPECT_EQ(py.call<double>("numpy.sum", ones), 10'000);
    EXPECT_EQ(py.call<double>("whole"), 3);
  }
}

}  // namespace py4cpp::test
