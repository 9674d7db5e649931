// Where an arena's segments go that carry no block any more. To free the pages of a GiB takes 0.2 s, which whoever
// drops an array, or reads that it was dropped, shall not wait for: a thread does it, which lives while there is
// something to do, and so does whoever needs that memory at once. The names are gone before. Held by shared_ptr; any
// thread. In a forked child nothing may be called: the thread, and perhaps the lock, stayed with the parent.
#pragma once

#include "segment.hpp"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace py4cpp {

class SegmentObserver {
 public:
  // The name is gone and no block of the segment lives, here or lent, so its pages are gone too: peers may drop their
  // mappings. Called from any thread, without locks.
  virtual void retired(std::uint32_t segment) noexcept = 0;

 protected:
  SegmentObserver() = default;
  virtual ~SegmentObserver() = default;
};
using SegmentObservers = std::vector<std::weak_ptr<SegmentObserver>>;

class Disposal : public std::enable_shared_from_this<Disposal> {
 public:
  // The observers hear of it when it is done; there may be none, or null.
  void take(std::shared_ptr<Segment> segment, std::shared_ptr<const SegmentObservers> observers) noexcept;
  // Does what is left to do on this thread too, and waits until all of it is done. Returns whether there was anything.
  bool finish() noexcept;
  std::uint64_t bytes() const noexcept;  // that aren't free yet

 private:
  struct Item {
    std::shared_ptr<Segment> segment;
    std::shared_ptr<const SegmentObservers> observers;
  };
  using Lock = std::unique_lock<std::mutex>;

  static void dispose(Item item) noexcept;
  bool start_thread() noexcept;
  void work(Lock& lock) noexcept;
  void work_off() noexcept;

  mutable std::mutex mutex_;
  std::condition_variable done_;  // all of it
  // Guarded by mutex_:
  std::vector<Item> queue_;
  std::uint64_t bytes_ = 0;
  std::size_t working_ = 0;  // threads that are at one of them
  bool has_thread_ = false;
};

}  // namespace py4cpp
