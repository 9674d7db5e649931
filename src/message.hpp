// One message of schemas/wire.fbs: received (Message owns its verified bytes) or being built (MessageBuilder). A
// Message is a value that moves; small ones need no heap. A MessageBuilder is used by one thread at a time and keeps
// its memory.
#pragma once

#include "call_message.hpp"
#include "wire.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace py4cpp {

// FlatBuffers is limited to 2 GiB and merely asserts it; what is larger than this must go through shared memory.
inline constexpr std::size_t max_message_size = std::size_t{1} << 30;

// Hash of the protocol's text and of the layout of its structs: both sides must have the same.
std::uint64_t protocol_hash() noexcept;

// A message as a frame carries it. Whose the bytes are, depends.
struct MessageBytes {
  wire::MessageKind kind = wire::MessageKind::none;
  std::span<const std::uint8_t> bytes;
};

template <class Table>
inline constexpr wire::MessageKind kind_of = wire::MessageKind::none;
template <>
inline constexpr wire::MessageKind kind_of<wire::Request> = wire::MessageKind::Request;
template <>
inline constexpr wire::MessageKind kind_of<wire::Reply> = wire::MessageKind::Reply;
template <>
inline constexpr wire::MessageKind kind_of<wire::Failure> = wire::MessageKind::Failure;
template <>
inline constexpr wire::MessageKind kind_of<wire::Release> = wire::MessageKind::Release;
template <>
inline constexpr wire::MessageKind kind_of<wire::Output> = wire::MessageKind::Output;
template <>
inline constexpr wire::MessageKind kind_of<wire::Hello> = wire::MessageKind::Hello;
template <>
inline constexpr wire::MessageKind kind_of<wire::Bye> = wire::MessageKind::Bye;

class Message {
 public:
  Message() = default;
  explicit Message(MessageBytes message);  // copies and verifies; throws BadMessage
  Message(Message&& other) noexcept { take(other); }
  Message& operator=(Message&& other) noexcept {
    if (this != &other) take(other);
    return *this;
  }

  bool empty() const noexcept { return size_ == 0; }
  wire::MessageKind kind() const noexcept { return kind_; }
  template <class Table>
  const Table* as() const noexcept {  // null if it is of another kind
    return kind_ == kind_of<Table> ? flatbuffers::GetRoot<Table>(data()) : nullptr;
  }

 private:
  const std::uint8_t* data() const noexcept {
    return large_ ? reinterpret_cast<const std::uint8_t*>(large_.get()) : small_.data();
  }
  void take(Message& other) noexcept;
  void verify(const std::uint8_t* data) const;

  static constexpr std::size_t small_size = 256;
  alignas(8) std::array<std::uint8_t, small_size> small_;
  std::unique_ptr<std::uint64_t[]> large_;
  std::size_t size_ = 0;
  wire::MessageKind kind_ = wire::MessageKind::none;
};

// What a Failure says of one exception.
struct WireException {
  std::string_view type, message, traceback;
  std::vector<std::string> notes, bases;
  std::uint32_t cause = 0, context = 0;  // index + 1 in the failure's list
  std::uint64_t object = 0, host_exception = 0;
};

struct HelloInfo {
  std::uint64_t protocol = 0;
  std::string version;
  int pid = 0;
  std::uint64_t arena_high = 0, arena_low = 0;
  std::uint64_t inline_limit = 0, shared_memory_limit = 0, cache_limit = 0;
  std::uint32_t spin = 0;
  bool capture_stdout = false;
  int major = 0, minor = 0, micro = 0, serial = 0;
  std::string releaselevel;

  static HelloInfo read(const wire::Hello& hello);
};

// Throws Error(invalid) if a message with these values would be larger than max_message_size.
void check_message_size(const ValueWriter& values);

// Builds one message after another. Each function returns the finished bytes, valid until the next; throws
// Error(invalid) if the message would be larger than max_message_size.
class MessageBuilder {
 public:
  MessageBuilder();

  template <class Written>  // one of call_message.hpp
  MessageBytes written(const Written& message) {
    const std::size_t size = message.size();
    call_.assign(size / sizeof(std::uint64_t), 0);
    auto* const start = reinterpret_cast<std::uint8_t*>(call_.data());
    message.write(start);
    return {Written::kind, {start, size}};
  }
  MessageBytes request(const RequestHead& head, const ValueWriter& values) {
    check_message_size(values);
    return written(RequestMessage{head, values});
  }
  MessageBytes reply(std::uint64_t id, const ValueWriter& values, bool more = false) {
    check_message_size(values);
    return written(ReplyMessage{id, values, more});
  }
  MessageBytes failure(std::uint64_t id, const std::vector<WireException>& exceptions);
  MessageBytes release(const ReleaseBatch& batch) { return written(ReleaseMessage{batch}); }
  MessageBytes output(wire::Stream stream, std::string_view text);
  MessageBytes hello(const HelloInfo& info);
  MessageBytes bye();

 private:
  void begin();
  template <class Table>
  MessageBytes finish(flatbuffers::Offset<Table> root);

  std::vector<std::uint64_t> call_;
  flatbuffers::FlatBufferBuilder builder_{1024};
  ValueWriter texts_;
};

}  // namespace py4cpp
