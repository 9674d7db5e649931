#include "free_space.hpp"

#include "block.hpp"

#include <py4cpp/error.hpp>

#include <bit>
#include <utility>

namespace py4cpp {

namespace {

constexpr std::size_t unit = 64;  // alignment and granularity, a cache line
constexpr std::size_t small_limit = std::size_t{64} << 10;
constexpr std::size_t medium_limit = std::size_t{8} << 20;

constexpr std::size_t units_for(std::size_t bytes) noexcept {
  return bytes == 0 ? 1 : bytes / unit + (bytes % unit != 0 ? 1 : 0);
}

}  // namespace

FreeSpace::Kind FreeSpace::kind_for(std::size_t bytes) noexcept {
  if (bytes <= small_limit) return Kind::small;
  return bytes <= medium_limit ? Kind::medium : Kind::whole;
}

std::size_t FreeSpace::capacity_for(std::size_t bytes) noexcept {
  return kind_for(bytes) == Kind::whole ? units_for(bytes) * unit : class_capacity(class_for(bytes));
}

// Classes in units: 1 2 3 4 5 6 7 8, then 10 12 14 16, 20 24 28 32 and so on.
std::size_t FreeSpace::class_for(std::size_t bytes) noexcept {
  const std::size_t last = units_for(bytes) - 1;
  if (last < 4) return last;
  const auto shift = static_cast<std::size_t>(std::bit_width(last)) - 3;
  return 4 * shift + (last >> shift);  // the shifted value is 4 to 7
}

std::size_t FreeSpace::class_capacity(std::size_t index) noexcept {
  if (index < 4) return (index + 1) * unit;
  const std::size_t shift = index / 4 - 1;
  return ((index - 4 * shift + 1) << shift) * unit;
}

std::size_t FreeSpace::class_within(std::size_t bytes) noexcept { return class_for(bytes + unit) - 1; }

FreeSpace::RangeId FreeSpace::take(std::size_t bytes) {
  const Kind kind = kind_for(bytes);
  if (kind == Kind::whole) {
    const RangeId id = find_whole(bytes);
    return id == none ? none : cut_and_take(id, capacity(id));
  }
  const std::size_t size_class = class_for(bytes);
  RangeId id = heads_[size_class];
  if (id == none) id = find_raw(kind, size_class);
  return id == none ? none : cut_and_take(id, class_capacity(size_class));
}

FreeSpace::RangeId FreeSpace::take_anywhere(std::size_t bytes) {
  RangeId id = take(bytes);
  if (id != none || kind_for(bytes) == Kind::whole) return id;
  const std::size_t size_class = class_for(bytes);
  id = find_raw(kind_for(bytes) == Kind::small ? Kind::medium : Kind::small, size_class);
  return id == none ? none : cut_and_take(id, class_capacity(size_class));
}

FreeSpace::RangeId FreeSpace::cut_and_take(RangeId id, std::size_t capacity) {
  if (ranges_[id].capacity != capacity) cut(id, capacity);
  if (ranges_[id].lives == lives_) id = renewed(id);
  make_live(id);
  return id;
}

void FreeSpace::make_live(RangeId id) noexcept {
  Range& range = ranges_[id];
  delist(id);
  range.state = State::live;
  range.holders = 1;
  ++range.lives;
  Space& space = segments_[range.segment];
  if (space.live++ == 0) bytes_idle_ -= space.bytes;
  ++live_ranges_;
  bytes_live_ += range.capacity;
}

void FreeSpace::give(RangeId id) noexcept {
  Range& range = ranges_[id];
  if (--range.holders != 0) return;
  range.block.reset();
  if (range.kept) return;
  range.state = State::cached;
  range.clean = false;
  enlist(id);
  Space& space = segments_[range.segment];
  if (--space.live == 0) bytes_idle_ += space.bytes;
  --live_ranges_;
  bytes_live_ -= range.capacity;
}

FreeSpace::RangeId FreeSpace::find_whole(std::size_t bytes) const noexcept {
  const std::size_t most = bytes + bytes / 4;
  for (std::size_t index = class_within(bytes); index <= class_within(most); ++index) {
    for (RangeId id = heads_[first_whole + index]; id != none; id = ranges_[id].next) {
      if (ranges_[id].capacity >= bytes && ranges_[id].capacity <= most) return id;
    }
  }
  return none;
}

FreeSpace::RangeId FreeSpace::find_raw(Kind kind, std::size_t size_class) const noexcept {
  const std::size_t base = first_raw + (kind == Kind::small ? 0 : classes);
  for (std::size_t index = size_class; index < classes; ++index) {
    if (heads_[base + index] != none) return heads_[base + index];
  }
  return none;
}

// Leaves `capacity` bytes to the raw range; the rest becomes a raw range of its own.
void FreeSpace::cut(RangeId id, std::size_t capacity) {
  const RangeId rest = fresh_id();
  Range& range = ranges_[id];
  Range& tail = ranges_[rest];
  try {
    segments_[range.segment].ranges.emplace(range.offset + capacity, rest);
  } catch (...) {
    drop_id(rest);
    throw;
  }
  delist(id);
  tail.segment = range.segment;
  tail.offset = range.offset + capacity;
  tail.capacity = range.capacity - capacity;
  tail.before = id;
  tail.after = range.after;
  if (tail.after != none) ranges_[tail.after].before = rest;
  tail.state = State::raw;
  tail.clean = range.clean;
  range.after = rest;
  range.capacity = capacity;
  enlist(rest);
  enlist(id);
}

// The same bytes under an id that has lives left; the old id stays out of use for good.
FreeSpace::RangeId FreeSpace::renewed(RangeId id) {
  const RangeId fresh = fresh_id();
  delist(id);
  Range& worn = ranges_[id];
  Range& range = ranges_[fresh];
  const std::uint64_t lives = range.lives;
  range = worn;
  range.lives = lives;
  if (range.before != none) ranges_[range.before].after = fresh;
  if (range.after != none) ranges_[range.after].before = fresh;
  segments_[range.segment].ranges.find(range.offset)->second = fresh;
  enlist(fresh);
  worn.state = State::unused;
  return fresh;
}

void FreeSpace::merge() noexcept {
  for (std::size_t index = 0; index < classes; ++index) {
    while (heads_[index] != none) make_raw(heads_[index]);
  }
}

void FreeSpace::make_raw(RangeId id) noexcept {
  delist(id);
  ranges_[id].state = State::raw;
  const RangeId after = ranges_[id].after;
  if (after != none && ranges_[after].state == State::raw) {
    delist(after);
    absorb_after(id);
  }
  const RangeId before = ranges_[id].before;
  if (before != none && ranges_[before].state == State::raw) {
    delist(before);
    absorb_after(before);
    id = before;
  }
  enlist(id);
}

// Appends the next range to this one. Neither is in a list.
void FreeSpace::absorb_after(RangeId id) noexcept {
  Range& range = ranges_[id];
  const RangeId after = range.after;
  range.capacity += ranges_[after].capacity;
  range.clean = range.clean && ranges_[after].clean;
  range.after = ranges_[after].after;
  if (range.after != none) ranges_[range.after].before = id;
  segments_[range.segment].ranges.erase(ranges_[after].offset);
  drop_id(after);
}

void FreeSpace::add_segment(std::uint32_t segment, std::size_t bytes, Kind kind) {
  if (segments_.size() <= segment) segments_.resize(segment + std::size_t{1});
  const RangeId id = fresh_id();
  Space& space = segments_[segment];
  try {
    space.ranges.emplace(0, id);
  } catch (...) {
    drop_id(id);
    throw;
  }
  space.bytes = bytes;
  space.kind = kind;
  Range& range = ranges_[id];
  range.segment = segment;
  range.capacity = bytes;
  range.state = kind == Kind::whole ? State::cached : State::raw;
  range.clean = true;
  enlist(id);
  bytes_of_[static_cast<std::size_t>(kind)] += bytes;
  bytes_idle_ += bytes;
}

void FreeSpace::remove_segment(std::uint32_t segment) noexcept {
  Space& space = segments_[segment];
  for (const auto& [offset, id] : space.ranges) {
    delist(id);
    drop_id(id);
  }
  space.ranges.clear();
  bytes_of_[static_cast<std::size_t>(space.kind)] -= space.bytes;
  bytes_idle_ -= space.bytes;
}

FreeSpace::RangeId FreeSpace::with_generation(std::uint64_t generation) const noexcept {
  const auto id = static_cast<RangeId>(generation & ((std::uint64_t{1} << id_bits) - 1));
  if (id >= ranges_.size()) return none;
  return ranges_[id].state == State::live && ranges_[id].lives == generation >> id_bits ? id : none;
}

FreeSpace::RangeId FreeSpace::at(std::uint32_t segment, std::uint64_t offset) const noexcept {
  const auto& ranges = segments_[segment].ranges;
  auto found = ranges.upper_bound(offset);
  if (found == ranges.begin()) return none;
  --found;
  const Range& range = ranges_[found->second];
  return range.state == State::live && offset - range.offset < range.capacity ? found->second : none;
}

FreeSpace::RangeId FreeSpace::fresh_id() {
  if (unused_ != none) {
    const RangeId id = unused_;
    unused_ = ranges_[id].next;
    ranges_[id].next = none;
    return id;
  }
  if (ranges_.size() >> id_bits != 0) throw Error(ErrorKind::exhausted, "too many arrays in shared memory at once");
  ranges_.emplace_back();
  return static_cast<RangeId>(ranges_.size() - 1);
}

void FreeSpace::drop_id(RangeId id) noexcept {
  Range& range = ranges_[id];
  const std::uint64_t lives = range.lives;
  range = Range{};
  range.lives = lives;
  if (lives == lives_) return;
  range.next = unused_;
  unused_ = id;
}

std::size_t FreeSpace::list_of(const Range& range) const noexcept {
  const auto capacity = static_cast<std::size_t>(range.capacity);
  const Kind kind = segments_[range.segment].kind;
  if (kind == Kind::whole) return first_whole + class_within(capacity);
  if (range.state == State::cached) return class_for(capacity);
  return first_raw + (kind == Kind::small ? 0 : classes) + class_within(capacity);
}

void FreeSpace::enlist(RangeId id) noexcept {
  Range& range = ranges_[id];
  const std::size_t list = list_of(range);
  range.list = static_cast<std::uint16_t>(list);
  range.previous = none;
  range.next = heads_[list];
  if (range.next != none) ranges_[range.next].previous = id;
  heads_[list] = id;
  if (list < first_raw) bytes_mergeable_ += range.capacity;
}

void FreeSpace::delist(RangeId id) noexcept {
  Range& range = ranges_[id];
  if (range.previous != none) {
    ranges_[range.previous].next = range.next;
  } else {
    heads_[range.list] = range.next;
  }
  if (range.next != none) ranges_[range.next].previous = range.previous;
  if (range.list < first_raw) bytes_mergeable_ -= range.capacity;
  range.previous = range.next = none;
}

}  // namespace py4cpp
