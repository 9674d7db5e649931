#include "ledger.hpp"

#include "fork_mark.hpp"
#include "lease.hpp"

#include <py4cpp/error.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory_resource>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace py4cpp {

namespace {

// A block, or a segment, of an arena. 128 random bits tell arenas apart; the pid is only part of their names.
struct Key {
  std::uint64_t high;
  std::uint64_t low;
  std::uint64_t number;

  Key(const ArenaId& arena, std::uint64_t of) noexcept : high(arena.high), low(arena.low), number(of) {}
  friend bool operator==(const Key&, const Key&) = default;
};

struct KeyHash {
  std::size_t operator()(const Key& key) const noexcept {
    std::uint64_t mixed = (key.low ^ key.number) * 0x9e3779b97f4a7c15u;
    mixed ^= mixed >> 32;
    return static_cast<std::size_t>(mixed * 0xd6e8feb86659fd93u);
  }
};

bool same_arena(const ArenaId& a, const ArenaId& b) noexcept { return a.high == b.high && a.low == b.low; }

[[noreturn]] void refuse(const char* what) { throw Error(ErrorKind::bug, what); }

}  // namespace

// What the ledger shares with the blocks it handed out, which point back weakly.
class BlockLedger::Book : public std::enable_shared_from_this<Book> {
 public:
  explicit Book(std::shared_ptr<Arena> own) : own_(std::move(own)) {}

  void meet(const ArenaId& peer);
  void lend(const std::shared_ptr<Block>& block);
  std::shared_ptr<Block> borrow(const BlockPlace& place);
  void released(const ArenaId& arena, std::uint64_t generation, std::uint64_t count);
  void retired(const ArenaId& arena, std::uint32_t segment) noexcept;
  std::vector<std::shared_ptr<Block>> borrowed();
  bool has_releases() const noexcept { return pending_.load(std::memory_order_acquire); }
  void take_releases(std::vector<Release>& into);
  void on_release(std::function<void()> hook);
  void close(bool peer_is_dead) noexcept;

 private:
  class BorrowedBlock;
  struct Lent {
    std::shared_ptr<Block> block;
    std::uint64_t count = 0;
  };
  struct Borrowed {
    std::weak_ptr<BorrowedBlock> block;
    const Block* identity = nullptr;  // tells a block from its successor while its destructor runs
  };
  struct Mapped {
    std::shared_ptr<Segment> pinned;  // of the peer's arena
    std::weak_ptr<Segment> segment;
  };
  using Segments = std::unordered_map<Key, Mapped, KeyHash>;
  using LentBlocks = std::pmr::unordered_map<Key, Lent, KeyHash>;

  // With mutex_ held:
  std::shared_ptr<BorrowedBlock> first_borrow(const BlockPlace& place);
  std::shared_ptr<Segment> mapped(const BlockPlace& place);
  void make_room_for_releases();
  bool queue(const Release& release) noexcept;
  // Without:
  void ended(const BorrowedBlock& block) noexcept;
  void run_hook() noexcept;
  void bequeath(const LentBlocks& lent) noexcept;
  static void adopt(const ArenaId& peer, std::optional<Lease> lease, Segments& segments) noexcept;

  const std::shared_ptr<Arena> own_;
  const ForkMark made_in_;
  std::atomic<bool> pending_{false};  // whether releases_ has any

  std::mutex mutex_;
  // Guarded by mutex_:
  std::optional<ArenaId> peer_;
  std::optional<Lease> peer_lease_;
  std::pmr::unsynchronized_pool_resource lent_entries_;  // keeps their memory: what is lent over and over takes none
  LentBlocks lent_{&lent_entries_};
  std::unordered_map<Key, Borrowed, KeyHash> borrowed_;
  Segments segments_;
  std::vector<Release> releases_;  // its capacity covers every living borrowed block: destructors never allocate
  std::size_t living_ = 0;         // borrowed blocks
  std::shared_ptr<const std::function<void()>> hook_;
  bool closed_ = false;
};

class BlockLedger::Book::BorrowedBlock final : public Block {
 public:
  BorrowedBlock(const BlockPlace& place, std::shared_ptr<Segment> segment) noexcept
      : Block(place, std::move(segment)) {}
  ~BorrowedBlock() override {
    if (const auto book = book_.lock()) book->ended(*this);
  }

  std::weak_ptr<Book> book_;       // set once the book has entered it
  std::uint64_t descriptors_ = 1;  // guarded by the book's mutex
};

void BlockLedger::Book::meet(const ArenaId& peer) {
  if (same_arena(peer, own_->id())) refuse("the peer claims our own arena");
  auto lease = Lease::join(peer);  // none: it is dead, and swept
  const std::lock_guard lock(mutex_);
  if (peer_) refuse("the peer changed its arena");
  peer_ = peer;
  peer_lease_ = std::move(lease);
}

void BlockLedger::Book::lend(const std::shared_ptr<Block>& block) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  Lent& lent = lent_[Key(block->place().arena, block->place().generation)];
  if (!lent.block) lent.block = block;
  ++lent.count;
}

std::shared_ptr<Block> BlockLedger::Book::borrow(const BlockPlace& place) {
  if (place.size == 0 || place.generation == 0) refuse("a descriptor names no block");
  if (place.offset > ~place.size) refuse("a descriptor reaches outside its segment");
  const Key key(place.arena, place.generation);
  std::shared_ptr<Block> home;  // declared ahead of the lock: none of these may die under it
  std::shared_ptr<BorrowedBlock> borrowed;
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) throw Error(ErrorKind::disconnected, "the session has ended");
    if (const auto lent = lent_.find(key); lent != lent_.end()) {
      home = lent->second.block;
      if (home->place() != place) refuse("a descriptor differs from the one that was sent");
      make_room_for_releases();
      wake = queue({place.arena, place.generation, 1});
    } else if (same_arena(place.arena, own_->id())) {
      refuse("a descriptor names a block of ours that wasn't lent");
    } else {
      if (const auto known = borrowed_.find(key); known != borrowed_.end()) borrowed = known->second.block.lock();
      if (borrowed) {
        if (borrowed->place() != place) refuse("two descriptors of one block differ");
        ++borrowed->descriptors_;
      } else {
        borrowed = first_borrow(place);
      }
    }
  }
  if (wake) run_hook();
  if (home) return home;
  return borrowed;
}

std::shared_ptr<BlockLedger::Book::BorrowedBlock> BlockLedger::Book::first_borrow(const BlockPlace& place) {
  std::shared_ptr<Segment> segment = mapped(place);
  if (segment->arena() != place.arena) refuse("a descriptor names an arena with a wrong owner");
  if (place.offset + place.size > segment->size()) refuse("a descriptor reaches outside its segment");
  make_room_for_releases();
  auto block = std::make_shared<BorrowedBlock>(place, std::move(segment));
  borrowed_[Key(place.arena, place.generation)] = {block, block.get()};
  block->book_ = weak_from_this();  // from here on it has to be released
  ++living_;
  return block;
}

std::shared_ptr<Segment> BlockLedger::Book::mapped(const BlockPlace& place) {
  const Key key(place.arena, place.segment);
  if (const auto found = segments_.find(key); found != segments_.end()) {
    if (auto segment = found->second.segment.lock()) return segment;
  }
  auto segment = Segment::attach(place.arena, place.segment);
  const bool pin = peer_ && same_arena(*peer_, place.arena);
  if (!pin) {
    std::erase_if(segments_, [](const auto& entry) { return entry.second.segment.expired(); });
  }
  segments_[key] = {pin ? segment : nullptr, segment};
  return segment;
}

void BlockLedger::Book::make_room_for_releases() {
  const std::size_t needed = releases_.size() + living_ + 2;
  if (releases_.capacity() < needed) releases_.reserve(std::max(needed, 2 * releases_.capacity()));
}

// Returns whether the hook is to be run. There is room.
bool BlockLedger::Book::queue(const Release& release) noexcept {
  if (closed_) return false;
  const bool first = releases_.empty();
  releases_.push_back(release);
  pending_.store(true, std::memory_order_release);
  return first && hook_;
}

void BlockLedger::Book::run_hook() noexcept {
  std::shared_ptr<const std::function<void()>> hook;
  {
    const std::lock_guard lock(mutex_);
    hook = hook_;
  }
  if (hook) (*hook)();
}

void BlockLedger::Book::ended(const BorrowedBlock& block) noexcept {
  if (!made_in_.same_process()) return;
  const BlockPlace& place = block.place();
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    --living_;
    const auto entry = borrowed_.find(Key(place.arena, place.generation));
    if (entry != borrowed_.end() && entry->second.identity == &block) borrowed_.erase(entry);
    wake = queue({place.arena, place.generation, block.descriptors_});
  }
  if (wake) run_hook();
}

void BlockLedger::Book::released(const ArenaId& arena, std::uint64_t generation, std::uint64_t count) {
  std::shared_ptr<Block> last;  // dies after the lock is let go
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  const auto lent = lent_.find(Key(arena, generation));
  if (lent == lent_.end()) refuse("the peer released a block that it doesn't hold");
  if (count == 0 || count > lent->second.count) refuse("the peer released a block more often than it was lent");
  lent->second.count -= count;
  if (lent->second.count != 0) return;
  last = std::move(lent->second.block);
  lent_.erase(lent);
}

void BlockLedger::Book::retired(const ArenaId& arena, std::uint32_t segment) noexcept {
  Mapped gone;  // unmapped after the lock is let go
  const std::lock_guard lock(mutex_);
  const auto found = segments_.find(Key(arena, segment));
  if (found == segments_.end()) return;
  gone = std::move(found->second);
  segments_.erase(found);
}

std::vector<std::shared_ptr<Block>> BlockLedger::Book::borrowed() {
  std::vector<std::shared_ptr<Block>> blocks;  // dies after the lock is let go, whatever is thrown
  const std::lock_guard lock(mutex_);
  blocks.reserve(borrowed_.size());
  for (const auto& [key, entry] : borrowed_) {
    if (auto block = entry.block.lock()) blocks.push_back(std::move(block));
  }
  return blocks;
}

void BlockLedger::Book::take_releases(std::vector<Release>& into) {
  const std::lock_guard lock(mutex_);
  into.insert(into.end(), releases_.begin(), releases_.end());
  releases_.clear();
  pending_.store(false, std::memory_order_release);
}

void BlockLedger::Book::on_release(std::function<void()> hook) {
  auto shared = std::make_shared<const std::function<void()>>(std::move(hook));
  const std::lock_guard lock(mutex_);
  hook_ = std::move(shared);
}

void BlockLedger::Book::close(bool peer_is_dead) noexcept {
  if (!made_in_.same_process()) return;
  std::optional<LentBlocks> lent;  // nobody else uses its memory once this is closed
  Segments segments;
  std::optional<Lease> lease;
  std::shared_ptr<const std::function<void()>> hook;  // destroyed without the lock, as everything here
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = true;
    lent.emplace(std::move(lent_));
    segments.swap(segments_);
    lease = std::exchange(peer_lease_, std::nullopt);
    releases_.clear();
    pending_.store(false, std::memory_order_release);
    hook.swap(hook_);
  }
  if (!peer_is_dead) return bequeath(*lent);
  lent->clear();
  if (peer_) adopt(*peer_, std::move(lease), segments);
}

void BlockLedger::Book::bequeath(const LentBlocks& lent) noexcept {
  for (const auto& [key, entry] : lent) {
    if (same_arena(entry.block->place().arena, own_->id())) own_->bequeath(*entry.block);
  }
}

// Each segment that is mapped removes its own name when its last owner goes, a block or, at the end of this, the list;
// each keeps the lease alive, so it goes last. If we die anywhere on the way, the lease is free and the next sweep
// does the rest.
void BlockLedger::Book::adopt(const ArenaId& peer, std::optional<Lease> lease, Segments& segments) noexcept {
  if (!lease) return unlink_arena(peer);  // somebody swept it already, but for what was created meanwhile
  try {
    lease->take_over();
    const auto keeper = std::make_shared<Lease>(std::move(*lease));
    std::unordered_set<std::uint32_t> keep;
    for (auto& [key, mapped] : segments) {
      const auto segment = mapped.segment.lock();
      if (!segment || !same_arena(segment->arena(), peer)) continue;
      keep.insert(segment->number());
      segment->inherit(keeper);
    }
    unlink_segments_except(peer, keep);
    segments.clear();
  } catch (...) {  // no memory: the names go now, though mapped pages live on
    unlink_arena(peer);
  }
}

BlockLedger::BlockLedger(std::shared_ptr<Arena> own) : book_(std::make_shared<Book>(std::move(own))) {}

BlockLedger::~BlockLedger() { close(false); }

void BlockLedger::meet(const ArenaId& peer) { book_->meet(peer); }

void BlockLedger::lend(const std::shared_ptr<Block>& block) { book_->lend(block); }

std::shared_ptr<Block> BlockLedger::borrow(const BlockPlace& place) { return book_->borrow(place); }

void BlockLedger::released(const ArenaId& arena, std::uint64_t generation, std::uint64_t count) {
  book_->released(arena, generation, count);
}

void BlockLedger::retired(const ArenaId& arena, std::uint32_t segment) noexcept { book_->retired(arena, segment); }

std::vector<std::shared_ptr<Block>> BlockLedger::borrowed() const { return book_->borrowed(); }

bool BlockLedger::has_releases() const noexcept { return book_->has_releases(); }

void BlockLedger::take_releases(std::vector<Release>& into) { book_->take_releases(into); }

void BlockLedger::on_release(std::function<void()> hook) { book_->on_release(std::move(hook)); }

void BlockLedger::close(bool peer_is_dead) noexcept { book_->close(peer_is_dead); }

}  // namespace py4cpp
