// The two messages of a call, a request and its reply, laid out by hand in FlatBuffers' format, since they are nearly
// all messages there are, and small: a builder, which knows no layout beforehand, takes four times as long. Receivers
// verify and read them as any other message, with what flatc generated. One thread at a time; keeps its memory.
#pragma once

#include "wire.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace py4cpp {

struct RequestHead {
  std::uint64_t id = 0;
  std::uint64_t under = 0;
  std::span<const wire::Step> steps;
  wire::Want want = wire::Want::value;
  bool keep = false;
};

class CallMessage {
 public:
  // The finished bytes, a multiple of 8, valid until the next.
  std::span<const std::uint8_t> request(const RequestHead& head, const ValueWriter& values);
  std::span<const std::uint8_t> reply(std::uint64_t id, const ValueWriter& values, bool more = false);

 private:
  template <class Head>
  Head& begin(std::size_t vectors);
  template <class T>
  void vector(std::span<const T> elements, std::uint16_t& entry, std::uint16_t place, std::uint32_t& offset);
  template <class Head>
  void values(Head& head, const ValueWriter& values);
  std::span<const std::uint8_t> finished() const noexcept;

  std::unique_ptr<std::uint64_t[]> memory_;
  std::size_t capacity_ = 0;  // bytes
  std::size_t size_ = 0;
};

}  // namespace py4cpp
