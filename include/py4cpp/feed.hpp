// Feed: batches of arrays that C++ fills in shared memory and Python reads in a loop, on the same pages, each side
// working while the other does.
//
// A feed has a fixed number of slots; each holds one batch, every named array of it. acquire() takes a free slot, or
// waits for one; publish() hands it to Python; it is free again when the last array on it, on either side, is gone. So
// a steady feed allocates no memory, and a slow reader holds up the writer. In Python the feed is an iterable of dicts
// of numpy arrays: give it to the call that reads it.
//
// If that call fails, or its worker ends, acquire() throws the same error. If it returns from a loop that it left
// before the end, acquire() throws Error(invalid) rather than wait. If it returns without having begun one, acquire()
// waits: another call, given the feed or finding it in Python, may begin a loop; acquire_for() and Timeout limit that.
// If the feed ends by an exception in C++ (fail(), or its destructor while one is on its way), Python's loop raises
// HostError.
//
// Any number of threads may acquire and publish; a Batch is one thread's at a time. Movable.
#pragma once

#include <py4cpp/array.hpp>
#include <py4cpp/future.hpp>
#include <py4cpp/python.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace py4cpp {

// One array of each batch. The first extent of its shape is the number of rows of a full batch, the same for all.
struct FeedArray {
  FeedArray(std::string array_name, DType array_dtype, ShapeArgument array_shape)
      : name(std::move(array_name)), dtype(array_dtype), shape(array_shape.take()) {}

  std::string name;
  DType dtype;
  Shape shape;
};

struct FeedOptions {
  // At least 2: one that Python works on while another is filled. In Python each loop in a thread of its own holds one
  // while it waits for the next batch.
  std::size_t slots = 4;
  std::string name = {};  // for messages
};

// Since the feed was made.
struct FeedStats {
  std::uint64_t published = 0;  // batches
  std::uint64_t waits = 0;      // acquire() found every slot in use
};

class FeedState;

// A slot being filled. If it is not published, its destructor gives it back. Its arrays are to be left alone from
// publish() on: Python reads them, and the slot is not used again while they live.
class Batch {
 public:
  Batch(Batch&&) noexcept;
  Batch& operator=(Batch&&) noexcept;
  ~Batch();

  // One of its arrays, full length, with what the slot held before. Throws Error(invalid) for an unknown name or once
  // published, ConversionError for another dtype.
  template <Element T>
  Array<T> array(std::string_view name) const {
    return array(name).template as<T>();
  }
  AnyArray array(std::string_view name) const;

  // Hands it to Python, without waiting; with `rows` only the first rows of each array. Throws what acquire() throws.
  void publish();
  void publish(std::size_t rows);

 private:
  friend class FeedState;
  Batch(std::shared_ptr<FeedState> feed, std::shared_ptr<Block> block) noexcept;

  std::shared_ptr<FeedState> feed_;  // null once published
  std::shared_ptr<Block> block_;
};

class Feed {
 public:
  // Reserves the memory of all slots; doesn't wait for Python, which may be running a loop over another feed. Throws
  // Error(invalid) for arrays without rows or of different numbers of rows, fewer than two slots or more than 65,536;
  // OutOfSharedMemory, WorkerDied.
  Feed(Python& python, std::vector<FeedArray> arrays, FeedOptions options = {});
  Feed(Feed&&) noexcept;
  Feed& operator=(Feed&&) noexcept;
  ~Feed();  // close(); while an exception is on its way, the feed fails instead

  // Waits while all slots are in use. Throws Error(invalid) once closed, TimedOut where a Timeout says so.
  Batch acquire();
  // Nothing if that takes longer.
  template <class Rep, class Period>
  std::optional<Batch> acquire_for(std::chrono::duration<Rep, Period> time) {
    return acquire_until(detail::time_after<std::chrono::steady_clock>(time));
  }

  // Python's loop ends behind the batches published so far; the next loop goes on with what follows. Once every slot is
  // filled acquire() waits for that next loop.
  void end_epoch();
  // The same for good. Does nothing the second time.
  void close() noexcept;
  // Ends it with an error: Python's loop raises it (HostError, or the Python exception it was) at once, without what it
  // has not read yet, and acquire() throws it.
  void fail(std::exception_ptr error) noexcept;

  FeedStats stats() const;
  // What a Feed is as an argument, for containers of them. It has no methods and attributes of its own here.
  const Object& object() const;

 private:
  std::optional<Batch> acquire_until(std::chrono::steady_clock::time_point deadline);

  std::shared_ptr<FeedState> state_;
  Object object_;
  int exceptions_ = 0;  // on their way when it was made
};

template <>
struct Convert<Feed> {
  static Value to(const Feed& feed) { return Value::make(feed.object()); }
};

}  // namespace py4cpp
