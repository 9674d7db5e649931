#include "free_space.hpp"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "block.hpp"

namespace py4cpp::test {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
using Kind = FreeSpace::Kind;

TEST(FreeSpace, RoundsUpByLessThanAQuarter) {
  EXPECT_EQ(FreeSpace::capacity_for(0), 64u);
  EXPECT_EQ(FreeSpace::capacity_for(1), 64u);
  EXPECT_EQ(FreeSpace::capacity_for(64), 64u);
  EXPECT_EQ(FreeSpace::capacity_for(65), 128u);
  EXPECT_EQ(FreeSpace::capacity_for(513), 640u);
  EXPECT_EQ(FreeSpace::capacity_for(mebibyte), mebibyte);
  std::size_t last = 0;
  for (std::size_t bytes = 1; bytes < 20 * mebibyte; bytes += 1 + bytes / 97) {
    const std::size_t capacity = FreeSpace::capacity_for(bytes);
    EXPECT_GE(capacity, bytes);
    EXPECT_EQ(capacity % 64, 0u);
    EXPECT_LT(capacity, bytes + bytes / 4 + 64);
    EXPECT_GE(capacity, last);
    EXPECT_EQ(FreeSpace::kind_for(bytes), FreeSpace::kind_for(bytes <= 8 * mebibyte ? capacity : bytes));
    last = capacity;
  }
}

TEST(FreeSpace, ReusesTheLastFreedFirstUnderANewGeneration) {
  FreeSpace space;
  space.add_segment(0, mebibyte, Kind::small);
  const auto a = space.take(1000);
  const auto b = space.take(1000);
  const auto first = space.generation(b);
  EXPECT_NE(first, 0u);
  EXPECT_EQ(space.with_generation(first), b);
  space.give(a);
  space.give(b);
  EXPECT_EQ(space.with_generation(first), FreeSpace::none);
  EXPECT_EQ(space.take(990), b);
  EXPECT_NE(space.generation(b), first);
  EXPECT_EQ(space.with_generation(first), FreeSpace::none);
  EXPECT_EQ(space.take(1000), a);
}

TEST(FreeSpace, WholeSegmentsServeWhatNeedsFourFifths) {
  FreeSpace space;
  space.add_segment(5, 100 * mebibyte, Kind::whole);
  EXPECT_EQ(space.take(101 * mebibyte), FreeSpace::none);
  EXPECT_EQ(space.take(79 * mebibyte), FreeSpace::none);
  const auto range = space.take(80 * mebibyte);
  ASSERT_NE(range, FreeSpace::none);
  EXPECT_EQ(space.segment(range), 5u);
  EXPECT_EQ(space.capacity(range), 100 * mebibyte);
  EXPECT_EQ(space.take(80 * mebibyte), FreeSpace::none);
  space.give(range);
  EXPECT_EQ(space.take(mebibyte), FreeSpace::none);
}

TEST(FreeSpace, MergingMakesOneRangeOfAnIdleSegment) {
  FreeSpace space;
  space.add_segment(0, mebibyte, Kind::small);
  std::vector<FreeSpace::RangeId> ranges;
  for (auto range = space.take(4096); range != FreeSpace::none; range = space.take(4096)) ranges.push_back(range);
  EXPECT_EQ(ranges.size(), mebibyte / 4096);
  EXPECT_FALSE(space.idle(0));
  for (const auto range : ranges) space.give(range);
  EXPECT_TRUE(space.idle(0));
  EXPECT_EQ(space.bytes_mergeable(), mebibyte);
  EXPECT_EQ(space.take(65536), FreeSpace::none);
  space.merge();
  EXPECT_EQ(space.bytes_mergeable(), 0u);
  for (std::size_t i = 0; i < mebibyte / 65536; ++i) EXPECT_NE(space.take(65536), FreeSpace::none);
  EXPECT_EQ(space.take(64), FreeSpace::none);
}

TEST(FreeSpace, AnIdWithNoLivesLeftIsReplaced) {
  FreeSpace space(3);
  space.add_segment(0, 4096, Kind::small);
  std::set<std::uint64_t> generations;
  std::set<FreeSpace::RangeId> ids;
  for (int i = 0; i < 20; ++i) {
    const auto range = space.take(4096);
    ASSERT_NE(range, FreeSpace::none);
    EXPECT_EQ(space.offset(range), 0u);
    EXPECT_EQ(space.at(0, 4095), range);
    EXPECT_TRUE(generations.insert(space.generation(range)).second);
    ids.insert(range);
    space.give(range);
    if (i % 4 == 0) space.merge();
  }
  EXPECT_EQ(ids.size(), 7u);
}

TEST(FreeSpace, AKeptRangeIsNeverFreeAgain) {
  FreeSpace space;
  space.add_segment(0, 4096, Kind::small);
  const auto range = space.take(4096);
  space.keep(range);
  space.give(range);
  EXPECT_EQ(space.take(64), FreeSpace::none);
  EXPECT_FALSE(space.idle(0));
}

TEST(FreeSpace, ASharedRangeIsFreeWhenAllHaveGivenItBack) {
  FreeSpace space;
  space.add_segment(0, 4096, Kind::small);
  const auto range = space.take(4096);
  const auto generation = space.generation(range);
  EXPECT_FALSE(space.shared(range));
  space.share(range);
  EXPECT_TRUE(space.shared(range));
  space.give(range);
  EXPECT_FALSE(space.shared(range));
  EXPECT_EQ(space.with_generation(generation), range);
  EXPECT_EQ(space.take(64), FreeSpace::none);
  space.give(range);
  EXPECT_TRUE(space.idle(0));
  EXPECT_EQ(space.with_generation(generation), FreeSpace::none);
  EXPECT_EQ(space.take(4096), range);
  EXPECT_FALSE(space.shared(range));
}

TEST(FreeSpace, InNeedSmallAndMediumShareSegments) {
  FreeSpace space;
  space.add_segment(0, mebibyte, Kind::medium);
  EXPECT_EQ(space.take(100), FreeSpace::none);
  const auto small = space.take_anywhere(100);
  ASSERT_NE(small, FreeSpace::none);
  EXPECT_EQ(space.capacity(small), 128u);
  EXPECT_EQ(space.take_anywhere(mebibyte), FreeSpace::none);
  space.give(small);
  EXPECT_EQ(space.take(100), small);
  space.give(small);
  space.merge();
  EXPECT_NE(space.take(mebibyte), FreeSpace::none);
  EXPECT_EQ(space.take_anywhere(100), FreeSpace::none);
}

// Random use against a map of what is taken: nothing overlaps, addresses find their range, counters agree, and when all
// is given back one merge makes each segment whole again.
class Model {
 public:
  void take(std::size_t bytes) {
    const auto range = space.take(bytes);
    if (range == FreeSpace::none) {
      const Kind kind = FreeSpace::kind_for(bytes);
      const std::size_t size = kind == Kind::whole ? FreeSpace::capacity_for(bytes) : 16 * mebibyte;
      sizes.push_back(size);
      kinds.push_back(kind);
      space.add_segment(static_cast<std::uint32_t>(sizes.size() - 1), size, kind);
      return take(bytes);
    }
    const auto place = std::pair(space.segment(range), space.offset(range));
    EXPECT_GE(space.capacity(range), bytes);
    EXPECT_LE(space.offset(range) + space.capacity(range), sizes[place.first]);
    const auto after = taken.lower_bound(place);
    if (after != taken.end() && after->first.first == place.first) {
      EXPECT_LE(place.second + space.capacity(range), after->first.second);
    }
    if (after != taken.begin()) {
      const auto before = std::prev(after);
      if (before->first.first == place.first) {
        EXPECT_LE(before->first.second + space.capacity(before->second), place.second);
      }
    }
    EXPECT_TRUE(generations.insert(space.generation(range)).second);
    taken[place] = range;
    live += space.capacity(range);
    check(range);
  }

  void give(std::size_t which) {
    const auto victim = std::next(taken.begin(), static_cast<std::ptrdiff_t>(which % taken.size()));
    check(victim->second);
    live -= space.capacity(victim->second);
    space.give(victim->second);
    EXPECT_EQ(space.at(victim->first.first, victim->first.second), FreeSpace::none);
    taken.erase(victim);
  }

  void check(FreeSpace::RangeId range) {
    EXPECT_EQ(space.with_generation(space.generation(range)), range);
    EXPECT_EQ(space.at(space.segment(range), space.offset(range)), range);
    EXPECT_EQ(space.at(space.segment(range), space.offset(range) + space.capacity(range) - 1), range);
    EXPECT_EQ(space.live_ranges(), taken.size());
    EXPECT_EQ(space.bytes_live(), live);
  }

  FreeSpace space;
  std::vector<std::size_t> sizes;
  std::vector<Kind> kinds;
  std::map<std::pair<std::uint32_t, std::uint64_t>, FreeSpace::RangeId> taken;
  std::set<std::uint64_t> generations;
  std::uint64_t live = 0;
};

TEST(FreeSpace, SurvivesRandomUse) {
  std::mt19937_64 random(3);
  Model model;
  for (int step = 0; step < 60000; ++step) {
    const bool growing = step / 3000 % 2 == 0;
    if (model.taken.empty() || random() % 3 < (growing ? 2u : 1u)) {
      const auto magnitude = random() % 100 == 0 ? 25 : random() % 18;
      model.take(1 + random() % (std::uint64_t{1} << magnitude));
    } else {
      model.give(random());
    }
    if (step % 977 == 0) model.space.merge();
  }
  while (!model.taken.empty()) model.give(random());
  const std::uint64_t all = std::accumulate(model.sizes.begin(), model.sizes.end(), std::uint64_t{0});
  EXPECT_EQ(model.space.bytes_idle(), all);
  model.space.merge();
  for (std::uint32_t segment = 0; segment < model.sizes.size(); ++segment) {
    EXPECT_TRUE(model.space.idle(segment));
    model.space.remove_segment(segment);
  }
  EXPECT_EQ(model.space.bytes_idle(), 0u);
  for (const auto kind : {Kind::small, Kind::medium, Kind::whole}) EXPECT_EQ(model.space.bytes_of(kind), 0u);
  for (const std::size_t bytes : {std::size_t{64}, mebibyte, 9 * mebibyte}) {
    EXPECT_EQ(model.space.take(bytes), FreeSpace::none);
  }
}

}  // namespace
}  // namespace py4cpp::test
