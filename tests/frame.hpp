// A frame as a channel writes it (schemas/wire.fbs), for tests that are the other side.
#pragma once

#include "message.hpp"

#include <cstdint>
#include <cstring>
#include <vector>

namespace py4cpp::test {

inline std::vector<std::uint8_t> frame(const MessageBytes& message, std::uint16_t sequence) {
  const auto size = static_cast<std::uint32_t>((message.bytes.size() + 7) / 8 * 8);
  const auto kind = static_cast<std::uint16_t>(message.kind);
  std::vector<std::uint8_t> bytes(8 + size);
  std::memcpy(bytes.data(), &size, 4);
  std::memcpy(bytes.data() + 4, &kind, 2);
  std::memcpy(bytes.data() + 6, &sequence, 2);
  std::memcpy(bytes.data() + 8, message.bytes.data(), message.bytes.size());
  return bytes;
}

}  // namespace py4cpp::test
