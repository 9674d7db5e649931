#include "fork_pins.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "arena.hpp"
#include "child_process.hpp"
#include "ledger.hpp"

namespace py4cpp::test {
namespace {

std::shared_ptr<Arena> make_arena() { return std::make_shared<Arena>(ArenaLimits{0, std::uint64_t{1} << 30}); }

// Waits until a child has ended, as the pins see it.
bool collect_within_a_minute(ForkPins& pins) {
  pollfd ended{pins.descriptor(), POLLIN, 0};
  return poll(&ended, 1, 60'000) == 1 && pins.collect();
}

bool is_filled(const Block& block, int value) {
  for (std::size_t i = 0; i < block.size(); ++i) {
    if (block.data()[i] != static_cast<std::byte>(value)) return false;
  }
  return true;
}

TEST(ForkPins, WhatAChildWritesIsItsOwn) {
  const auto arena = make_arena();
  const ForkPins pins(arena);
  const auto block = arena->allocate(100'000);
  std::memset(block->data(), 1, block->size());
  const int code = in_child([&] {
    std::memset(block->data(), 2, block->size());
    return is_filled(*block, 2) ? 0 : 1;
  });
  EXPECT_EQ(code, 0);
  EXPECT_TRUE(is_filled(*block, 1));
}

TEST(ForkPins, NothingIsRecycledBeforeTheChildEnds) {
  const auto arena = make_arena();
  ForkPins pins(arena);
  auto block = arena->allocate(100'000);
  const std::byte* const data = block->data();
  std::memset(block->data(), 3, block->size());
  ChildProcess child([&](Talk& talk) {
    talk.receive<char>();
    return is_filled(*block, 3) ? 0 : 1;
  });
  EXPECT_EQ(pins.pinned(), 1u);
  EXPECT_TRUE(ForkPins::is_pinned(block));
  block.reset();
  for (int i = 0; i < 5; ++i) {
    const auto next = arena->allocate(100'000);
    EXPECT_NE(next->data(), data);
    EXPECT_FALSE(ForkPins::is_pinned(next));
    std::memset(next->data(), 4, next->size());
  }
  pollfd ended{pins.descriptor(), POLLIN, 0};
  EXPECT_EQ(poll(&ended, 1, 0), 0);
  child.talk().send('x');
  EXPECT_EQ(child.wait(), 0);
  ASSERT_TRUE(collect_within_a_minute(pins));
  EXPECT_EQ(pins.pinned(), 0u);
  EXPECT_EQ(arena->stats().live_blocks, 0u);
}

TEST(ForkPins, EachForkHasItsOwn) {
  const auto arena = make_arena();
  ForkPins pins(arena);
  const auto wait_for_word = [](Talk& talk) { return static_cast<int>(talk.receive<char>()); };
  auto first = arena->allocate(1000);
  ChildProcess one(wait_for_word);
  auto second = arena->allocate(1000);
  ChildProcess two(wait_for_word);
  EXPECT_EQ(pins.pinned(), 3u);
  first.reset();
  second.reset();
  EXPECT_EQ(arena->stats().live_blocks, 2u);
  two.talk().send('\0');
  EXPECT_EQ(two.wait(), 0);
  ASSERT_TRUE(collect_within_a_minute(pins));
  EXPECT_EQ(arena->stats().live_blocks, 1u);  // the first child's
  one.kill();
  ASSERT_TRUE(collect_within_a_minute(pins));
  EXPECT_EQ(arena->stats().live_blocks, 0u);
}

TEST(ForkPins, AForkWithoutBlocksCostsNothing) {
  const auto arena = make_arena();
  ForkPins pins(arena);
  EXPECT_EQ(in_child([] { return 0; }), 0);
  pollfd ended{pins.descriptor(), POLLIN, 0};
  EXPECT_EQ(poll(&ended, 1, 0), 0);
  EXPECT_EQ(pins.pinned(), 0u);
}

TEST(ForkPins, BorrowedBlocksAreNotReleased) {
  const auto ours = make_arena();
  const auto theirs = make_arena();
  BlockLedger lender(theirs), borrower(ours);
  lender.meet(ours->id());
  borrower.meet(theirs->id());
  ForkPins pins(ours);
  pins.include(borrower);
  auto block = theirs->allocate(100'000);
  std::memset(block->data(), 5, block->size());
  lender.lend(block);
  auto borrowed = borrower.borrow(block->place());
  ChildProcess child([&](Talk& talk) {
    std::memset(borrowed->data(), 6, borrowed->size());
    talk.receive<char>();
    return is_filled(*borrowed, 6) ? 0 : 1;
  });
  borrowed.reset();
  EXPECT_FALSE(borrower.has_releases());
  child.talk().send('x');
  EXPECT_EQ(child.wait(), 0);
  EXPECT_TRUE(is_filled(*block, 5));
  ASSERT_TRUE(collect_within_a_minute(pins));
  std::vector<BlockLedger::Release> releases;
  borrower.take_releases(releases);
  ASSERT_EQ(releases.size(), 1u);
  lender.released(releases[0].arena, releases[0].generation, releases[0].count);
}

TEST(ForkPins, AChildsChildHoldsThem) {
  const auto arena = make_arena();
  ForkPins pins(arena);
  auto block = arena->allocate(1000);
  int gate[2];
  ASSERT_EQ(pipe(gate), 0);
  EXPECT_EQ(in_child([&] {
              if (fork() != 0) return 0;
              char word = 0;
              _exit(read(gate[0], &word, 1) == 1 ? 0 : 1);
            }),
            0);
  block.reset();
  pollfd ended{pins.descriptor(), POLLIN, 0};
  EXPECT_EQ(poll(&ended, 1, 50), 0);
  EXPECT_EQ(arena->stats().live_blocks, 1u);
  EXPECT_EQ(write(gate[1], "x", 1), 1);
  ASSERT_TRUE(collect_within_a_minute(pins));
  EXPECT_EQ(arena->stats().live_blocks, 0u);
  close(gate[0]);
  close(gate[1]);
}

}  // namespace
}  // namespace py4cpp::test
