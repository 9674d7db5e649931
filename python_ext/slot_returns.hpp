// When the slots go back that a feed's loop has let go of. At once, since C++ may wait for one: sent with the next
// message, it would be one less to fill during the loop's next body. But where more batches are here already and the
// bodies are short, C++ fills slots faster than the loop takes them. Then two go back together: half the messages, and
// fewer batches lie between the two sides, so more of what the loop reads is in the processors' caches still.
#pragma once

#include "host_reference.hpp"
#include "shared_block.hpp"

#include <chrono>

namespace py4cpp {

// Of one feed. The host outlives it. With the GIL.
class SlotReturns final : public ReleaseSender {
 public:
  explicit SlotReturns(CallableHost& host) noexcept : host_(host) {}

  // The loop takes a batch; whether there are more to take, and slots enough to keep one of them back.
  void took(bool more) noexcept {
    const auto now = std::chrono::steady_clock::now();
    behind_ = more && now - taken_ < short_body;
    taken_ = now;
  }
  void send_released() noexcept override {
    kept_ = behind_ && !kept_;
    if (!kept_) host_.send_released();
  }

 private:
  static constexpr auto short_body = std::chrono::milliseconds(1);

  CallableHost& host_;
  std::chrono::steady_clock::time_point taken_;  // the last one
  bool behind_ = false;
  bool kept_ = false;  // C++ has not been told of the last one yet; 50 ms later at the latest, it is
};

}  // namespace py4cpp
