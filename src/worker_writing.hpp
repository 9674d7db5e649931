// What worker.cpp and worker_side.cpp share.
#pragma once

#include "spare_writers.hpp"
#include "worker.hpp"

#include <memory>
#include <utility>

namespace py4cpp {

// The values of one message being written. What was not sent is taken back.
class Worker::Writing {
 public:
  explicit Writing(Worker& worker) : worker_(worker), writer_(take_spare_writer()) {}
  ~Writing() {
    if (!sent_) {
      for (const std::uint64_t id : writer_->callables()) worker_.exports_.released(id, 1);
    }
    writer_->clear();
    keep_spare_writer(std::move(writer_));
  }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

  ValueWriter& operator*() noexcept { return *writer_; }
  ValueWriter* operator->() noexcept { return writer_.get(); }
  void sent() noexcept { sent_ = true; }

 private:
  Worker& worker_;
  std::unique_ptr<ValueWriter> writer_;
  bool sent_ = false;
};

}  // namespace py4cpp
