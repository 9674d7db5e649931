#include "ledger.hpp"

#include <gtest/gtest.h>
#include <unistd.h>
#include <py4cpp/error.hpp>

#include <atomic>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "child_process.hpp"

namespace py4cpp::test {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

using Blocks = std::vector<std::shared_ptr<Block>>;
using Releases = std::vector<BlockLedger::Release>;

std::string stem(const ArenaId& arena) {
  const std::string name = segment_name(arena, 0);
  return name.substr(0, name.size() - 1);
}
std::size_t names_of(const ArenaId& arena) { return names_with(stem(arena)).size(); }
bool is_swept(const ArenaId& arena) {
  return names_go(stem(arena), [] { sweep_abandoned(); });
}

template <class F>
void expect_kind(ErrorKind kind, F function) {
  try {
    function();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
  }
}

// Two sides of a session, each with an arena of its own. A block travels when one lends and the other borrows.
struct Pair {
  struct Side {
    std::shared_ptr<Arena> arena = std::make_shared<Arena>(ArenaLimits{0, std::uint64_t{1} << 30});
    std::unique_ptr<BlockLedger> ledger = std::make_unique<BlockLedger>(arena);
  };
  Side a, b;

  Pair() {
    a.ledger->meet(b.arena->id());
    b.ledger->meet(a.arena->id());
  }
  ~Pair() {
    a.ledger->close(true);
    b.ledger->close(true);
  }

  static std::shared_ptr<Block> pass(Side& from, Side& to, const std::shared_ptr<Block>& block) {
    from.ledger->lend(block);
    return to.ledger->borrow(block->place());
  }
  // Delivers the releases of one side; returns how many descriptors they are for.
  static std::uint64_t deliver(Side& from, Side& to) {
    Releases releases;
    from.ledger->take_releases(releases);
    std::uint64_t count = 0;
    for (const auto& release : releases) {
      to.ledger->released(release.arena, release.generation, release.count);
      count += release.count;
    }
    return count;
  }
};

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
  refuse([](BlockPlace& place) { place.segment += 1; });
  refuse([](BlockPlace& place) { place.arena.low ^= 1; });
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

// ---- a peer that is another process

// Allocates and lends blocks of 9 MiB, each a segment, filled with their number; then waits to be told how to end.
struct Worker {
  static constexpr int count = 3;
  ChildProcess process{[](Talk& talk) {
    const auto host = talk.receive<ArenaId>();
    auto own = std::make_shared<Arena>();
    BlockLedger ledger(own);
    ledger.meet(host);
    talk.send(own->id());
    Blocks blocks;
    for (int i = 0; i < count; ++i) {
      blocks.push_back(own->allocate(9 * mebibyte));
      std::memset(blocks.back()->data(), i + 1, 9 * mebibyte);
      ledger.lend(blocks.back());
      talk.send(blocks.back()->place());
    }
    if (talk.receive<char>() == 'f') {  // a forked child of the worker outlives it
      const pid_t child = ::fork();
      if (child == 0) {
        for (;;) ::pause();
      }
      talk.send(child);
      talk.receive<char>();
    }
    blocks.clear();
    ledger.close(false);
    own->close();
    return 0;
  }};
  ArenaId arena;
  std::vector<BlockPlace> places;

  explicit Worker(const ArenaId& host) {
    process.talk().send(host);
    arena = process.talk().receive<ArenaId>();
    for (int i = 0; i < count; ++i) places.push_back(process.talk().receive<BlockPlace>());
  }
};

struct Host {
  std::shared_ptr<Arena> arena = std::make_shared<Arena>();
  Worker worker{arena->id()};
  std::unique_ptr<BlockLedger> ledger = std::make_unique<BlockLedger>(arena);
  Host() { ledger->meet(worker.arena); }
};

TEST(Adoption, ADeadPeersArraysLiveOnAndTheRestIsCleared) {
  Host host;
  auto first = host.ledger->borrow(host.worker.places[0]);
  auto second = host.ledger->borrow(host.worker.places[1]);
  second.reset();
  host.worker.process.kill();
  sweep_abandoned();  // anybody's: between death and adoption the names are safe
  EXPECT_EQ(names_of(host.worker.arena), 4u);
  host.ledger->close(true);
  EXPECT_EQ(names_with(segment_name(host.worker.arena, first->place().segment)).size(), 1u);
  EXPECT_EQ(names_of(host.worker.arena), 2u);  // that and the lease
  sweep_abandoned();
  EXPECT_EQ(names_of(host.worker.arena), 2u);
  EXPECT_NO_THROW(Segment::attach(host.worker.arena, first->place().segment));  // another worker still can
  EXPECT_EQ(first->data()[9 * mebibyte - 1], std::byte{1});
  host.ledger.reset();
  host.arena.reset();
  EXPECT_EQ(first->data()[0], std::byte{1});
  std::thread([&] { first.reset(); }).join();
  EXPECT_EQ(names_of(host.worker.arena), 0u);
}

TEST(Adoption, WithNothingBorrowedEverythingGoesAtOnce) {
  Host host;
  host.worker.process.kill();
  host.ledger->close(true);
  EXPECT_EQ(names_of(host.worker.arena), 0u);
}

TEST(Adoption, AnOrderlyEndLeavesTheNamesToTheHost) {
  Host host;
  const auto block = host.ledger->borrow(host.worker.places[2]);
  host.worker.process.talk().send('e');
  EXPECT_EQ(host.worker.process.wait(), 0);
  EXPECT_EQ(names_of(host.worker.arena), 4u);
  host.ledger->close(true);
  EXPECT_EQ(names_of(host.worker.arena), 2u);
  EXPECT_EQ(block->data()[0], std::byte{3});
}

TEST(Adoption, AForkedChildOfTheDeadPeerDoesNotHinder) {
  Host host;
  host.worker.process.talk().send('f');
  const auto grandchild = host.worker.process.talk().receive<pid_t>();
  auto block = host.ledger->borrow(host.worker.places[0]);
  host.worker.process.kill();
  host.ledger->close(true);
  EXPECT_EQ(names_of(host.worker.arena), 2u);
  block.reset();
  EXPECT_EQ(names_of(host.worker.arena), 0u);
  ::kill(grandchild, SIGKILL);
}

TEST(Adoption, AnAdopterThatDiesLeavesTheRestToTheNextSweep) {
  ChildProcess adopter([](Talk& talk) {
    Host host;
    const auto block = host.ledger->borrow(host.worker.places[0]);
    host.worker.process.kill();
    host.ledger->close(true);
    talk.send(host.worker.arena);
    for (;;) ::pause();
    return 0;
  });
  const auto arena = adopter.talk().receive<ArenaId>();
  EXPECT_EQ(names_of(arena), 2u);
  adopter.kill();
  EXPECT_TRUE(is_swept(arena));
}

TEST(Adoption, BothDeadIsTheNextSweepsAffair) {
  ChildProcess both([](Talk& talk) {
    Host host;
    const Blocks blocks{host.ledger->borrow(host.worker.places[0])};
    host.worker.process.kill();
    talk.send(host.worker.arena);
    talk.send(host.arena->id());
    for (;;) ::pause();
    return 0;
  });
  const auto worker = both.talk().receive<ArenaId>();
  const auto host = both.talk().receive<ArenaId>();
  both.kill();
  EXPECT_TRUE(is_swept(worker));
  EXPECT_TRUE(is_swept(host));
}

TEST(Adoption, AForkedHostAdoptsNothing) {
  Host host;
  auto block = host.ledger->borrow(host.worker.places[0]);
  EXPECT_EQ(in_child([&] {
              host.ledger->close(true);
              block.reset();
              host.ledger.reset();
              host.arena.reset();
              return 0;
            }),
            0);
  EXPECT_EQ(names_of(host.worker.arena), 4u);
  EXPECT_EQ(names_of(host.arena->id()), 1u);
  EXPECT_EQ(block->data()[0], std::byte{1});
  host.worker.process.kill();
  host.ledger->close(true);
}

// ---- many threads

// The race for the last owner: while one thread drops the block, another borrows it again. Whatever the order, the
// releases add up to the descriptors, and nothing is released while it is held.
TEST(LedgerThreads, DroppingAndBorrowingAtOnceAddsUp) {
  Pair pair;
  const auto block = pair.a.arena->allocate(100);
  constexpr int rounds = 20000;
  std::atomic<std::uint64_t> delivered{0};
  std::atomic<int> running{3};
  const auto borrow = [&] {
    for (int i = 0; i < rounds; ++i) {
      const auto borrowed = Pair::pass(pair.a, pair.b, block);
      if (borrowed->place() != block->place()) ADD_FAILURE();
    }
    --running;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(borrow);
  while (running > 0) delivered += Pair::deliver(pair.b, pair.a);
  for (auto& thread : threads) thread.join();
  delivered += Pair::deliver(pair.b, pair.a);
  EXPECT_EQ(delivered, 3u * rounds);
  const auto generation = block->place().generation;
  expect_kind(ErrorKind::bug, [&] { pair.a.ledger->released(pair.a.arena->id(), generation, 1); });
}

// Blocks of both sides wander to and fro, some home again, while releases and retirements are delivered in order.
class Wandering {
 public:
  void run() {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 2; ++i) threads.emplace_back([this, i] { wander(pair.a, pair.b, a_held, b_held, i); });
    for (unsigned i = 2; i < 4; ++i) threads.emplace_back([this, i] { wander(pair.b, pair.a, b_held, a_held, i); });
    for (auto& thread : threads) thread.join();
    a_held.clear();
    b_held.clear();
    while (Pair::deliver(pair.a, pair.b) + Pair::deliver(pair.b, pair.a) > 0) {
    }
    EXPECT_EQ(pair.a.arena->stats().live_blocks, 0u);
    EXPECT_EQ(pair.b.arena->stats().live_blocks, 0u);
  }

 private:
  // Lending, sending and reading are one step here, as the channel keeps messages in order.
  void wander(Pair::Side& from, Pair::Side& to, Blocks& own, Blocks& others, unsigned seed) {
    std::mt19937 random(seed);
    for (int i = 0; i < 4000; ++i) {
      std::shared_ptr<Block> block;
      if (random() % 2 == 0) {
        block = from.arena->allocate(1 + random() % 5000);
        const auto generation = block->place().generation;
        std::memcpy(block->data(), &generation, sizeof generation);
      } else {
        block = pick(own, random());
      }
      if (!block) continue;
      {
        const std::lock_guard wire(&from == &pair.a ? a_to_b : b_to_a);
        if (random() % 4 == 0) Pair::deliver(from, to);
        keep(others, Pair::pass(from, to, block), random());
      }
      if (random() % 3 == 0) keep(own, std::move(block), random());
    }
  }

  std::shared_ptr<Block> pick(Blocks& blocks, std::size_t which) {
    const std::lock_guard lock(held);
    return blocks.empty() ? nullptr : blocks[which % blocks.size()];
  }

  void keep(Blocks& blocks, std::shared_ptr<Block> block, std::size_t where) {
    std::uint64_t generation = 0;
    std::memcpy(&generation, block->data(), sizeof generation);
    EXPECT_EQ(generation, block->place().generation);
    const std::lock_guard lock(held);
    if (blocks.size() < 30) {
      blocks.push_back(std::move(block));
    } else {
      blocks[where % 30].swap(block);  // what was there dies when the lock is gone, or nearly
    }
  }

  Pair pair;
  std::mutex a_to_b, b_to_a, held;
  Blocks a_held, b_held;
};

TEST(LedgerThreads, WanderingBlocksAllComeToRest) { Wandering().run(); }

TEST(LedgerThreads, ClosingAmidUseIsSafe) {
  for (int round = 0; round < 20; ++round) {
    Pair pair;
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        Blocks held;
        while (!stop) {
          const auto block = pair.a.arena->allocate(100);
          try {
            held.push_back(Pair::pass(pair.a, pair.b, block));
          } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::disconnected);
          }
          if (held.size() > 10) held.clear();
        }
      });
    }
    ::usleep(1000);
    pair.b.ledger->close(round % 2 == 0);
    pair.a.ledger->close(true);
    stop = true;
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(pair.a.arena->stats().live_blocks, 0u);
  }
}

}  // namespace
}  // namespace py4cpp::test
