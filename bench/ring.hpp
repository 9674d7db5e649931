// The reference for a feed: a bounded ring of buffers that a producer thread fills and a consumer thread reads in the
// same process, with one mutex and two condition variables, as one writes it by hand.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace py4cpp::bench {

class Ring {
 public:
  using Buffer = std::unique_ptr<std::byte[]>;

  Ring(std::size_t slots, std::size_t bytes);

  Buffer acquire();             // the producer: waits for a free buffer
  void publish(Buffer buffer);  // null: the end of a round
  Buffer take();                // the consumer: waits for a filled one
  void release(Buffer buffer);

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  std::condition_variable filled_;
  std::vector<Buffer> free_;
  std::deque<Buffer> published_;
};

}  // namespace py4cpp::bench
