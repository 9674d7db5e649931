// Which bytes of the arena's segments are free. Every byte of a segment belongs to exactly one range:
//
//     raw ──take──► live ──give──► cached ──take──► live ...       cached ──merge──► raw
//
//   1. Ranges of a segment form a list by address without gaps; no two raw neighbours.
//   2. A cached range keeps the capacity it was cut with, and waits, last in first out, in the list of its size class:
//      taking it again is constant time and allocates nothing. There are four classes to a doubling, so rounding up
//      wastes less than a quarter.
//   3. Raw ranges wait in lists by size; taking one cuts what is needed from its front.
//   4. A `whole` segment is one range, cut to its exact size, which serves what needs at least four fifths of it.
//   5. A range has a fresh generation each time it is taken: its id and the number of its lives. An id whose lives are
//      used up is never used again.
//   6. A live range has holders: each of its blocks, and who took it without one. It is given back by the last of them.
//   7. A range is clean as long as no byte of it has been in a live range since its segment was added.
// Bookkeeping only: no locks, no system calls, nothing of the segments' memory is touched. Its owner guards it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace py4cpp {

class Block;

class FreeSpace {
 public:
  using RangeId = std::uint32_t;
  static constexpr RangeId none = ~RangeId{0};
  static constexpr unsigned id_bits = 24;
  static constexpr std::uint64_t all_lives = (std::uint64_t{1} << (64 - id_bits)) - 1;

  // Small and medium ranges share segments, but not each other's: one small live range would pin a large segment.
  enum class Kind : std::uint8_t { small, medium, whole };

  explicit FreeSpace(std::uint64_t lives = all_lives) : lives_(lives) { heads_.fill(none); }

  static Kind kind_for(std::size_t bytes) noexcept;
  static std::size_t capacity_for(std::size_t bytes) noexcept;  // bytes a range for that many takes

  // A range of at least that many bytes, now live; `none` if no segment of its kind has one. Strong guarantee.
  RangeId take(std::size_t bytes);
  // As take(), for when no segment can be added: small and medium ranges also come from each other's segments.
  RangeId take_anywhere(std::size_t bytes);
  void share(RangeId id) noexcept { ++ranges_[id].holders; }   // a live range, which has one holder when it is taken
  void give(RangeId id) noexcept;                              // by each holder; with the last it becomes cached
  void keep(RangeId id) noexcept { ranges_[id].kept = true; }  // a live range: give() leaves it live
  void merge() noexcept;  // cached ranges of shared segments become raw, and one with their raw neighbours

  // `segment` is the caller's index, small and reusable; `bytes` a multiple of 64. Strong guarantee.
  void add_segment(std::uint32_t segment, std::size_t bytes, Kind kind);
  void remove_segment(std::uint32_t segment) noexcept;  // must be idle
  bool idle(std::uint32_t segment) const noexcept { return segments_[segment].live == 0; }

  std::uint64_t generation(RangeId id) const noexcept { return (ranges_[id].lives << id_bits) | id; }
  std::uint32_t segment(RangeId id) const noexcept { return ranges_[id].segment; }
  std::uint64_t offset(RangeId id) const noexcept { return ranges_[id].offset; }
  std::size_t capacity(RangeId id) const noexcept { return static_cast<std::size_t>(ranges_[id].capacity); }
  bool clean(RangeId id) const noexcept { return ranges_[id].clean; }  // of a live range: it was when it was taken
  // Whether it is held by who can do without a block.
  bool tenanted(RangeId id) const noexcept { return ranges_[id].tenanted; }
  void set_tenanted(RangeId id, bool tenanted) noexcept { ranges_[id].tenanted = tenanted; }
  bool shared(RangeId id) const noexcept { return ranges_[id].holders > 1; }
  std::weak_ptr<Block>& block(RangeId id) noexcept { return ranges_[id].block; }

  RangeId with_generation(std::uint64_t generation) const noexcept;        // live, or none
  RangeId at(std::uint32_t segment, std::uint64_t offset) const noexcept;  // live, or none

  template <class Function>
  void for_each_live(Function function) const {
    for (std::size_t id = 0; id < ranges_.size(); ++id) {
      if (ranges_[id].state == State::live) function(static_cast<RangeId>(id));
    }
  }

  std::uint64_t live_ranges() const noexcept { return live_ranges_; }
  std::uint64_t bytes_live() const noexcept { return bytes_live_; }
  std::uint64_t bytes_mergeable() const noexcept { return bytes_mergeable_; }  // cached, in shared segments
  std::uint64_t bytes_of(Kind kind) const noexcept { return bytes_of_[static_cast<std::size_t>(kind)]; }
  std::uint64_t bytes_idle() const noexcept { return bytes_idle_; }  // of segments without a live range

 private:
  enum class State : std::uint8_t { unused, raw, cached, live };
  struct Range {
    std::uint64_t lives = 0;  // how often it was taken
    std::uint64_t offset = 0;
    std::uint64_t capacity = 0;
    std::weak_ptr<Block> block;
    std::uint32_t segment = 0;
    RangeId before = none;  // neighbours in the segment
    RangeId after = none;
    RangeId previous = none;  // in its free list
    RangeId next = none;
    std::uint32_t holders = 0;
    std::uint16_t list = 0;
    State state = State::unused;
    bool kept = false;
    bool tenanted = false;
    bool clean = false;
  };
  struct Space {
    std::map<std::uint64_t, RangeId> ranges;  // by offset
    std::uint64_t bytes = 0;
    std::uint64_t live = 0;
    Kind kind = Kind::small;
  };

  static constexpr std::size_t classes = 256;
  static constexpr std::size_t first_raw = classes;        // lists: [0, classes) cached ranges of shared segments,
  static constexpr std::size_t first_whole = 3 * classes;  // two times `classes` raw ranges by kind, then whole ones

  static std::size_t class_for(std::size_t bytes) noexcept;     // the smallest class that holds them
  static std::size_t class_within(std::size_t bytes) noexcept;  // the largest class they can hold
  static std::size_t class_capacity(std::size_t index) noexcept;

  RangeId find_whole(std::size_t bytes) const noexcept;
  RangeId find_raw(Kind kind, std::size_t size_class) const noexcept;
  RangeId cut_and_take(RangeId id, std::size_t capacity);
  void cut(RangeId id, std::size_t capacity);
  RangeId renewed(RangeId id);
  void make_raw(RangeId id) noexcept;
  void absorb_after(RangeId id) noexcept;
  void make_live(RangeId id) noexcept;
  RangeId fresh_id();
  void drop_id(RangeId id) noexcept;
  std::size_t list_of(const Range& range) const noexcept;
  void enlist(RangeId id) noexcept;
  void delist(RangeId id) noexcept;

  std::uint64_t lives_;
  std::vector<Range> ranges_;
  std::vector<Space> segments_;
  std::array<RangeId, 4 * classes> heads_;
  RangeId unused_ = none;
  std::uint64_t live_ranges_ = 0;
  std::uint64_t bytes_live_ = 0;
  std::uint64_t bytes_mergeable_ = 0;
  std::array<std::uint64_t, 3> bytes_of_{};
  std::uint64_t bytes_idle_ = 0;
};

}  // namespace py4cpp
