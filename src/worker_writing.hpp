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
  explicit Writing(Worker& worker) : worker_(worker), writer_(take()) {}
  ~Writing() {
    if (!sent_) {
      for (const std::uint64_t id : writer_->callables()) worker_.exports_.released(id, 1);
    }
    writer_->clear();
    spare().push_back(std::move(writer_));
  }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

  ValueWriter& operator*() noexcept { return *writer_; }
  void sent() noexcept { sent_ = true; }

 private:
  static std::vector<std::unique_ptr<ValueWriter>>& spare() {
    thread_local std::vector<std::unique_ptr<ValueWriter>> writers;
    return writers;
  }
  static std::unique_ptr<ValueWriter> take() {
    if (spare().empty()) {
      spare().reserve(8);
      return std::make_unique<ValueWriter>();
    }
    auto writer = std::move(spare().back());
    spare().pop_back();
    return writer;
  }

  Worker& worker_;
  std::unique_ptr<ValueWriter> writer_;
  bool sent_ = false;
};

}  // namespace py4cpp
