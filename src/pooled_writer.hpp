// A ValueWriter for one message, from a pool of the thread's own, so that its memory is used again; several may be in
// use at once, since calls nest. It serves to the very end of a thread, where there is no pool any more: destructors of
// static objects, and of thread-local ones, may make calls. One thread.
#pragma once

#include "wire.hpp"

#include <array>
#include <cstddef>
#include <memory>

namespace py4cpp {

class PooledWriter {
 public:
  PooledWriter() : pool_(pool()), writer_(pool_.count > 0 ? pool_.writers[--pool_.count] : new ValueWriter) {}
  ~PooledWriter() {
    const bool is_large = writer_->size_estimate() > largest;
    writer_->clear();
    if (!is_large && has_place()) pool_.writers[pool_.count++] = writer_.release();
  }
  PooledWriter(const PooledWriter&) = delete;
  PooledWriter& operator=(const PooledWriter&) = delete;

  ValueWriter& operator*() const noexcept { return *writer_; }
  ValueWriter* operator->() const noexcept { return writer_.get(); }

 private:
  static constexpr std::size_t most = 8;                         // writers
  static constexpr std::size_t largest = std::size_t{32} << 20;  // bytes; what has held more is given back

  // Without a destructor: it is used after those of the thread's other objects, too.
  struct Pool {
    std::array<ValueWriter*, most> writers;
    std::size_t count;
    bool is_swept;  // in the end
    bool is_over;
  };
  struct Sweeper {
    bool is_there = false;  // touching it makes the thread run the destructor
    ~Sweeper() {
      Pool& mine = pool();
      mine.is_over = true;
      while (mine.count > 0) delete mine.writers[--mine.count];
    }
  };

  static Pool& pool() noexcept {
    constinit thread_local Pool pool{};
    return pool;
  }
  bool has_place() const noexcept {
    if (pool_.is_over || pool_.count == most) return false;
    if (!pool_.is_swept) {
      thread_local Sweeper sweeper;
      pool_.is_swept = sweeper.is_there = true;
    }
    return true;
  }

  Pool& pool_;
  std::unique_ptr<ValueWriter> writer_;
};

}  // namespace py4cpp
