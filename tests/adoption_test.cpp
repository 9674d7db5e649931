// What becomes of blocks and names when a peer, another process, ends: the host adopts what it uses, the rest goes.
#include "ledger_fixture.hpp"

#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <thread>

namespace py4cpp::test {
namespace {

bool is_swept(const ArenaId& arena) {
  return names_go(stem(arena), [] { sweep_abandoned(); });
}

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

}  // namespace
}  // namespace py4cpp::test
