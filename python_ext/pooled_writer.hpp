// A ValueWriter for one message of the worker.
#pragma once

#include "conversion.hpp"
#include "spare_writers.hpp"
#include "to_wire.hpp"
#include "wire.hpp"

#include <memory>
#include <utility>

namespace py4cpp {

// What was written is taken back unless sent() was said. Needs the GIL.
class PooledWriter {
 public:
  explicit PooledWriter(Conversion& conversion) : conversion_(conversion), writer_(take_spare_writer()) {}
  ~PooledWriter() {
    if (!sent_) take_back();
    if (!large_) keep_spare_writer(std::move(writer_));
  }
  PooledWriter(const PooledWriter&) = delete;
  PooledWriter& operator=(const PooledWriter&) = delete;

  ValueWriter& operator*() noexcept { return *writer_; }
  ValueWriter* operator->() noexcept { return writer_.get(); }

  void sent() noexcept {
    sent_ = true;
    note_size();
    writer_->clear();
  }
  void take_back() noexcept {
    note_size();
    py4cpp::take_back(*writer_, conversion_);
  }

 private:
  static constexpr std::size_t largest = std::size_t{256} << 10;  // bytes; more is given back

  void note_size() noexcept { large_ |= writer_->size_estimate() > largest; }

  Conversion& conversion_;
  std::unique_ptr<ValueWriter> writer_;
  bool large_ = false;
  bool sent_ = false;
};

}  // namespace py4cpp
