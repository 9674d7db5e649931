// Loops in Python that keep the arrays of a feed: while others may let go of some they wait, else they are told to
// copy.
#include "feed_fixture.hpp"

#include <atomic>
#include <thread>

namespace py4cpp::test {
namespace {

using namespace std::chrono_literals;

class KeptBatches : public FeedTest {
 protected:
  // Sooner than a program would want: how long other threads have to let go of something.
  void lose_patience() { py.exec("import py4cpp._feed\npy4cpp._feed.patience = 0.2"); }
};

TEST_F(KeptBatches, KeepingEveryArrayIsAnErrorThatSaysCopy) {
  Feed feed = make();
  const auto kept = py.call_async("keep_all", feed);
  const auto produce = [&] {
    for (int i = 0; i < 100; ++i) publish(feed, 1);
  };
  EXPECT_THROW(produce(), errors::BufferError);
  EXPECT_NE(thrown_by<errors::BufferError>([&] { kept.get(); }).message().find("copy()"), std::string::npos);
  Feed other = make();
  const auto copies = py.call_async<std::vector<float>>("keep_copies", other);
  for (int i = 0; i < 10; ++i) publish(other, static_cast<float>(i));
  other.close();
  EXPECT_EQ(copies.get(), (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(KeptBatches, EveryArrayMayBeKeptIfNothingMoreComes) {
  for (const bool late : {false, true}) {
    Feed feed = make();
    const auto kept = py.call_async<std::size_t>("len", py.call_async<Object>("keep_all", feed));
    for (int i = 0; i < 4; ++i) publish(feed, 1);
    if (late) std::this_thread::sleep_for(50ms);  // the loop waits already; if not yet, this is the other case
    feed.close();
    EXPECT_EQ(kept.get(), 4u);
  }
  Feed failed = make(2);
  const auto told = py.call_async("keep_all", failed);
  publish(failed, 1);
  publish(failed, 1);
  std::this_thread::sleep_for(20ms);
  failed.fail(std::make_exception_ptr(std::runtime_error("the disk is on fire")));
  EXPECT_EQ(thrown_by<std::runtime_error>([&] { told.get(); }).what(), std::string("the disk is on fire"));
}

TEST_F(KeptBatches, EveryArrayOfAnEpochMayBeKept) {
  Feed feed = make(2);
  const auto seen = py.call_async<std::vector<std::vector<float>>>("list", py.call<Object>("keep_epochs", feed, 4));
  for (int epoch = 0; epoch < 3; ++epoch) {
    for (int i = 0; i < 2; ++i) publish(feed, static_cast<float>(10 * epoch + i));
    feed.end_epoch();
  }
  feed.close();
  EXPECT_EQ(seen.get(), (std::vector<std::vector<float>>{{0, 1}, {10, 11}, {20, 21}, {}}));
}

TEST_F(KeptBatches, LoopsThatKeepEveryArrayEndTogetherOrAreToldToCopy) {
  lose_patience();
  using Ends = std::pair<int, std::vector<std::string>>;
  std::atomic<int> told{0};
  {
    Feed feed = make();
    const auto kept = py.call_async<Ends>("keep_in_threads", feed, 2, [&] { ++told; });
    for (int i = 0; i < 4; ++i) publish(feed, 1);
    std::this_thread::sleep_for(20ms);
    feed.close();
    EXPECT_EQ(kept.get(), (Ends{4, {"end", "end"}}));
    EXPECT_EQ(told, 0);
  }
  Feed feed = make();
  const auto kept = py.call_async<Ends>("keep_in_threads", feed, 2, [&] { ++told; });
  for (int i = 0; i < 4; ++i) publish(feed, 1);
  while (told == 0) feed.acquire_for(10ms);  // one loop is told; the other, too, unless it waits for what may come
  feed.close();
  const auto [count, ends] = kept.get();
  EXPECT_EQ(count, 4);
  EXPECT_EQ(ends.front(), "BufferError");
}

// Its tracebacks keep what the loops before it had.
TEST_F(KeptBatches, MoreLoopsThanSlotsAreAllTold) {
  lose_patience();
  Feed feed = make(2);
  const auto ends = py.call_async<std::vector<std::string>>("ends_in_threads", feed, 4);
  const auto produce = [&] {
    for (;;) publish(feed, 1);
  };
  EXPECT_EQ(thrown_by<Error>(produce).kind(), ErrorKind::invalid);  // nobody reads any more
  EXPECT_EQ(ends.get(), std::vector<std::string>(4, "BufferError"));
}

// Which nobody would look at again.
TEST_F(KeptBatches, ALoopThatWasInterruptedIsNoReasonToWaitForEver) {
  lose_patience();
  Feed feed = make(2);
  std::atomic<bool> ready{false};
  const auto ends =
      py.call_async<std::pair<std::string, std::string>>("interrupted_beside_a_thread", feed, [&] { ready = true; });
  for (int i = 0; i < 2; ++i) publish(feed, 1);
  while (!ready) std::this_thread::yield();
  std::this_thread::sleep_for(20ms);  // both wait for a batch by now; nobody waits for a slot
  ends.cancel();
  const auto produce = [&] {
    for (;;) publish(feed, 1);
  };
  EXPECT_EQ(thrown_by<Error>(produce).kind(), ErrorKind::invalid);  // nobody reads any more
  EXPECT_EQ(ends.get(), std::make_pair(std::string("BufferError"), std::string("KeyboardInterrupt")));
}

TEST_F(KeptBatches, AThreadAtWorkOnWhatTheLoopHandedOnHasTimeToLetGo) {
  Feed feed = make(2);
  const auto seen = py.call_async<std::vector<float>>("work_behind", feed);
  const auto published = publish_numbers(feed, 30);
  feed.close();
  EXPECT_EQ(seen.get(), published);
}

TEST_F(KeptBatches, ForkedChildrenHaveTimeToEnd) {
  Feed feed = make(2);
  const auto seen = py.call_async<std::vector<float>>("fork_at_each", feed);
  const auto published = publish_numbers(feed, 10);
  feed.close();
  EXPECT_EQ(seen.get(), published);
}

TEST_F(KeptBatches, ALoopFurtherOutIsNoReasonToWaitForEver) {
  Feed feed = make();
  const auto kept = py.call_async("keep_all_inside", feed);
  const auto produce = [&] {
    for (;;) publish(feed, 1);
  };
  EXPECT_THROW(produce(), errors::BufferError);
  EXPECT_THROW(kept.get(), errors::BufferError);
}

TEST_F(KeptBatches, ALoopThatWasToldGoesOnOnceThereIsRoom) {
  Feed feed = make();
  const auto count = py.call_async<int>("keep_until_told", feed);
  for (int i = 0; i < 20; ++i) publish(feed, 1);
  feed.close();
  EXPECT_EQ(count.get(), 20);
}

}  // namespace
}  // namespace py4cpp::test
