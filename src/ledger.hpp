// The ledger of one session: which blocks were lent to its peer, which were borrowed from it, and what is to be
// released. A value member of the session; any thread. Blocks it handed out may outlive it.
//   1. lent(block) counts descriptors written to this peer; the ledger owns the block while the count is above 0.
//   2. A borrowed block counts the descriptors read; its last owner queues one release of that many. A descriptor that
//      arrives while that destructor runs makes a new block with its own count: the releases add up.
//   3. A descriptor of a block that we have lent to this same peer has come home, whoever's it is: the block that we
//      already hold is returned, and a release of one is queued at once.
//   4. Mappings of the peer's segments are kept until it says that it retired them; those of third arenas, of whose
//      retirements we don't hear, go with their last block.
//   5. From meet() to close() we hold a share of the peer's lease, so no sweep removes its names between its death and
//      our adopting them.
// No lock is held while a block dies, a segment is unmapped or the hook runs.
#pragma once

#include "arena.hpp"
#include "block.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace py4cpp {

class BlockLedger {
 public:
  struct Release {
    ArenaId arena;
    std::uint64_t generation = 0;
    std::uint64_t count = 0;  // descriptors
  };

  explicit BlockLedger(std::shared_ptr<Arena> own);  // this process's arena
  ~BlockLedger();                                    // as close(false)
  BlockLedger(const BlockLedger&) = delete;
  BlockLedger& operator=(const BlockLedger&) = delete;

  // The peer's arena, from its hello, before the first borrow. Throws Error(bug) if it is ours, or a second one.
  void meet(const ArenaId& peer);

  // One descriptor of the block was written to the peer. Does nothing after close().
  void lend(const std::shared_ptr<Block>& block);

  // One descriptor was read. Throws Error(bug) for one that can't be (unknown block, out of the segment's bounds),
  // Error(exhausted) when it can't be mapped, Error(disconnected) after close().
  std::shared_ptr<Block> borrow(const BlockPlace& place);

  // The peer's release; the arena's pid is not looked at. Throws Error(bug) for more than was lent.
  void released(const ArenaId& arena, std::uint64_t generation, std::uint64_t count);
  // The owner of the arena, our peer, has retired the segment: our mapping of it goes.
  void retired(const ArenaId& arena, std::uint32_t segment) noexcept;

  std::vector<std::shared_ptr<Block>> borrowed() const;  // those that are alive

  bool has_releases() const noexcept;
  void take_releases(std::vector<Release>& into);  // appends, oldest first

  // Called when the queue of releases stops being empty, without locks, on the thread that dropped the block; must not
  // throw. It may still be running when close() returns, and may itself end the ledger, so it must hold what it uses
  // weakly. Set before the first borrow.
  void on_release(std::function<void()> hook);

  // Ends the ledger. With `peer_is_dead` (its process has ended, in good order or not) what was lent returns, and the
  // peer's arena becomes ours to clear: every name goes at once but those of segments with living borrowed blocks,
  // which go with their last block, and then the lease. Otherwise the peer lives on without us: what was lent to it
  // stays allocated and is bequeathed (Arena::bequeath).
  void close(bool peer_is_dead) noexcept;

 private:
  class Book;
  const std::shared_ptr<Book> book_;
};

}  // namespace py4cpp
