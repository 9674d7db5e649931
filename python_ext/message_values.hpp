// The values of one message that leaves: taken back unless it was sent. Needs the GIL.
#pragma once

#include "conversion.hpp"
#include "pooled_writer.hpp"
#include "to_wire.hpp"

namespace py4cpp {

class MessageValues {
 public:
  explicit MessageValues(Conversion& conversion) : conversion_(conversion) {}
  ~MessageValues() {
    if (!sent_) take_back(*writer_, conversion_);
  }
  MessageValues(const MessageValues&) = delete;
  MessageValues& operator=(const MessageValues&) = delete;

  ValueWriter& operator*() const noexcept { return *writer_; }
  ValueWriter* operator->() const noexcept { return writer_.operator->(); }
  void sent() noexcept { sent_ = true; }

 private:
  Conversion& conversion_;
  PooledWriter writer_;
  bool sent_ = false;
};

}  // namespace py4cpp
