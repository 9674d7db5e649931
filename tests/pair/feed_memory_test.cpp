// A steady feed takes no memory from the heap of the C++ program.
#include "allocations.hpp"
#include "pair_fixture.hpp"

#include <new>

namespace py4cpp::test {
namespace {

class FeedMemory : public PairTest {
 protected:
  FeedMemory() { load("feed.py"); }

  // Full and short batches by turns; one array by two handles.
  static void publish(Feed& feed, int batches) {
    for (int i = 0; i < batches; ++i) {
      Batch batch = feed.acquire();
      const auto x = batch.array<float>("x");
      x.data()[0] = 1.f;
      batch.array<std::int64_t>("label").data()[0] = i;
      i % 2 == 0 ? batch.publish() : batch.publish(3);
    }
  }
};

TEST_F(FeedMemory, WhatCountsCounts) {
  const std::uint64_t before = allocations();
  ::operator delete(::operator new(100));
  EXPECT_EQ(allocations(), before + 1);
}

TEST_F(FeedMemory, ASteadyFeedTakesNone) {
  Feed feed(py, {{"x", float32, {4, 3}}, {"label", int64, {4}}});
  const auto batches = py.call_async<std::size_t>("count", feed);
  publish(feed, 1000);
  const std::uint64_t before = allocations();
  publish(feed, 1000);
  EXPECT_EQ(allocations(), before);
  feed.close();
  EXPECT_EQ(batches.get(), 2000u);
}

// What the places in a slot can't hold.
TEST_F(FeedMemory, ManyHandlesToOneArrayAreAllOfThatSlot) {
  Feed feed(py, {{"x", float32, {4}}}, {.slots = 2});
  std::vector<Array<float>> handles;
  {
    Batch batch = feed.acquire();
    for (int i = 0; i < 3; ++i) handles.push_back(batch.array<float>("x"));
  }
  handles[0].data()[3] = 7.f;
  EXPECT_EQ(handles[2].data()[3], 7.f);
  const Batch other = feed.acquire();
  for (; !handles.empty(); handles.erase(handles.begin())) {
    EXPECT_FALSE(feed.acquire_for(std::chrono::milliseconds(1))) << "a handle lives";
  }
  EXPECT_TRUE(feed.acquire_for(std::chrono::seconds(30)));
}

// A handle outlives its feed, and the slot's memory lives with it.
TEST_F(FeedMemory, AHandleOutlivesItsFeed) {
  std::optional<Array<float>> handle;
  {
    Feed feed(py, {{"x", float32, {4}}});
    handle = feed.acquire().array<float>("x");
    handle->data()[0] = 5.f;
  }
  EXPECT_EQ(handle->data()[0], 5.f);
  EXPECT_EQ(py.method<float>(*handle, "item", 0), 5.f);
}

}  // namespace
}  // namespace py4cpp::test
