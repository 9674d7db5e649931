// The arena: this process's own shared memory, from which every block it owns is allocated. Its bookkeeping is private
// memory; its segments carry payload only. Held by shared_ptr; any thread; no user code runs under its lock, and system
// calls (creating, unlinking, unmapping a segment) are made without it. Who drops a block doesn't wait for its pages to
// be freed, a thread does that (Disposal); who allocates does, rather than fail. In a forked child allocating throws,
// and nothing else has an effect.
#pragma once

#include "block.hpp"
#include "disposal.hpp"
#include "fork_mark.hpp"
#include "free_space.hpp"
#include "lease.hpp"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace py4cpp {

struct ArenaLimits {
  static constexpr std::uint64_t automatic = ~std::uint64_t{0};  // the smaller of 1 GiB and a quarter of /dev/shm

  std::uint64_t shared_memory_limit = 0;  // bytes of all segments; 0: as much as there is
  std::uint64_t cache_limit = automatic;  // bytes of segments kept warm that carry no live block
};

struct ArenaStats {
  std::uint64_t live_segments = 0;
  std::uint64_t live_blocks = 0;
  std::uint64_t bytes_live = 0;    // of live blocks, with what rounding up costs
  std::uint64_t bytes_cached = 0;  // of segments, in no live block
};

// For those who can do without shared memory, and mostly without a block: numpy's arrays come and go, few are lent. A
// block of the place is made for whoever asks the arena for one. It is the taker's until decline(), if it has `data`.
struct Offer {
  std::byte* data = nullptr;  // 64-byte aligned; null: do without
  std::size_t size = 0;       // bytes, as many as its place allows
  FreeSpace::RangeId place = FreeSpace::none;
  bool zeroed = false;  // every byte of it is 0
};

class Arena : public std::enable_shared_from_this<Arena> {
 public:
  // Takes a lease under a new id before anything else. Throws Error(exhausted) where /dev/shm can't be used.
  explicit Arena(const ArenaLimits& limits = {});
  ~Arena();  // as close(); live blocks keep their pages
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  const ArenaId& id() const noexcept { return id_; }

  // A block of at least 64 bytes, 64-byte aligned, contents undefined (warm memory is not cleared). Throws
  // OutOfSharedMemory, Error(invalid) in a forked child or after close().
  std::shared_ptr<Block> allocate(std::size_t bytes);
  // As allocate(), but nothing instead of an exception, and a quarter of /dev/shm, and of shared_memory_limit, stays
  // free for what must be shared. Without `may_grow` only of the memory that is there already. Who takes what is
  // offered keeps the arena, too.
  Offer offer(std::size_t bytes, bool may_grow) noexcept;
  void decline(FreeSpace::RangeId place) noexcept;          // once; what has a block by then lives until that dies
  bool has_block(FreeSpace::RangeId place) const noexcept;  // of an offer that was taken

  // Blocks that live, and those of offers that were taken.
  std::vector<std::shared_ptr<Block>> live_blocks();
  std::shared_ptr<Block> find(std::uint64_t generation) noexcept;   // or null; constant time
  std::shared_ptr<Block> containing(const void* address) noexcept;  // or null; logarithmic

  void trim() noexcept;  // gives back every segment that carries no live block, and waits until that is done
  void set_limits(const ArenaLimits& limits) noexcept;
  ArenaStats stats() const noexcept;
  void observe(std::weak_ptr<SegmentObserver> observer);

  // For a block that a peer which outlives us still uses: it stays allocated for the rest of our life, and the name of
  // its segment, with our lease, is left to that peer (BlockLedger::close).
  void bequeath(const Block& block) noexcept;

  // Removes every name that isn't bequeathed; from then on allocating throws. Blocks stay valid.
  void close() noexcept;

 private:
  class ArenaBlock;
  struct Mapped {  // indexed as in FreeSpace
    std::shared_ptr<Segment> segment;
    std::uint64_t idle_since = 0;  // `clock_` when its last block was freed
    bool bequeathed = false;
  };
  struct Demand {
    std::size_t bytes;  // what was asked for
    bool must;          // or an exception
  };

  // All but recycle() with mutex_ held; those given the lock let go of it meanwhile.
  std::shared_ptr<Block> make_block(FreeSpace::RangeId range, std::size_t bytes);
  std::shared_ptr<Block> block_of(FreeSpace::RangeId range);
  FreeSpace::RangeId make_room(std::unique_lock<std::mutex>& lock, const Demand& demand);
  bool try_grow(std::unique_lock<std::mutex>& lock, std::size_t bytes, const Demand& demand);
  void create_segment(std::unique_lock<std::mutex>& lock, std::size_t bytes, const Demand& demand);
  void add_segment(std::shared_ptr<Segment> segment, FreeSpace::Kind kind);
  std::uint32_t fresh_number();
  void recycle(FreeSpace::RangeId range, bool by_tenant) noexcept;
  void give_back(std::unique_lock<std::mutex>& lock, std::uint64_t keep) noexcept;
  bool finish_disposal(std::unique_lock<std::mutex>& lock) noexcept;
  std::shared_ptr<Segment> take_idle(std::uint64_t keep) noexcept;

  const ForkMark made_in_;
  const std::uint64_t quarter_;  // of /dev/shm, in bytes
  const std::shared_ptr<Disposal> disposal_ = std::make_shared<Disposal>();
  ArenaId id_;  // written by the constructor alone

  mutable std::mutex mutex_;
  std::condition_variable came_;  // bytes_coming_ has shrunk
  // Guarded by mutex_:
  FreeSpace space_;
  std::vector<Mapped> segments_;
  std::map<const std::byte*, std::uint32_t> by_address_;
  std::uint64_t shared_memory_limit_;
  std::uint64_t cache_limit_;
  std::uint64_t bytes_total_ = 0;   // of segments
  std::uint64_t bytes_coming_ = 0;  // of segments being created outside the lock
  std::uint64_t clock_ = 0;
  std::uint32_t next_number_ = 0;
  bool wrapped_ = false;  // numbers have been used before
  bool closed_ = false;
  std::shared_ptr<const SegmentObservers> observers_;
  bool bequeathed_ = false;  // some segment is
  std::optional<Lease> lease_;
};

// The one arena of this process, made at first use after sweeping what dead processes left. Its names go at normal
// exit, after ordinary static objects are destroyed.
std::shared_ptr<Arena> process_arena();

// Sets the limits of the process's arena; the first call wins, whether or not the arena exists yet.
void configure_process_arena(const ArenaLimits& limits);

}  // namespace py4cpp
