// A block: a run of bytes in a segment, allocated from this process's arena or borrowed from another's. Held by
// shared_ptr; the last owner's destructor, on any thread, gives the bytes back to the arena or queues the release that
// tells their owner (schemas/wire.fbs, "The life of a block"). While a block lives, its segment stays mapped, whatever
// became of the arena, the session or the process that owns it.
#pragma once

#include "segment.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace py4cpp {

// Where a block is, in the terms of its descriptor.
struct BlockPlace {
  ArenaId arena;
  std::uint64_t generation = 0;  // fresh at each allocation, never 0
  std::uint32_t segment = 0;     // number in the arena
  std::uint64_t offset = 0;      // bytes from the start of the segment
  std::uint64_t size = 0;        // bytes

  friend bool operator==(const BlockPlace&, const BlockPlace&) = default;
};

// The two kinds of block, the arena's and the ledger's, differ only in what their destructors tell to whom. Neither
// throws nor runs user code.
class Block {
 public:
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  virtual ~Block();

  const BlockPlace& place() const noexcept { return place_; }
  std::byte* data() const noexcept { return data_; }  // 64-byte aligned in our own arena
  std::size_t size() const noexcept { return static_cast<std::size_t>(place_.size); }
  const std::shared_ptr<Segment>& segment() const noexcept { return segment_; }

 protected:
  Block(const BlockPlace& place, std::shared_ptr<Segment> segment) noexcept
      : place_(place), segment_(std::move(segment)), data_(segment_->data() + place.offset) {}
  // For the destructor: so that unmapping is left to whoever else has the segment.
  std::shared_ptr<Segment> let_go_of_segment() noexcept { return std::move(segment_); }

 private:
  BlockPlace place_;
  std::shared_ptr<Segment> segment_;
  std::byte* data_;
};

}  // namespace py4cpp
