// Blocks lent and borrowed between two sides, their descriptors and releases counted.
#include "ledger_fixture.hpp"

#include <cstring>
#include <thread>

namespace py4cpp::test {
namespace {

TEST(Ledger, ALentBlockLivesUntilItIsReleased) {
  Pair pair;
  auto block = pair.a.arena->allocate(1000);
  std::memset(block->data(), 8, 1000);
  auto borrowed = Pair::pass(pair.a, pair.b, block);
  EXPECT_NE(borrowed, block);
  EXPECT_EQ(borrowed->place(), block->place());
  EXPECT_NE(borrowed->data(), block->data());
  borrowed->data()[1] = std::byte{9};
  EXPECT_EQ(block->data()[1], std::byte{9});
  block.reset();
  EXPECT_EQ(pair.a.arena->stats().live_blocks, 1u);
  EXPECT_EQ(borrowed->data()[999], std::byte{8});
  EXPECT_FALSE(pair.b.ledger->has_releases());
  borrowed.reset();
  EXPECT_TRUE(pair.b.ledger->has_releases());
  EXPECT_EQ(pair.a.arena->stats().live_blocks, 1u);  // until the release has arrived
  EXPECT_EQ(Pair::deliver(pair.b, pair.a), 1u);
  EXPECT_FALSE(pair.b.ledger->has_releases());
  EXPECT_EQ(pair.a.arena->stats().live_blocks, 0u);
}

TEST(Ledger, CountsDescriptors) {
  Pair pair;
  auto block = pair.a.arena->allocate(1000);
  auto first = Pair::pass(pair.a, pair.b, block);
  const auto second = Pair::pass(pair.a, pair.b, block);
  EXPECT_EQ(first, second);
  auto copy = first;
  first.reset();
  copy.reset();
  EXPECT_FALSE(pair.b.ledger->has_releases());
  const auto third = Pair::pass(pair.a, pair.b, block);
  EXPECT_EQ(third, second);
}

TEST(Ledger, OneReleaseForAllDescriptorsOfALife) {
  Pair pair;
  const auto block = pair.a.arena->allocate(1000);
  for (int i = 0; i < 3; ++i) pair.a.ledger->lend(block);
  { const Blocks held{pair.b.ledger->borrow(block->place()), pair.b.ledger->borrow(block->place())}; }
  const auto again = pair.b.ledger->borrow(block->place());  // the release of the first two is still under way
  Releases releases;
  pair.b.ledger->take_releases(releases);
  ASSERT_EQ(releases.size(), 1u);
  EXPECT_EQ(releases[0].count, 2u);
  EXPECT_EQ(releases[0].arena, pair.a.arena->id());
  EXPECT_EQ(releases[0].generation, block->place().generation);
  pair.a.ledger->released(releases[0].arena, releases[0].generation, 2);
  expect_kind(ErrorKind::bug, [&] { pair.a.ledger->released(pair.a.arena->id(), block->place().generation, 2); });
}

TEST(Ledger, RefusesReleasesOfWhatWasNotLent) {
  Pair pair;
  const auto block = pair.a.arena->allocate(100);
  const auto release = [&](std::uint64_t generation, std::uint64_t count) {
    pair.a.ledger->released(pair.a.arena->id(), generation, count);
  };
  const auto generation = block->place().generation;
  expect_kind(ErrorKind::bug, [&] { release(generation, 1); });
  pair.a.ledger->lend(block);
  expect_kind(ErrorKind::bug, [&] { release(generation, 2); });
  expect_kind(ErrorKind::bug, [&] { release(generation, 0); });
  expect_kind(ErrorKind::bug, [&] { release(generation + 1, 1); });
  expect_kind(ErrorKind::bug, [&] { pair.a.ledger->released(pair.b.arena->id(), generation, 1); });
  release(generation, 1);
  expect_kind(ErrorKind::bug, [&] { release(generation, 1); });
}

TEST(Ledger, ABlockComesHomeAsItself) {
  Pair pair;
  auto block = pair.a.arena->allocate(1000);
  const auto borrowed = Pair::pass(pair.a, pair.b, block);
  const Block* const identity = block.get();
  block.reset();
  block = Pair::pass(pair.b, pair.a, borrowed);
  EXPECT_EQ(block.get(), identity);
  EXPECT_EQ(Pair::deliver(pair.a, pair.b), 1u);  // at once, for it isn't needed
  EXPECT_EQ(Pair::deliver(pair.a, pair.b), 0u);
}

TEST(Ledger, ALendAndALoanOfOneBlockCrossing) {
  Pair pair;
  auto block = pair.a.arena->allocate(1000);
  auto borrowed = Pair::pass(pair.a, pair.b, block);
  pair.b.ledger->lend(borrowed);  // on its way home, while the owner
  pair.a.ledger->lend(block);     // sends it once more
  auto home = pair.a.ledger->borrow(borrowed->place());
  auto again = pair.b.ledger->borrow(block->place());
  EXPECT_EQ(home, block);
  EXPECT_EQ(again, borrowed);
  block.reset(), home.reset(), borrowed.reset(), again.reset();
  while (Pair::deliver(pair.a, pair.b) + Pair::deliver(pair.b, pair.a) > 0) {
  }
  EXPECT_EQ(pair.a.arena->stats().live_blocks, 0u);
}

TEST(Ledger, PassesOnABlockOfAThirdArena) {
  Pair pair;
  Pair other;  // other.a is the host's second session, other.b its second worker
  auto block = pair.b.arena->allocate(1000);
  block->data()[0] = std::byte{77};
  auto hosts = Pair::pass(pair.b, pair.a, block);
  auto second = Pair::pass(other.a, other.b, hosts);
  EXPECT_EQ(second->data()[0], std::byte{77});
  block.reset(), hosts.reset();
  EXPECT_FALSE(pair.a.ledger->has_releases());  // the host holds its own borrow while it lends
  auto back = Pair::pass(other.b, other.a, second);
  EXPECT_EQ(back->data()[0], std::byte{77});
  EXPECT_EQ(Pair::deliver(other.a, other.b), 1u);
  const std::size_t mapped = list_mappings(stem(pair.b.arena->id())).size();
  second.reset();
  EXPECT_EQ(list_mappings(stem(pair.b.arena->id())).size(), mapped - 1);  // nobody would tell us when to let go
  EXPECT_EQ(Pair::deliver(other.b, other.a), 1u);
  back.reset();
  EXPECT_EQ(Pair::deliver(pair.a, pair.b), 1u);
  EXPECT_EQ(pair.b.arena->stats().live_blocks, 0u);
}

TEST(Ledger, RefusesDescriptorsThatCannotBe) {
  Pair pair;
  const auto block = pair.a.arena->allocate(1000);
  pair.a.ledger->lend(block);
  const auto refuse = [&](auto change) {
    BlockPlace place = block->place();
    change(place);
    expect_kind(ErrorKind::bug, [&] { pair.b.ledger->borrow(place); });
  };
  constexpr std::uint64_t most = ~std::uint64_t{0};
  refuse([](BlockPlace& place) { place.size = most; });
  refuse([](BlockPlace& place) { place.offset = most; });
  refuse([](BlockPlace& place) { place.offset = most - 999; });
  refuse([](BlockPlace& place) { place.offset = most - 1000; });
  refuse([](BlockPlace& place) { place.offset = most / 2 + 1, place.size = most / 2 + 1; });
  refuse([](BlockPlace& place) { place.size = 0; });
  refuse([](BlockPlace& place) { place.generation = 0; });
  refuse([](BlockPlace& place) { place.offset = mebibyte - 999; });
  refuse([](BlockPlace& place) { place.offset = mebibyte; });
  const auto find_nothing = [&](auto change) {
    BlockPlace place = block->place();
    change(place);
    expect_kind(ErrorKind::exhausted, [&] { pair.b.ledger->borrow(place); });  // its name may have been removed
  };
  find_nothing([](BlockPlace& place) { place.segment += 1; });
  find_nothing([](BlockPlace& place) { place.arena.low ^= 1; });
  refuse([](BlockPlace& place) { place.arena.pid = 0; });
  refuse([](BlockPlace& place) { place.arena.pid = -1; });
  refuse([&](BlockPlace& place) { place.arena = pair.b.arena->id(); });  // its own, but it never lent it
  const auto borrowed = pair.b.ledger->borrow(block->place());
  refuse([](BlockPlace& place) { place.size -= 1; });  // not as before
  refuse([](BlockPlace& place) { place.offset += 64; });
  EXPECT_FALSE(pair.b.ledger->has_releases());
  // A block that comes home has to be lent, and to be where it is.
  pair.b.ledger->lend(borrowed);
  BlockPlace wrong = borrowed->place();
  wrong.offset += 64;
  expect_kind(ErrorKind::bug, [&] { pair.a.ledger->borrow(wrong); });
  const auto unlent = pair.a.arena->allocate(64);
  expect_kind(ErrorKind::bug, [&] { pair.a.ledger->borrow(unlent->place()); });
}

TEST(Ledger, MeetsOnePeerThatIsAnother) {
  Pair pair;
  expect_kind(ErrorKind::bug, [&] { pair.a.ledger->meet(pair.b.arena->id()); });
  BlockLedger alone(pair.a.arena);
  expect_kind(ErrorKind::bug, [&] { alone.meet(pair.a.arena->id()); });
}

TEST(Ledger, KeepsMappingsUntilTheirSegmentsRetire) {
  Pair pair;
  auto block = pair.a.arena->allocate(10 * mebibyte);
  const auto segment = block->place().segment;
  auto borrowed = Pair::pass(pair.a, pair.b, block);
  const std::byte* const data = borrowed->data();
  borrowed.reset();
  borrowed = Pair::pass(pair.a, pair.b, block);
  EXPECT_EQ(borrowed->data(), data);
  borrowed.reset();
  block.reset();
  Pair::deliver(pair.b, pair.a);
  pair.a.arena->trim();
  EXPECT_EQ(names_of(pair.a.arena->id()), 1u);
  const auto mappings = [] { return list_mappings("py4cpp").size(); };
  const std::size_t before = mappings();
  pair.b.ledger->retired(pair.a.arena->id(), segment);
  EXPECT_EQ(mappings(), before - 1);
  pair.b.ledger->retired(pair.a.arena->id(), segment);
  pair.b.ledger->retired(pair.a.arena->id(), 12345);
}

TEST(Ledger, TheHookRunsWhenReleasesBeginToWait) {
  Pair pair;
  int calls = 0;
  pair.b.ledger->on_release([&] {
    ++calls;
    EXPECT_TRUE(pair.b.ledger->has_releases());  // no lock is held
  });
  Blocks blocks;
  Blocks borrowed;
  for (int i = 0; i < 3; ++i) {
    blocks.push_back(pair.a.arena->allocate(100));
    borrowed.push_back(Pair::pass(pair.a, pair.b, blocks.back()));
  }
  borrowed.pop_back();
  EXPECT_EQ(calls, 1);
  borrowed.pop_back();
  EXPECT_EQ(calls, 1);
  Pair::deliver(pair.b, pair.a);
  borrowed.pop_back();
  EXPECT_EQ(calls, 2);
}

TEST(Ledger, BlocksOutliveItAndItsArena) {
  auto pair = std::make_unique<Pair>();
  auto block = pair->a.arena->allocate(100);
  auto borrowed = Pair::pass(pair->a, pair->b, block);
  borrowed->data()[0] = std::byte{5};
  pair.reset();
  EXPECT_EQ(borrowed->data()[0], std::byte{5});
  EXPECT_EQ(block->data()[0], std::byte{5});
}

TEST(Ledger, AfterTheEndNothingIsLentOrBorrowed) {
  Pair pair;
  auto block = pair.a.arena->allocate(100);
  auto borrowed = Pair::pass(pair.a, pair.b, block);
  pair.b.ledger->close(true);
  expect_kind(ErrorKind::disconnected, [&] { pair.b.ledger->borrow(block->place()); });
  const auto own = pair.b.arena->allocate(100);
  pair.b.ledger->lend(own);
  pair.b.ledger->released(own->place().arena, own->place().generation, 5);
  borrowed.reset();
  EXPECT_FALSE(pair.b.ledger->has_releases());
  pair.b.ledger->close(false);
  block.reset();
  EXPECT_EQ(pair.a.arena->stats().live_blocks, 1u);
  pair.a.ledger->close(true);  // the peer is dead: what it had returns
  EXPECT_EQ(pair.a.arena->stats().live_blocks, 0u);
}

TEST(Ledger, WhatALivingPeerHoldsIsNotReused) {
  Pair pair;
  auto block = pair.a.arena->allocate(1000);
  const auto borrowed = Pair::pass(pair.a, pair.b, block);
  const std::byte* const data = block->data();
  std::memset(block->data(), 1, 1000);
  block.reset();
  pair.a.ledger->close(false);
  for (int i = 0; i < 10; ++i) {
    const auto fresh = pair.a.arena->allocate(1000);
    EXPECT_NE(fresh->data(), data);
    std::memset(fresh->data(), 2, 1000);
  }
  EXPECT_EQ(borrowed->data()[0], std::byte{1});
  pair.a.arena.reset();  // its process ends in good order, and leaves the name to the peer
}

}  // namespace
}  // namespace py4cpp::test
