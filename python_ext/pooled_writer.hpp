// A ValueWriter for one message, from a pool of the thread's own, so that its memory is reused; several may be in use
// at once, since callbacks nest.
#pragma once

#include "conversion.hpp"
#include "to_wire.hpp"
#include "wire.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace py4cpp {

// What was written is taken back unless sent() was said. Needs the GIL.
class PooledWriter {
 public:
  explicit PooledWriter(Conversion& conversion) : conversion_(conversion), pool_(pool()) {
    if (pool_.empty()) {
      writer_ = std::make_unique<ValueWriter>();
    } else {
      writer_ = std::move(pool_.back());
      pool_.pop_back();
    }
  }
  ~PooledWriter() {
    if (!sent_) take_back();
    if (!large_ && pool_.size() < most) pool_.push_back(std::move(writer_));
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
  static constexpr std::size_t most = 8;                          // writers
  static constexpr std::size_t largest = std::size_t{256} << 10;  // bytes; more is given back

  using Pool = std::vector<std::unique_ptr<ValueWriter>>;

  static Pool& pool() {
    thread_local Pool writers = [] {
      Pool empty;
      empty.reserve(most);
      return empty;
    }();
    return writers;
  }
  void note_size() noexcept { large_ |= writer_->size_estimate() > largest; }

  Conversion& conversion_;
  Pool& pool_;
  std::unique_ptr<ValueWriter> writer_;
  bool large_ = false;
  bool sent_ = false;
};

}  // namespace py4cpp
