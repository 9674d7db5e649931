// The iterator that a loop over a feed has: what it does between two batches, and when something else comes.
#include "feed_fixture.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>

namespace py4cpp::test {
namespace {

using namespace std::chrono_literals;

class FeedLoops : public FeedTest {
 protected:
  FeedLoops() { load("feed_loop.py"); }
};

TEST_F(FeedLoops, OneThatIsInterruptedGoesOn) {
  Feed feed = make();
  py.call("begin", feed);
  publish(feed, 1);
  EXPECT_EQ(py.call<float>("take"), 1);
  for (const float next : {2.0f, 3.0f}) {
    const auto waiting = py.call_async<float>("take");
    std::thread interrupter([&] {
      std::this_thread::sleep_for(20ms);
      waiting.cancel();
    });
    EXPECT_THROW(waiting.get(), errors::KeyboardInterrupt);
    interrupter.join();
    publish(feed, next);
    EXPECT_EQ(py.call<float>("take"), next);
  }
}

TEST_F(FeedLoops, OneThatIsInterruptedIsLeftAtOnce) {
  Feed feed = make();
  py.call("begin", feed);
  publish(feed, 1);
  EXPECT_EQ(py.call<float>("take"), 1);
  const Object loops = py.eval<Object>("lambda feed: feed._loops");
  while (loops.call<int>(feed) > 0) {  // until it was interrupted in its wait, not before it
    const auto waiting = py.call_async<float>("take");
    std::this_thread::sleep_for(20ms);
    waiting.cancel();
    EXPECT_THROW(waiting.get(), errors::KeyboardInterrupt);
  }
  feed.end_epoch();
  EXPECT_EQ(py.call<int>("count", feed), 0);  // another loop, to the end of the epoch
  py.exec("loops.clear()");                   // when the first one goes, nobody reads, and nobody has left
  for (int i = 0; i < 4; ++i) publish(feed, 1);
  EXPECT_FALSE(feed.acquire_for(20ms));
}

TEST_F(FeedLoops, OneThatHasEndedStaysSo) {
  Feed feed = make();
  py.call("begin", feed);
  publish(feed, 1);
  feed.end_epoch();
  publish(feed, 2);
  EXPECT_EQ(py.call<std::optional<float>>("take_or_end"), 1);
  EXPECT_EQ(py.call<std::optional<float>>("take_or_end"), std::nullopt);
  EXPECT_EQ(py.call<std::optional<float>>("take_or_end"), std::nullopt);
  py.call("begin", feed);
  EXPECT_EQ(py.call<std::optional<float>>("take_or_end"), 2);
  feed.close();
  EXPECT_EQ(py.call<std::optional<float>>("take_or_end"), std::nullopt);
  EXPECT_EQ(py.call<std::optional<float>>("take_or_end"), std::nullopt);
}

TEST_F(FeedLoops, OneInACycleIsLeftWhenPythonCollectsIt) {
  Feed feed = make();
  const auto left = py.call_async("leave_in_a_cycle", feed);
  const auto produce = [&] {
    for (;;) publish(feed, 1);
  };
  EXPECT_EQ(thrown_by<Error>(produce).kind(), ErrorKind::invalid);
  EXPECT_NO_THROW(left.get());
}

TEST_F(FeedLoops, EveryBatchOfManyEpochsGoesToOneThread) {
  constexpr int last = 600;
  Feed feed = make();
  const auto got = py.call_async<std::vector<float>>("epochs_in_threads", feed, 3, last);
  for (int i = 1; i <= last; ++i) {
    publish(feed, static_cast<float>(i));
    if (i % 7 == 0) feed.end_epoch();
  }
  feed.close();
  auto sorted = got.get();
  std::sort(sorted.begin(), sorted.end());
  ASSERT_EQ(sorted.size(), static_cast<std::size_t>(last));
  for (int i = 0; i < last; ++i) EXPECT_EQ(sorted[static_cast<std::size_t>(i)], static_cast<float>(i + 1));
}

// The slot of the batch before is filled while the loop's body works on this one, not when that is done.
TEST_F(FeedLoops, OfTwoSlotsOneIsFilledDuringTheBody) {
  constexpr int batches = 40;
  Feed feed(py, {{"x", float32, {4}}, {"y", float32, {4}}}, {.slots = 2});
  const auto ends = py.call_async<std::vector<double>>("ends_of_bodies", feed);
  std::vector<double> acquired;  // each of the batch that has the same number
  for (int i = 0; i < batches; ++i) {
    Batch batch = feed.acquire();
    acquired.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count());
    batch.publish();
  }
  feed.close();
  const auto ended = ends.get();
  ASSERT_EQ(ended.size(), static_cast<std::size_t>(batches));
  int during = 0;
  for (std::size_t i = 2; i < batches; ++i) during += acquired[i] < ended[i - 1] ? 1 : 0;
  EXPECT_GT(during, batches / 3);  // 38, or 4 where the slot is sent back with the next message or 50 ms later
}

// A loop that is quick lets C++ know of two slots together. That must not take as long as a body that isn't: each
// second one here waits until every slot but its own is filled again, without a message that would take the slot with
// it.
TEST_F(FeedLoops, ASlotThatIsSentBackLaterIsFilledDuringALongBody) {
  constexpr int slots = 4;
  constexpr int batches = 20;
  Feed feed = make(slots);
  const auto published = py.array<std::int64_t>({1});
  published.view() = 0;
  const auto done = py.call_async<int>("wait_for_slots", feed, published, slots, batches);
  for (int i = 1; i <= batches; ++i) {
    publish(feed, 1);
    published.view() = i;
  }
  feed.close();
  EXPECT_EQ(done.get(), batches);
}

TEST_F(FeedLoops, ItsNativeHalfRefusesWhatItCannotUse) {
  Feed feed = make();
  const std::vector<std::string> expected = {"TypeError", "TypeError", "TypeError", "TypeError"};
  EXPECT_EQ(py.call<std::vector<std::string>>("refused", feed), expected);
  const auto sums = py.call_async<std::vector<float>>("read_all", feed);  // and goes on
  publish(feed, 1);
  feed.close();
  EXPECT_EQ(sums.get().size(), 1u);
}

}  // namespace
}  // namespace py4cpp::test
