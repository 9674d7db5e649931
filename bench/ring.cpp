#include "ring.hpp"

#include <cstring>
#include <utility>

namespace py4cpp::bench {

Ring::Ring(std::size_t slots, std::size_t bytes) {
  for (std::size_t i = 0; i < slots; ++i) {
    free_.push_back(std::make_unique<std::byte[]>(bytes));
    std::memset(free_.back().get(), 1, bytes);  // warm, as the slots of a feed are
  }
}

Ring::Buffer Ring::acquire() {
  std::unique_lock lock(mutex_);
  freed_.wait(lock, [&] { return !free_.empty(); });
  Buffer buffer = std::move(free_.back());
  free_.pop_back();
  return buffer;
}

void Ring::publish(Buffer buffer) {
  {
    const std::lock_guard lock(mutex_);
    published_.push_back(std::move(buffer));
  }
  filled_.notify_one();
}

Ring::Buffer Ring::take() {
  std::unique_lock lock(mutex_);
  filled_.wait(lock, [&] { return !published_.empty(); });
  Buffer buffer = std::move(published_.front());
  published_.pop_front();
  return buffer;
}

void Ring::release(Buffer buffer) {
  {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(buffer));
  }
  freed_.notify_one();
}

}  // namespace py4cpp::bench
