#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "arena.hpp"
#include "child_process.hpp"

namespace py4cpp::test {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

using Blocks = std::vector<std::shared_ptr<Block>>;

std::shared_ptr<Arena> make_arena(std::uint64_t limit = 0) {
  return std::make_shared<Arena>(ArenaLimits{limit, std::uint64_t{1} << 30});
}

TEST(ArenaOffer, IsAsLargeAsItsPlaceAndSaysIfItIsZero) {
  const auto arena = make_arena();
  for (const std::size_t bytes : {std::size_t{9000}, std::size_t{100'000}, 20 * mebibyte}) {
    Offer fresh = arena->offer(bytes, true);
    ASSERT_TRUE(fresh.block);
    EXPECT_GE(fresh.block->size(), bytes);
    EXPECT_TRUE(fresh.zeroed);
    const std::byte* const data = fresh.block->data();
    for (std::size_t i = 0; i < fresh.block->size(); ++i) ASSERT_EQ(data[i], std::byte{0});
    std::memset(fresh.block->data(), 9, fresh.block->size());
    EXPECT_EQ(arena->find(fresh.block->place().generation), fresh.block);
    fresh = {};
    const Offer warm = arena->offer(bytes, false);
    ASSERT_TRUE(warm.block);
    EXPECT_EQ(warm.block->data(), data);
    EXPECT_FALSE(warm.zeroed);
  }
}

TEST(ArenaOffer, OfUsedMemoryIsNeverCalledZero) {
  const auto arena = make_arena();
  std::mt19937 random(3);
  Blocks blocks;
  for (int i = 0; i < 3000; ++i) {
    Offer offer = arena->offer(1 + random() % 30'000, true);
    ASSERT_TRUE(offer.block);
    for (std::size_t at = 0; offer.zeroed && at < offer.block->size(); ++at) {
      ASSERT_EQ(offer.block->data()[at], std::byte{0});
    }
    std::memset(offer.block->data(), 1, offer.block->size());
    blocks.push_back(std::move(offer.block));
    if (blocks.size() > 100) blocks.erase(blocks.begin() + random() % 100);
    if (i % 500 == 499) {
      blocks.clear();
      if (i % 1000 == 999) arena->trim();
    }
  }
}

TEST(ArenaOffer, IsDeclinedWhereMemoryIsShort) {
  const auto arena = make_arena(8 * mebibyte);
  EXPECT_FALSE(arena->offer(100'000, false).block);  // nothing is there yet
  Blocks blocks;
  while (auto block = arena->offer(mebibyte, true).block) blocks.push_back(std::move(block));
  EXPECT_GE(blocks.size(), 3u);
  EXPECT_LE(blocks.size(), 6u);
  EXPECT_NO_THROW(blocks.push_back(arena->allocate(mebibyte)));  // a quarter stayed free for this
  blocks.clear();
  EXPECT_TRUE(arena->offer(mebibyte, false).block);
  EXPECT_FALSE(arena->offer(std::size_t{1} << 60, true).block);
  EXPECT_EQ(in_child([&] { return arena->offer(100, true).block || !arena->live_blocks().empty() ? 1 : 0; }), 0);
  arena->close();
  EXPECT_FALSE(arena->offer(100, true).block);
}

TEST(Arena, ListsItsLiveBlocks) {
  const auto arena = make_arena();
  EXPECT_TRUE(arena->live_blocks().empty());
  Blocks blocks{arena->allocate(100), arena->allocate(100'000), arena->allocate(20 * mebibyte)};
  blocks.erase(blocks.begin() + 1);
  const Blocks listed = arena->live_blocks();
  EXPECT_EQ(std::set(listed.begin(), listed.end()), std::set(blocks.begin(), blocks.end()));
}

}  // namespace
}  // namespace py4cpp::test
