// A C++ pipeline feeds a loop in Python.
#include "feed_fixture.hpp"

#include <algorithm>
#include <csignal>
#include <thread>

namespace py4cpp::test {
namespace {

using namespace std::chrono_literals;

using Feeds = FeedTest;

TEST_F(Feeds, EveryBatchArrivesInOrder) {
  Feed feed = make();
  const auto sums = py.call_async<std::vector<float>>("read_all", feed);
  std::vector<float> expected;
  for (int i = 0; i < 1000; ++i) {
    publish(feed, static_cast<float>(i));
    expected.push_back(4 * static_cast<float>(i));
  }
  feed.close();
  feed.close();
  EXPECT_EQ(sums.get(), expected);
  EXPECT_EQ(feed.stats().published, 1000u);
  EXPECT_THROW(feed.acquire(), Error);
  EXPECT_EQ(py.call<std::vector<float>>("read_all", feed), std::vector<float>());  // closed for good
}

TEST_F(Feeds, ProducersInThreadsAndAWaitingCaller) {
  Feed feed = make();
  std::vector<std::thread> producers;
  for (int thread = 0; thread < 4; ++thread) {
    producers.emplace_back([&, thread] {
      for (int i = 0; i < 100; ++i) publish(feed, static_cast<float>(100 * thread + i));
    });
  }
  std::thread closer([&] {
    for (auto& producer : producers) producer.join();
    feed.close();
  });
  auto sums = py.call<std::vector<float>>("read_all", feed);
  closer.join();
  std::sort(sums.begin(), sums.end());
  ASSERT_EQ(sums.size(), 400u);
  for (std::size_t i = 0; i < sums.size(); ++i) EXPECT_EQ(sums[i], 4 * static_cast<float>(i));
}

TEST_F(Feeds, NothingIsCopiedAndASteadyFeedTakesNoMemory) {
  Feed feed(py, {{"x", float32, {256, 1024}}}, {.slots = 3});
  const std::uint64_t segments = py.stats().live_segments;
  const auto shared = py.call_async<bool>("shared", feed);
  for (int i = 0; i < 50; ++i) {
    Batch batch = feed.acquire();
    batch.array<float>("x").view() = 1.f;
    batch.publish();
  }
  feed.close();
  EXPECT_TRUE(shared.get());
  const Stats stats = py.stats();
  EXPECT_EQ(stats.arrays_copied, 0u);
  EXPECT_EQ(stats.arrays_shared, 50u);
  EXPECT_EQ(stats.live_segments, segments);
}

TEST_F(Feeds, ShortBatchesAndNames) {
  Feed feed = make();
  const auto rows = py.call_async<std::vector<std::pair<int, int>>>("rows", feed);
  publish(feed, 0, 1);
  Batch last = feed.acquire();
  last.array<std::int64_t>("label").view() = 1;
  EXPECT_THROW(last.array<float>("y"), Error);
  EXPECT_THROW(last.array<double>("x"), ConversionError);
  EXPECT_THROW(last.publish(5), Error);
  EXPECT_THROW(last.publish(0), Error);
  last.publish(3);
  EXPECT_THROW(last.publish(), Error);
  EXPECT_THROW(last.array<float>("x"), Error);
  feed.close();
  EXPECT_EQ(rows.get(), (std::vector<std::pair<int, int>>{{4, 4}, {3, 3}}));
}

TEST_F(Feeds, AnUnpublishedBatchReturnsItsSlot) {
  Feed feed = make(2);
  for (int i = 0; i < 10; ++i) feed.acquire();
  Batch one = feed.acquire(), two = feed.acquire();
  EXPECT_FALSE(feed.acquire_for(1ms));
  one = std::move(two);
  EXPECT_TRUE(feed.acquire_for(10s));
}

TEST_F(Feeds, Epochs) {
  Feed feed = make();
  const auto seen = py.call_async<std::vector<std::vector<float>>>("epochs", feed, 4);
  for (int epoch = 0; epoch < 3; ++epoch) {
    for (int i = 0; i <= epoch; ++i) publish(feed, static_cast<float>(10 * epoch + i));
    feed.end_epoch();
  }
  feed.close();
  EXPECT_EQ(seen.get(), (std::vector<std::vector<float>>{{0}, {10, 11}, {20, 21, 22}, {}}));
}

// The producer runs ahead into an epoch that nobody reads yet.
TEST_F(Feeds, EpochsInCallsOfTheirOwn) {
  Feed feed = make(2);
  std::thread producer([&] {
    for (int i = 0; i < 30; ++i) {
      publish(feed, static_cast<float>(i));
      if (i % 10 == 9) feed.end_epoch();
    }
  });
  for (int epoch = 0; epoch < 3; ++epoch) {
    EXPECT_EQ(py.call<std::vector<float>>("read_all", feed).size(), 10u);
    while (feed.stats().published < std::min(30u, 10u * static_cast<unsigned>(epoch + 1) + 2))
      std::this_thread::yield();
  }
  producer.join();
}

TEST_F(Feeds, ReadersInThreads) {
  Feed feed = make();
  const auto sums = py.call_async<std::vector<float>>("in_threads", feed, 3);
  for (int i = 0; i < 200; ++i) publish(feed, static_cast<float>(i));
  feed.close();
  auto sorted = sums.get();
  std::sort(sorted.begin(), sorted.end());
  ASSERT_EQ(sorted.size(), 200u);
  for (std::size_t i = 0; i < sorted.size(); ++i) EXPECT_EQ(sorted[i], 4 * static_cast<float>(i));
}

TEST_F(Feeds, BackpressureHoldsTheProducer) {
  Feed feed = make(3);
  for (int i = 0; i < 3; ++i) publish(feed, 1);
  EXPECT_FALSE(feed.acquire_for(20ms));  // nobody reads yet
  EXPECT_EQ(feed.stats().waits, 1u);
  const auto sums = py.call_async<std::vector<float>>("read_all", feed);
  for (int i = 0; i < 20; ++i) publish(feed, 1);
  feed.close();
  EXPECT_EQ(sums.get().size(), 23u);
}

TEST_F(Feeds, AReaderThatRaisesWakesTheProducer) {
  Feed feed = make();
  const auto done = py.call_async("fail_after", feed, 3);
  const auto produce = [&] {
    for (;;) publish(feed, 1);
  };
  EXPECT_EQ(thrown_by<errors::ValueError>(produce).message(), "enough");
  EXPECT_THROW(done.get(), errors::ValueError);
  EXPECT_EQ(py.eval<int>("1 + 1"), 2);
  py.call_async("fail_after", feed, 3);  // nobody keeps the future; another reader may take over
  EXPECT_EQ(thrown_by<errors::ValueError>(produce).message(), "enough");
}

TEST_F(Feeds, AReaderThatReturnsWakesTheProducer) {
  Feed feed = make();
  const auto done = py.call_async<int>("read_some", feed, 3);
  const auto produce = [&] {
    for (;;) publish(feed, 1);
  };
  EXPECT_EQ(thrown_by<Error>(produce).kind(), ErrorKind::invalid);
  EXPECT_EQ(done.get(), 3);
  const auto rest = py.call_async<std::vector<float>>("read_all", feed);  // goes on where the other left off
  publish(feed, 1);
  feed.close();
  EXPECT_GE(rest.get().size(), 1u);
}

TEST_F(Feeds, AReaderThatIsInterruptedWakesTheProducer) {
  Feed feed = make();
  const auto done = py.call_async("read_all", feed);
  publish(feed, 1);
  std::thread interrupter([&] {
    std::this_thread::sleep_for(20ms);
    done.cancel();
  });
  EXPECT_THROW(done.get(), errors::KeyboardInterrupt);  // it was waiting for a batch
  interrupter.join();
  const auto produce = [&] {
    for (;;) publish(feed, 1);
  };
  EXPECT_THROW(produce(), errors::KeyboardInterrupt);
}

TEST_F(Feeds, AReaderThatDiesWakesTheProducer) {
  Feed feed = make();
  const auto done = py.call_async("read_all", feed);
  publish(feed, 1);
  std::thread killer([pid = py.pid()] {
    std::this_thread::sleep_for(10ms);
    kill(pid, SIGKILL);
  });
  const auto produce = [&] {
    for (;;) publish(feed, 1);
  };
  EXPECT_EQ(thrown_by<WorkerDied>(produce).signal(), SIGKILL);
  killer.join();
  EXPECT_THROW(done.get(), WorkerDied);
  EXPECT_THROW(feed.acquire(), WorkerDied);
}

TEST_F(Feeds, AStoppedWorkerEndsIt) {
  Feed feed = make(2);
  publish(feed, 1);
  publish(feed, 1);
  std::thread stopper([&] {
    std::this_thread::sleep_for(10ms);
    py.stop();
  });
  EXPECT_THROW(feed.acquire(), WorkerDied);
  stopper.join();
}

// Whoever fills the first feed may make the second: its loop must not be waited for.
TEST_F(Feeds, AnotherIsMadeWhilePythonReadsTheFirst) {
  Feed first = make();
  const auto sums = py.call_async<std::vector<float>>("read_all", first);
  publish(first, 1);
  Feed second = make();
  const auto later = py.call_async<std::vector<float>>("read_all", second);
  publish(second, 2);
  publish(first, 3);
  first.close();
  second.close();
  EXPECT_EQ(sums.get(), (std::vector<float>{4, 12}));
  EXPECT_EQ(later.get(), (std::vector<float>{8}));
}

// Not after stop_timeout, with a signal.
TEST_F(Feeds, ALoopThatWaitsForMoreDoesNotHoldUpTheEndOfItsWorker) {
  Feed feed = make();
  std::atomic<int> read{0};
  py.set("told", [&] { ++read; });
  const auto done = py.call_async("tell_of_each", feed);
  publish(feed, 1);
  while (read == 0) std::this_thread::yield();
  py.stop();
  EXPECT_FALSE(thrown_by<WorkerDied>([&] { done.get(); }).signal());
  try {
    py.eval("1");
    FAIL();
  } catch (const WorkerDied& error) {
    EXPECT_EQ(error.exit_code(), 0) << error.what();
  }
  const auto produce = [&] {
    for (;;) publish(feed, 1);
  };
  EXPECT_THROW(produce(), WorkerDied);
}

TEST_F(Feeds, AProducerThatThrowsEndsTheLoop) {
  std::optional<Future<std::string>> said;
  try {
    Feed feed = make();
    said = py.call_async<std::string>("catch", feed);
    publish(feed, 1);
    throw std::runtime_error("the disk is on fire");
  } catch (const std::runtime_error&) {
  }
  EXPECT_NE(said->get().find("was ended by an exception"), std::string::npos) << said->get();

  Feed feed = make();
  const auto told = py.call_async<std::string>("catch", feed);
  const auto untold = py.call_async("read_all", feed);
  feed.fail(std::make_exception_ptr(std::runtime_error("the disk is on fire")));
  EXPECT_EQ(told.get(), "the disk is on fire");
  EXPECT_THROW(untold.get(), std::runtime_error);
  EXPECT_THROW(feed.acquire(), std::runtime_error);
}

TEST_F(Feeds, AFailureWithoutAnExceptionIsOneAllTheSame) {
  Feed feed = make();
  const auto told = py.call_async<std::string>("catch", feed);
  feed.fail(std::current_exception());  // nothing is being handled
  EXPECT_EQ(told.get(), "the C++ program gave the feed up");
  EXPECT_THROW(feed.acquire(), Error);
}

TEST_F(Feeds, ADeadlineMayBeFartherOffThanTheClockGoes) {
  Feed feed = make(2);
  publish(feed, 1);
  publish(feed, 1);
  EXPECT_FALSE(feed.acquire_for(std::chrono::hours::min()));
  const auto sums = py.call_async<std::vector<float>>("read_all", feed);
  EXPECT_TRUE(feed.acquire_for(std::chrono::nanoseconds::max()));
  publish(feed, 1);
  publish(feed, 1);
  EXPECT_TRUE(feed.acquire_for(std::chrono::hours::max()));
  feed.close();
  EXPECT_TRUE(sums.wait_for(std::chrono::hours::max()));
  EXPECT_EQ(sums.get().size(), 4u);
}

TEST_F(Feeds, ATimeLimitEndsTheWait) {
  py4cpp::Feed feed(py, {{"x", py4cpp::float32, {4}}}, {.slots = 2});
  feed.acquire().publish();
  feed.acquire().publish();
  {
    py4cpp::Timeout limit(py, 20ms);
    EXPECT_THROW(feed.acquire(), py4cpp::TimedOut);
    EXPECT_THROW(feed.acquire_for(1h), py4cpp::TimedOut);
  }
  {
    py4cpp::Timeout limit(py, 1h);
    EXPECT_FALSE(feed.acquire_for(1ms));
  }
  py.exec("loop = iter(f)\nnext(loop)", "f"_a = feed);
  EXPECT_NO_THROW(feed.acquire());
}

TEST_F(Feeds, AFailureComesBeforeWhatPythonHasNotRead) {
  Feed feed = make();
  std::atomic<bool> failed{false};
  py.set("wait", [&] {
    for (int i = 0; i < 3; ++i) publish(feed, 1);
    feed.fail(std::make_exception_ptr(std::runtime_error("the disk is on fire")));
    failed = true;
  });
  publish(feed, 1);
  EXPECT_EQ(py.call<int>("read_until_failure", feed), 1);
  EXPECT_TRUE(failed);
}

TEST_F(Feeds, AFeedThatIsGoneEndsTheLoopBehindWhatWasPublished) {
  std::optional<Future<std::vector<float>>> sums;
  {
    Feed feed = make();
    sums = py.call_async<std::vector<float>>("read_all", feed);
    for (int i = 0; i < 3; ++i) publish(feed, 1);
    Feed moved = std::move(feed);
    publish(moved, 1);
    EXPECT_THROW(feed.acquire(), Error);
  }
  EXPECT_EQ(sums->get(), (std::vector<float>{4, 4, 4, 4}));
}

TEST_F(Feeds, WrongOnesAreRefused) {
  EXPECT_THROW(make(1), Error);
  EXPECT_THROW(make(static_cast<std::size_t>(-1)), Error);  // before they fill the memory
  EXPECT_THROW(Feed(py, {}), Error);
  EXPECT_THROW(Feed(py, {{"x", float32, {}}}), Error);
  EXPECT_THROW(Feed(py, {{"x", float32, {0, 3}}}), Error);
  EXPECT_THROW(Feed(py, {{"x", float32, {2}}, {"x", float32, {2}}}), Error);
  EXPECT_THROW(Feed(py, {{"x", float32, {2}}, {"y", float32, {3}}}), Error);
  Python other{config()};
  Feed feed = make();
  EXPECT_EQ(thrown_by<Error>([&] { other.call("print", feed); }).kind(), ErrorKind::invalid);
  other.stop();
  EXPECT_THROW(Feed(other, {{"x", float32, {2}}}), WorkerDied);
}

}  // namespace
}  // namespace py4cpp::test
