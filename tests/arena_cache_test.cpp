// What an arena keeps warm, and how it lets go of it.
#include "arena.hpp"

#include <gtest/gtest.h>
#include <py4cpp/error.hpp>

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "child_process.hpp"

namespace py4cpp::test {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

std::shared_ptr<Arena> make_arena(std::uint64_t limit, std::uint64_t cache) {
  return std::make_shared<Arena>(ArenaLimits{limit, cache});
}

std::size_t names_of(const Arena& arena) {  // its lease among them
  const std::string name = segment_name(arena.id(), 0);
  return names_with(name.substr(0, name.size() - 1)).size();
}

TEST(ArenaCache, CachedMemoryStaysUnderItsLimit) {
  const auto arena = make_arena(0, 64 * mebibyte);
  std::vector<std::shared_ptr<Block>> blocks;
  for (std::size_t i = 0; i < 10; ++i) blocks.push_back(arena->allocate((10 + i) * mebibyte));
  const std::byte* const last = blocks.back()->data();
  while (!blocks.empty()) blocks.erase(blocks.begin());
  EXPECT_LE(arena->stats().bytes_cached, 64 * mebibyte);
  EXPECT_GT(arena->stats().bytes_cached, 32 * mebibyte);
  EXPECT_EQ(arena->allocate(19 * mebibyte)->data(), last);  // those freed last are kept
  arena->set_limits({0, 0});
  EXPECT_EQ(arena->stats().bytes_cached, 0u);
  EXPECT_EQ(names_of(*arena), 1u);
  arena->allocate(100);
  EXPECT_EQ(names_of(*arena), 1u);
}

TEST(ArenaCache, ABlockAsLargeAsTheCacheStaysWarm) {
  const auto arena = make_arena(0, 64 * mebibyte);
  const auto living = arena->allocate(100);  // the rest of its segment is no reason to drop what was freed
  auto others = arena->allocate(20 * mebibyte);
  auto block = arena->allocate(64 * mebibyte);
  const std::byte* const data = block->data();
  others.reset();
  block.reset();
  EXPECT_EQ(arena->stats().live_segments, 2u);  // the others, longer idle, have made room for it
  block = arena->allocate(64 * mebibyte);
  EXPECT_EQ(block->data(), data);
}

TEST(ArenaCache, WhatIsLargerThanTheCacheDoesntDriveOutTheRest) {
  const auto arena = make_arena(0, 64 * mebibyte);
  auto small = arena->allocate(20 * mebibyte);
  const std::byte* const data = small->data();
  auto large = arena->allocate(65 * mebibyte);
  small.reset();
  large.reset();
  EXPECT_EQ(arena->stats().live_segments, 1u);
  EXPECT_EQ(arena->allocate(20 * mebibyte)->data(), data);
}

// Its pages are freed by another thread, which whoever needs the memory doesn't depend on.
TEST(ArenaCache, WhatIsBeingFreedIsThereWhenItIsNeeded) {
  const auto arena = make_arena(64 * mebibyte, 0);
  for (int i = 0; i < 20; ++i) {
    const auto block = arena->allocate((50 + static_cast<std::size_t>(i) % 3 * 7) * mebibyte);
    block->data()[0] = std::byte{1};
  }
  EXPECT_THROW(arena->allocate(65 * mebibyte), OutOfSharedMemory);
}

TEST(ArenaCache, FreedPagesGoThoughAPeerStillMapsThem) {
  const int result = in_child([] {
    if (!private_shared_memory(64 * mebibyte)) return 42;
    const auto arena = make_arena(0, 64 * mebibyte);
    auto block = arena->allocate(40 * mebibyte);
    std::memset(block->data(), 1, block->size());
    const auto peer = Segment::attach(arena->id(), block->place().segment);
    if (peer->data()[5] != std::byte{1}) return 1;
    block.reset();
    return arena->allocate(60 * mebibyte) ? 0 : 2;
  });
  if (result == 42) GTEST_SKIP() << "no mount namespaces here";
  EXPECT_EQ(result, 0);
}

}  // namespace
}  // namespace py4cpp::test
