#include "disposal.hpp"

#include <signal.h>

#include <exception>
#include <thread>
#include <utility>

namespace py4cpp {

void Disposal::take(std::shared_ptr<Segment> segment, std::shared_ptr<const SegmentObservers> observers) noexcept {
  Item item{std::move(segment), std::move(observers)};
  {
    const Lock lock(mutex_);
    if (has_thread_ || start_thread()) {
      try {
        queue_.push_back(std::move(item));  // moved: the thread shall be the last that has it
        bytes_ += queue_.back().segment->size();
        return;
      } catch (const std::exception&) {  // no memory of the ordinary kind
      }
    }
  }
  dispose(std::move(item));
}

bool Disposal::finish() noexcept {
  Lock lock(mutex_);
  const bool any = !queue_.empty() || working_ != 0;
  while (!queue_.empty()) work(lock);
  done_.wait(lock, [this] { return working_ == 0; });
  return any;
}

std::uint64_t Disposal::bytes() const noexcept {
  const Lock lock(mutex_);
  return bytes_;
}

// The pages go first, wherever they are mapped. With full page tables, unmapping would keep every other thread from
// mapping anything meanwhile, here and in each peer.
void Disposal::dispose(Item item) noexcept {
  const std::uint32_t number = item.segment->number();
  item.segment->discard();
  item.segment.reset();
  if (!item.observers) return;
  for (const auto& weak : *item.observers) {
    if (const auto observer = weak.lock()) observer->retired(number);
  }
}

// With mutex_ held. Signals are for the program's own threads. What comes while the thread is ending starts another.
bool Disposal::start_thread() noexcept {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread([self = shared_from_this()] { self->work_off(); }).detach();
    has_thread_ = true;
  } catch (const std::exception&) {  // no thread to be had
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return has_thread_;
}

void Disposal::work_off() noexcept {
  Lock lock(mutex_);
  while (!queue_.empty()) work(lock);
  has_thread_ = false;
}

// Lets go of the lock meanwhile.
void Disposal::work(Lock& lock) noexcept {
  Item item = std::move(queue_.back());
  queue_.pop_back();
  const std::uint64_t size = item.segment->size();
  ++working_;
  lock.unlock();
  dispose(std::move(item));
  lock.lock();
  bytes_ -= size;
  if (--working_ == 0 && queue_.empty()) done_.notify_all();
}

}  // namespace py4cpp
