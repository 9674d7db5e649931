// Ledgers that many threads use at once.
#include "ledger_fixture.hpp"

#include <unistd.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>

namespace py4cpp::test {
namespace {

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
