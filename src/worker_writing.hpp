// What worker.cpp and worker_side.cpp share.
#pragma once

#include "worker.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace py4cpp {

// The values of one message being written. Writers are kept by their thread, so that a call allocates nothing; several
// when calls nest. What was not sent is taken back.
class Worker::Writing {
 public:
  explicit Writing(Worker& worker) : worker_(worker), spare_(spare()), writer_(take()) {}
  ~Writing() {
    if (!sent_) {
      for (const std::uint64_t id : writer_->callables()) worker_.exports_.released(id, 1);
    }
    writer_->clear();
    spare_.push_back(std::move(writer_));
  }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

  ValueWriter& operator*() noexcept { return *writer_; }
  ValueWriter* operator->() noexcept { return writer_.get(); }
  void sent() noexcept { sent_ = true; }

 private:
  using Spare = std::vector<std::unique_ptr<ValueWriter>>;

  static Spare& spare() {
    thread_local Spare writers;
    return writers;
  }
  std::unique_ptr<ValueWriter> take() {
    if (spare_.empty()) {
      spare_.reserve(8);
      return std::make_unique<ValueWriter>();
    }
    auto writer = std::move(spare_.back());
    spare_.pop_back();
    return writer;
  }

  Worker& worker_;
  Spare& spare_;
  std::unique_ptr<ValueWriter> writer_;
  bool sent_ = false;
};

}  // namespace py4cpp
