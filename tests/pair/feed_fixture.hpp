// What the tests of feeds share: a worker that has feed.py, and batches of four rows.
#pragma once

#include "pair_fixture.hpp"

#include <vector>

namespace py4cpp::test {

class FeedTest : public PairTest {
 protected:
  FeedTest() { load("feed.py"); }

  Feed make(std::size_t slots = 4) { return Feed(py, {{"x", float32, {4}}, {"label", int64, {4}}}, {.slots = slots}); }

  static void publish(Feed& feed, float x, std::int64_t label = 0) {
    Batch batch = feed.acquire();
    batch.array<float>("x").view() = x;
    batch.array<std::int64_t>("label").view() = label;
    batch.publish();
  }

  // 0, 1 and so on, a batch each.
  static std::vector<float> publish_numbers(Feed& feed, int count) {
    std::vector<float> numbers;
    for (int i = 0; i < count; ++i) publish(feed, numbers.emplace_back(static_cast<float>(i)));
    return numbers;
  }
};

}  // namespace py4cpp::test
