// What worker.cpp and worker_side.cpp share.
#pragma once

#include "pooled_writer.hpp"
#include "worker.hpp"

namespace py4cpp {

// The values of one message that leaves: what was lent for them is taken back unless it was sent.
class Worker::Writing {
 public:
  explicit Writing(Worker& worker) : worker_(worker) {}
  ~Writing() {
    if (sent_) return;
    for (const std::uint64_t id : writer_->callables()) worker_.exports_.released(id, 1);
  }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

  ValueWriter& operator*() const noexcept { return *writer_; }
  ValueWriter* operator->() const noexcept { return writer_.operator->(); }
  void sent() noexcept { sent_ = true; }

 private:
  Worker& worker_;
  PooledWriter writer_;
  bool sent_ = false;
};

}  // namespace py4cpp
