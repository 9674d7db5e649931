#include "arena.hpp"

#include <py4cpp/error.hpp>

#include <sys/statvfs.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <string>
#include <utility>

namespace py4cpp {

namespace {

// Beyond any address space, and rounding it up can't overflow.
constexpr std::size_t largest = std::size_t{1} << 46;
constexpr std::uint64_t first_segment = std::uint64_t{1} << 20;
constexpr std::uint64_t largest_shared_segment = std::uint64_t{64} << 20;

constexpr std::uint64_t most_cached = std::uint64_t{1} << 30;  // unless it is configured

std::uint64_t quarter_of_file_system() noexcept {
  struct statvfs facts {};
  if (::statvfs("/dev/shm", &facts) != 0) return most_cached;
  return static_cast<std::uint64_t>(facts.f_blocks) * facts.f_frsize / 4;
}

std::uint64_t resolved(std::uint64_t cache_limit, std::uint64_t quarter) noexcept {
  return cache_limit == ArenaLimits::automatic ? std::min(most_cached, quarter) : cache_limit;
}

std::size_t whole_pages(std::size_t bytes) noexcept {
  return (bytes + Segment::page - 1) / Segment::page * Segment::page;
}

}  // namespace

class Arena::ArenaBlock final : public Block {
 public:
  ArenaBlock(const BlockPlace& place, std::shared_ptr<Segment> segment, std::weak_ptr<Arena> owner,
             FreeSpace::RangeId range) noexcept
      : Block(place, std::move(segment)), owner_(std::move(owner)), range_(range) {}
  ~ArenaBlock() override {
    const auto owner = owner_.lock();
    if (!owner) return;
    let_go_of_segment();  // the arena has it too
    owner->recycle(range_, false);
  }

 private:
  std::weak_ptr<Arena> owner_;
  FreeSpace::RangeId range_;
};

Arena::Arena(const ArenaLimits& limits)
    : quarter_(quarter_of_file_system()),
      shared_memory_limit_(limits.shared_memory_limit),
      cache_limit_(resolved(limits.cache_limit, quarter_)) {
  // A janitor that comes between creating the lease and locking it costs us the id, nothing else.
  for (int attempt = 0; attempt < 100 && !lease_; ++attempt) {
    id_ = make_arena_id();
    lease_ = Lease::acquire(id_);
  }
  if (!lease_) throw Error(ErrorKind::exhausted, "something keeps taking new files in /dev/shm away");
}

Arena::~Arena() {
  close();
  if (made_in_.same_process()) disposal_->finish();
}

std::shared_ptr<Block> Arena::allocate(std::size_t bytes) {
  if (!made_in_.same_process()) {
    throw Error(ErrorKind::invalid, "a forked child can't allocate from its parent's shared memory");
  }
  bytes = std::max<std::size_t>(bytes, 64);
  if (bytes > largest) throw OutOfSharedMemory(bytes, largest, "no address space is that large");
  std::unique_lock lock(mutex_);
  FreeSpace::RangeId range = closed_ ? FreeSpace::none : space_.take(bytes);
  if (range == FreeSpace::none) range = make_room(lock, {bytes, true});
  return make_block(range, bytes);
}

Offer Arena::offer(std::size_t bytes, bool may_grow) noexcept try {
  if (!made_in_.same_process() || bytes > largest) return {};
  std::unique_lock lock(mutex_);
  if (closed_) return {};
  FreeSpace::RangeId range = space_.take(bytes);
  if (range == FreeSpace::none && may_grow) range = make_room(lock, {bytes, false});
  if (range == FreeSpace::none) return {};
  space_.set_tenanted(range, true);
  std::byte* const data = segments_[space_.segment(range)].segment->data() + space_.offset(range);
  return {data, space_.capacity(range), range, space_.clean(range)};
} catch (const std::exception&) {  // no memory of the ordinary kind
  return {};
}

void Arena::decline(FreeSpace::RangeId place) noexcept { recycle(place, true); }

bool Arena::has_block(FreeSpace::RangeId place) const noexcept {
  if (!made_in_.same_process()) return true;
  const std::lock_guard lock(mutex_);
  return space_.shared(place);
}

// The block is one of the range's holders; where there is no memory for it, the range has one less.
std::shared_ptr<Block> Arena::make_block(FreeSpace::RangeId range, std::size_t bytes) {
  const std::uint32_t index = space_.segment(range);
  const std::shared_ptr<Segment>& segment = segments_[index].segment;
  try {
    const BlockPlace place{id_, space_.generation(range), segment->number(), space_.offset(range), bytes};
    auto block = std::make_shared<ArenaBlock>(place, segment, weak_from_this(), range);
    space_.block(range) = block;
    return block;
  } catch (...) {
    space_.give(range);
    throw;
  }
}

// The block of a live range; null if its last owner is just letting go of it.
std::shared_ptr<Block> Arena::block_of(FreeSpace::RangeId range) {
  if (auto block = space_.block(range).lock()) return block;
  if (!space_.tenanted(range)) return nullptr;
  space_.share(range);
  return make_block(range, space_.capacity(range));
}

// For when no segment has room: what is cached in other sizes comes first, then a new segment. Where memory is short,
// what is warm is given back, then room for more is forgone, and at last any corner will do.
FreeSpace::RangeId Arena::make_room(std::unique_lock<std::mutex>& lock, const Demand& demand) {
  const std::size_t bytes = demand.bytes;
  const FreeSpace::Kind kind = FreeSpace::kind_for(bytes);
  const std::size_t least = whole_pages(FreeSpace::capacity_for(bytes));
  std::size_t wanted = least;
  if (kind != FreeSpace::Kind::whole && !closed_) {
    if (space_.bytes_mergeable() >= bytes) {
      space_.merge();
      if (const auto range = space_.take(bytes); range != FreeSpace::none) return range;
    }
    const std::uint64_t doubled = std::clamp(space_.bytes_of(kind), first_segment, largest_shared_segment);
    wanted = std::max<std::size_t>(least, std::min(doubled, std::max(first_segment, cache_limit_)));
  }
  if (try_grow(lock, wanted, demand)) return space_.take(bytes);
  if (finish_disposal(lock) && try_grow(lock, wanted, demand)) return space_.take(bytes);
  give_back(lock, 0);
  finish_disposal(lock);
  if (wanted > least && try_grow(lock, wanted, demand)) return space_.take(bytes);
  try {
    create_segment(lock, least, demand);
  } catch (const OutOfSharedMemory&) {
    space_.merge();
    const auto range = space_.take_anywhere(bytes);
    if (range == FreeSpace::none && demand.must) throw;
    return range;
  }
  return space_.take(bytes);
}

bool Arena::try_grow(std::unique_lock<std::mutex>& lock, std::size_t bytes, const Demand& demand) {
  try {
    create_segment(lock, bytes, demand);
    return true;
  } catch (const OutOfSharedMemory&) {
    return false;
  }
}

// Creating takes long, so the lock is let go meanwhile; `bytes_coming_` keeps the limit and close() right.
void Arena::create_segment(std::unique_lock<std::mutex>& lock, std::size_t bytes, const Demand& demand) {
  if (closed_) throw Error(ErrorKind::invalid, "shared memory is closed: the program is ending");
  const std::uint64_t used = bytes_total_ + bytes_coming_ + disposal_->bytes();
  const std::uint64_t limit = demand.must ? shared_memory_limit_ : shared_memory_limit_ - shared_memory_limit_ / 4;
  if (shared_memory_limit_ != 0 && (bytes > limit || used > limit - bytes)) {
    throw OutOfSharedMemory(demand.bytes, shared_memory_limit_ > used ? shared_memory_limit_ - used : 0,
                            "shared_memory_limit is " + std::to_string(shared_memory_limit_) + " bytes");
  }
  const std::uint32_t number = fresh_number();
  bytes_coming_ += bytes;
  std::shared_ptr<Segment> segment;
  std::exception_ptr failure;
  lock.unlock();
  try {
    segment = Segment::create(id_, number, bytes, demand.bytes, demand.must ? 0 : quarter_,
                              demand.must ? PageChoice::soon : PageChoice::large);
  } catch (...) {
    failure = std::current_exception();
  }
  lock.lock();
  bytes_coming_ -= bytes;
  came_.notify_all();
  if (failure) std::rethrow_exception(failure);
  add_segment(std::move(segment), FreeSpace::kind_for(demand.bytes));
}

void Arena::add_segment(std::shared_ptr<Segment> segment, FreeSpace::Kind kind) {
  const auto vacant = std::find_if(segments_.begin(), segments_.end(), [](const Mapped& m) { return !m.segment; });
  const auto index = static_cast<std::uint32_t>(vacant - segments_.begin());
  if (vacant == segments_.end()) segments_.emplace_back();
  const auto placed = by_address_.emplace(segment->data(), index).first;
  try {
    space_.add_segment(index, segment->size(), kind);
  } catch (...) {
    by_address_.erase(placed);
    throw;
  }
  bytes_total_ += segment->size();
  segments_[index] = {std::move(segment), ++clock_, false};
}

// Numbers wrap after four billion segments; one that is still in use is passed over.
std::uint32_t Arena::fresh_number() {
  const auto used = [this](std::uint32_t number) {
    return std::any_of(segments_.begin(), segments_.end(),
                       [number](const Mapped& m) { return m.segment && m.segment->number() == number; });
  };
  if (next_number_ == ~std::uint32_t{0}) wrapped_ = true;
  std::uint32_t number = next_number_++;
  while (wrapped_ && used(number)) number = next_number_++;
  return number;
}

void Arena::recycle(FreeSpace::RangeId range, bool by_tenant) noexcept {
  if (!made_in_.same_process()) return;
  std::unique_lock lock(mutex_);
  const std::uint32_t index = space_.segment(range);
  if (by_tenant) space_.set_tenanted(range, false);
  space_.give(range);
  if (space_.idle(index)) segments_[index].idle_since = ++clock_;
  if (space_.bytes_idle() > cache_limit_) give_back(lock, cache_limit_);
}

// Retires idle segments until no more than `keep` bytes of them are left.
void Arena::give_back(std::unique_lock<std::mutex>& lock, std::uint64_t keep) noexcept {
  while (space_.bytes_idle() > keep) {
    std::shared_ptr<Segment> segment = take_idle(keep);
    const auto observers = observers_;
    lock.unlock();
    segment->unlink();
    disposal_->take(std::move(segment), observers);
    lock.lock();
  }
}

bool Arena::finish_disposal(std::unique_lock<std::mutex>& lock) noexcept {
  lock.unlock();
  const bool any = disposal_->finish();
  lock.lock();
  return any;
}

// The longest idle one goes; before all others, one that alone is more than may be kept. There is one.
std::shared_ptr<Segment> Arena::take_idle(std::uint64_t keep) noexcept {
  const auto rank = [&](std::uint32_t index) {
    return std::pair(segments_[index].segment->size() <= keep, segments_[index].idle_since);
  };
  auto chosen = static_cast<std::uint32_t>(segments_.size());
  for (std::uint32_t index = 0; index < segments_.size(); ++index) {
    if (!segments_[index].segment || !space_.idle(index)) continue;
    if (chosen == segments_.size() || rank(index) < rank(chosen)) chosen = index;
  }
  space_.remove_segment(chosen);
  std::shared_ptr<Segment> segment = std::move(segments_[chosen].segment);
  segments_[chosen].segment.reset();
  by_address_.erase(segment->data());
  bytes_total_ -= segment->size();
  return segment;
}

std::shared_ptr<Block> Arena::find(std::uint64_t generation) noexcept try {
  if (!made_in_.same_process()) return nullptr;
  const std::lock_guard lock(mutex_);
  const FreeSpace::RangeId range = space_.with_generation(generation);
  return range == FreeSpace::none ? nullptr : block_of(range);
} catch (const std::exception&) {
  return nullptr;
}

std::shared_ptr<Block> Arena::containing(const void* address) noexcept try {
  if (!made_in_.same_process()) return nullptr;
  const auto* const byte = static_cast<const std::byte*>(address);
  const std::lock_guard lock(mutex_);
  auto found = by_address_.upper_bound(byte);
  if (found == by_address_.begin()) return nullptr;
  --found;
  const auto offset = static_cast<std::size_t>(byte - found->first);
  if (offset >= segments_[found->second].segment->size()) return nullptr;
  const FreeSpace::RangeId range = space_.at(found->second, offset);
  return range == FreeSpace::none ? nullptr : block_of(range);
} catch (const std::exception&) {  // no memory of the ordinary kind: the array is copied
  return nullptr;
}

std::vector<std::shared_ptr<Block>> Arena::live_blocks() {
  std::vector<std::shared_ptr<Block>> blocks;
  if (!made_in_.same_process()) return blocks;
  const std::lock_guard lock(mutex_);
  blocks.reserve(space_.live_ranges());  // none may die before the lock is let go: its owner needs it
  space_.for_each_live([&](FreeSpace::RangeId range) {
    if (auto block = block_of(range)) blocks.push_back(std::move(block));
  });
  return blocks;
}

void Arena::trim() noexcept {
  if (!made_in_.same_process()) return;
  std::unique_lock lock(mutex_);
  space_.merge();
  give_back(lock, 0);
  finish_disposal(lock);
}

void Arena::set_limits(const ArenaLimits& limits) noexcept {
  if (!made_in_.same_process()) return;
  const std::uint64_t cache_limit = resolved(limits.cache_limit, quarter_);
  std::unique_lock lock(mutex_);
  shared_memory_limit_ = limits.shared_memory_limit;
  cache_limit_ = cache_limit;
  give_back(lock, cache_limit_);
}

ArenaStats Arena::stats() const noexcept {
  if (!made_in_.same_process()) return {};
  const std::lock_guard lock(mutex_);
  return {by_address_.size(), space_.live_ranges(), space_.bytes_live(), bytes_total_ - space_.bytes_live()};
}

void Arena::observe(std::weak_ptr<SegmentObserver> observer) {
  if (!made_in_.same_process()) return;
  const std::lock_guard lock(mutex_);
  SegmentObservers observers;
  if (observers_) {
    std::copy_if(observers_->begin(), observers_->end(), std::back_inserter(observers),
                 [](const auto& weak) { return !weak.expired(); });
  }
  observers.push_back(std::move(observer));
  observers_ = std::make_shared<const SegmentObservers>(std::move(observers));
}

void Arena::bequeath(const Block& block) noexcept {
  if (!made_in_.same_process()) return;
  const std::lock_guard lock(mutex_);
  const FreeSpace::RangeId range = space_.with_generation(block.place().generation);
  if (block.place().arena != id_ || range == FreeSpace::none) return;
  space_.keep(range);
  segments_[space_.segment(range)].bequeathed = true;
  bequeathed_ = true;
}

void Arena::close() noexcept {
  if (!made_in_.surely_same_process()) return;
  std::unique_lock lock(mutex_);
  closed_ = true;
  came_.wait(lock, [this] { return bytes_coming_ == 0; });
  for (const Mapped& mapped : segments_) {
    if (!mapped.segment) continue;
    if (mapped.bequeathed) {
      mapped.segment->bequeath();
    } else {
      mapped.segment->unlink();
    }
  }
  if (lease_ && bequeathed_) lease_->leave_behind();
  lease_.reset();
}

}  // namespace py4cpp
