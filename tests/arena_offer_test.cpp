#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <thread>
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
    const Offer fresh = arena->offer(bytes, true);
    ASSERT_NE(fresh.data, nullptr);
    EXPECT_GE(fresh.size, bytes);
    EXPECT_TRUE(fresh.zeroed);
    for (std::size_t i = 0; i < fresh.size; ++i) ASSERT_EQ(fresh.data[i], std::byte{0});
    std::memset(fresh.data, 9, fresh.size);
    arena->decline(fresh.place);
    const Offer warm = arena->offer(bytes, false);
    EXPECT_EQ(warm.data, fresh.data);
    EXPECT_FALSE(warm.zeroed);
    arena->decline(warm.place);
  }
}

TEST(ArenaOffer, OfUsedMemoryIsNeverCalledZero) {
  const auto arena = make_arena();
  std::mt19937 random(3);
  std::vector<Offer> taken;
  const auto decline = [&](std::size_t which) {
    arena->decline(taken[which].place);
    taken.erase(taken.begin() + static_cast<std::ptrdiff_t>(which));
  };
  for (int i = 0; i < 3000; ++i) {
    const Offer offer = arena->offer(1 + random() % 30'000, true);
    ASSERT_NE(offer.data, nullptr);
    for (std::size_t at = 0; offer.zeroed && at < offer.size; ++at) ASSERT_EQ(offer.data[at], std::byte{0});
    std::memset(offer.data, 1, offer.size);
    taken.push_back(offer);
    if (taken.size() > 100) decline(random() % 100);
    if (i % 500 == 499) {
      while (!taken.empty()) decline(taken.size() - 1);
      if (i % 1000 == 999) arena->trim();
    }
  }
}

TEST(ArenaOffer, IsDeclinedWhereMemoryIsShort) {
  const auto arena = make_arena(8 * mebibyte);
  EXPECT_EQ(arena->offer(100'000, false).data, nullptr);  // nothing is there yet
  std::vector<Offer> taken;
  for (Offer offer = arena->offer(mebibyte, true); offer.data != nullptr; offer = arena->offer(mebibyte, true)) {
    taken.push_back(offer);
  }
  EXPECT_GE(taken.size(), 3u);
  EXPECT_LE(taken.size(), 6u);
  EXPECT_NO_THROW(arena->allocate(mebibyte));  // a quarter stayed free for this
  for (const Offer& offer : taken) arena->decline(offer.place);
  EXPECT_NE(arena->offer(mebibyte, false).data, nullptr);
  EXPECT_EQ(arena->offer(std::size_t{1} << 60, true).data, nullptr);
  const auto offered_or_listed = [&] { return arena->offer(100, true).data || !arena->live_blocks().empty() ? 1 : 0; };
  EXPECT_EQ(in_child(offered_or_listed), 0);
  arena->close();
  EXPECT_EQ(arena->offer(100, true).data, nullptr);
}

TEST(ArenaOffer, HasABlockForWhoAsksForOne) {
  const auto arena = make_arena();
  const Offer offer = arena->offer(100'000, true);
  ASSERT_NE(offer.data, nullptr);
  EXPECT_EQ(arena->stats().live_blocks, 1u);
  EXPECT_FALSE(arena->has_block(offer.place));
  auto block = arena->containing(offer.data + 70'000);
  ASSERT_TRUE(block);
  EXPECT_EQ(block->data(), offer.data);
  EXPECT_EQ(block->size(), offer.size);
  EXPECT_TRUE(arena->has_block(offer.place));
  EXPECT_EQ(arena->containing(offer.data), block);
  EXPECT_EQ(arena->find(block->place().generation), block);
  EXPECT_EQ(arena->live_blocks(), Blocks{block});

  const BlockPlace place = block->place();
  block.reset();
  EXPECT_FALSE(arena->has_block(offer.place));
  block = arena->find(place.generation);
  ASSERT_TRUE(block);
  EXPECT_EQ(block->place(), place);
  EXPECT_EQ(arena->stats().live_blocks, 1u);
  block.reset();
  arena->decline(offer.place);
  EXPECT_EQ(arena->find(place.generation), nullptr);
  EXPECT_EQ(arena->containing(offer.data), nullptr);
  EXPECT_EQ(arena->stats().live_blocks, 0u);
}

TEST(ArenaOffer, LivesAsLongAsItsBlock) {
  const auto arena = make_arena();
  const Offer offer = arena->offer(100'000, true);
  auto block = arena->containing(offer.data);
  ASSERT_TRUE(block);
  arena->decline(offer.place);
  EXPECT_EQ(arena->containing(offer.data), block);
  EXPECT_EQ(arena->stats().live_blocks, 1u);
  const Offer other = arena->offer(100'000, true);
  EXPECT_NE(other.data, offer.data);
  arena->decline(other.place);
  block.reset();
  EXPECT_EQ(arena->stats().live_blocks, 0u);
  EXPECT_EQ(arena->containing(offer.data), nullptr);
  EXPECT_EQ(arena->offer(100'000, false).data, offer.data);
}

TEST(ArenaOffer, KeepsWhatIsBequeathed) {
  auto arena = make_arena();
  const Offer offer = arena->offer(100'000, true);
  auto block = arena->containing(offer.data);
  ASSERT_TRUE(block);
  arena->bequeath(*block);
  block.reset();
  arena->decline(offer.place);
  EXPECT_EQ(arena->stats().live_blocks, 1u);
  EXPECT_EQ(arena->containing(offer.data), nullptr);
  EXPECT_NE(arena->offer(100'000, true).data, offer.data);
  const ArenaId id = arena->id();
  arena.reset();
  EXPECT_TRUE(names_go(segment_name(id, 0), [] { sweep_abandoned(); }));  // there is no heir
}

// Some threads take and decline, others look for blocks by address and hold them for a while: no place is given to two.
TEST(ArenaOffer, ManyThreadsTakeAndOthersLook) {
  const auto arena = make_arena();
  constexpr std::size_t bytes = 20'000;
  std::array<std::atomic<std::byte*>, 4> shown{};
  std::atomic<int> taking = 2;
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 20'000; ++i) {
        const Offer offer = arena->offer(bytes, true);
        if (offer.data == nullptr) {
          ADD_FAILURE() << "nothing offered";
          break;
        }
        const unsigned mark = 2 * static_cast<unsigned>(i) + t;
        std::memcpy(offer.data, &mark, sizeof mark);
        shown[t * 2 + random() % 2] = offer.data;
        if (std::memcmp(offer.data, &mark, sizeof mark) != 0) ADD_FAILURE() << "somebody else has it";
        arena->decline(offer.place);
      }
      --taking;
    });
  }
  for (unsigned t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(10 + t);
      std::vector<std::shared_ptr<Block>> held(8);
      while (taking != 0) {
        auto& one = held[random() % held.size()];
        one = arena->containing(shown[random() % shown.size()]);
        if (one && arena->find(one->place().generation) != one) ADD_FAILURE() << "two blocks at once";
      }
    });
  }
  threads.clear();
  EXPECT_EQ(arena->stats().live_blocks, 0u);
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
