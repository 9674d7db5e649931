// The messages of calls, requests, replies, and releases of what came with them, laid out by hand in FlatBuffers'
// format, since they are nearly all messages there are, and small: a builder, which knows no layout beforehand, takes
// four times as long. They are written where they leave from; receivers verify and read them as any other message, with
// what flatc generated.
#pragma once

#include "wire.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace py4cpp {

struct RequestHead {
  std::uint64_t id = 0;
  std::uint64_t under = 0;
  std::span<const wire::Step> steps;
  wire::Want want = wire::Want::value;
  bool keep = false;
};

// What ended on one side since it last said so.
struct ReleaseBatch {
  std::vector<std::uint64_t> objects;
  std::vector<wire::CallableRelease> callables;
  std::vector<wire::BlockRelease> blocks;
  std::vector<std::uint32_t> segments;

  bool empty() const noexcept { return objects.empty() && callables.empty() && blocks.empty() && segments.empty(); }
  void clear() noexcept;
};

// Each refers to what it is made of, which stays as it is from size() to write().
struct RequestMessage {
  static constexpr auto kind = wire::MessageKind::Request;
  RequestHead head;
  const ValueWriter& values;

  std::size_t size() const noexcept;                // bytes, a multiple of 8
  void write(std::uint8_t* target) const noexcept;  // as many
};

struct ReplyMessage {
  static constexpr auto kind = wire::MessageKind::Reply;
  std::uint64_t id = 0;
  const ValueWriter& values;
  bool more = false;

  std::size_t size() const noexcept;
  void write(std::uint8_t* target) const noexcept;
};

struct ReleaseMessage {
  static constexpr auto kind = wire::MessageKind::Release;
  const ReleaseBatch& batch;

  std::size_t size() const noexcept;
  void write(std::uint8_t* target) const noexcept;
};

}  // namespace py4cpp
