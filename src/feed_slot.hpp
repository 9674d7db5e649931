// A slot of a feed: one block that holds every array of a batch, for batch after batch. A slot in use is held by a
// shared_ptr<Block>; when its last owner is gone, the feed hears that the slot is free. Whatever a use of the slot
// needs (the counts of its owners, what handles to its arrays point to) has its place here, so that a steady feed takes
// no memory. A place is used again only when nothing looks at it any more: when its shared_ptr gives the place back,
// not when the object's deleter runs.
//
// One use at a time; within it any thread may drop what it holds.
#pragma once

#include "block.hpp"
#include "deferred_callable.hpp"

#include <py4cpp/any_array.hpp>
#include <py4cpp/feed.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace py4cpp {

class FeedSlot final : public std::enable_shared_from_this<FeedSlot> {
 public:
  // Told that a slot is free, with whatever is locked where the last owner of its block goes.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void slot_is_free(std::size_t number) noexcept = 0;
  };

  // Throws OutOfSharedMemory.
  FeedSlot(std::size_t number, const std::vector<FeedArray>& arrays);
  ~FeedSlot();

  // The slot, in use from now on.
  std::shared_ptr<Block> use(std::weak_ptr<Owner> owner);
  const Block* block() const noexcept { return block_.get(); }
  // A handle to one of its arrays, full length; `used` is what use() returned.
  AnyArray array(std::size_t index, const std::shared_ptr<Block>& used);
  // Its arrays as they are sent, with so many rows. For whoever has the slot in use, until the next call.
  std::span<const NamedArray> arrays(std::size_t rows) noexcept;

 private:
  // Where a shared_ptr keeps the counts of its owners.
  class Place;
  class Used;
  class Handle;
  template <class T>
  class InPlace;

  const std::size_t number_;
  std::vector<NamedArray> sent_;
  std::shared_ptr<Block> block_;
  std::unique_ptr<Used> used_;
  std::vector<std::unique_ptr<Handle>> handles_;
};

}  // namespace py4cpp
