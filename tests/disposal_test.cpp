#include "disposal.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace py4cpp::test {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

// A segment that says on which thread it went; that thread may first have to wait at `gate`.
std::shared_ptr<Segment> watched(std::promise<std::thread::id>& went, std::mutex* gate = nullptr) {
  auto segment = Segment::create(make_arena_id(), 0, mebibyte, mebibyte);
  Segment* const raw = segment.get();
  return {raw, [kept = std::move(segment), &went, gate](Segment*) mutable {
            if (gate != nullptr) gate->lock(), gate->unlock();
            kept.reset();
            went.set_value(std::this_thread::get_id());
          }};
}

TEST(Disposal, FreesOnAThreadOfItsOwn) {
  const auto disposal = std::make_shared<Disposal>();
  for (int i = 0; i < 2; ++i) {
    std::promise<std::thread::id> went;
    disposal->take(watched(went), nullptr);
    EXPECT_NE(went.get_future().get(), std::this_thread::get_id());
    disposal->finish();
  }
  EXPECT_FALSE(disposal->finish());
}

TEST(Disposal, FinishingHelpsAndWaitsForWhatIsUnderWay) {
  const auto disposal = std::make_shared<Disposal>();
  std::mutex gate;
  std::promise<std::thread::id> first, second;
  std::future<std::thread::id> last;
  {
    const std::lock_guard closed(gate);
    disposal->take(watched(first, &gate), nullptr);
    while (disposal->bytes() == 0) std::this_thread::yield();
    disposal->take(watched(second), nullptr);
    EXPECT_GE(disposal->bytes(), mebibyte);
    last = first.get_future();
    EXPECT_EQ(last.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
  }
  disposal->finish();
  EXPECT_EQ(last.wait_for(std::chrono::milliseconds(0)), std::future_status::ready);
  EXPECT_EQ(second.get_future().wait_for(std::chrono::milliseconds(0)), std::future_status::ready);
  EXPECT_EQ(disposal->bytes(), 0u);
}

class Watcher final : public SegmentObserver {
 public:
  explicit Watcher(const Segment& peers) : peers_(peers) {}
  void retired(std::uint32_t segment) noexcept override {
    EXPECT_EQ(peers_.data()[1], std::byte{0});
    heard.push_back(segment);
  }
  std::vector<std::uint32_t> heard;

 private:
  const Segment& peers_;
};

TEST(Disposal, PagesGoWhereverTheyAreMappedAndThenObserversHear) {
  auto segment = Segment::create(make_arena_id(), 7, mebibyte, mebibyte);
  const auto peers = Segment::attach(segment->arena(), 7);
  std::memset(segment->data(), 5, segment->size());
  EXPECT_EQ(peers->data()[1], std::byte{5});
  const auto watcher = std::make_shared<Watcher>(*peers);
  const SegmentObservers observers{watcher, std::make_shared<Watcher>(*peers)};  // one of them is gone
  const auto disposal = std::make_shared<Disposal>();
  disposal->take(std::move(segment), std::make_shared<const SegmentObservers>(observers));
  disposal->finish();
  EXPECT_EQ(watcher->heard, std::vector<std::uint32_t>{7});
}

TEST(Disposal, OutlivesItsOwner) {
  std::mutex gate;
  std::promise<std::thread::id> went;
  std::weak_ptr<Disposal> disposal;
  {
    const std::lock_guard closed(gate);
    const auto owner = std::make_shared<Disposal>();
    disposal = owner;
    owner->take(watched(went, &gate), nullptr);
  }
  EXPECT_NE(went.get_future().get(), std::this_thread::get_id());
  while (!disposal.expired()) std::this_thread::yield();
}

TEST(Disposal, ManyThreadsGiveAndFinish) {
  const auto disposal = std::make_shared<Disposal>();
  std::atomic<int> gone{0};
  const auto work = [&](int seed) {
    for (int i = 0; i < 50; ++i) {
      auto segment = Segment::create(make_arena_id(), 0, Segment::page, Segment::page);
      Segment* const raw = segment.get();
      disposal->take({raw, [kept = std::move(segment), &gone](Segment*) { ++gone; }}, nullptr);
      if (i % 10 == seed) disposal->finish();
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (auto& thread : threads) thread.join();
  disposal->finish();
  EXPECT_EQ(gone, 200);
  EXPECT_EQ(disposal->bytes(), 0u);
}

}  // namespace
}  // namespace py4cpp::test
