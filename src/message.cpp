#include "message.hpp"

#include <cstring>

namespace py4cpp {

namespace {

// The deepest message is Message > Body > Values; the most tables one needs are those three.
constexpr flatbuffers::uoffset_t max_depth = 8;
constexpr flatbuffers::uoffset_t max_tables = 8;

constexpr std::size_t kept_size = 1024 * 1024;  // a builder gives back more than this

void check_size(std::size_t bytes) {
  if (bytes > max_message_size) {
    throw Error(ErrorKind::invalid, "the values of one call take " + std::to_string(bytes) +
                                        " bytes as a message; the limit is " + std::to_string(max_message_size) +
                                        ": pass arrays, text or bytes, which go through shared memory");
  }
}

template <class T>
flatbuffers::Offset<flatbuffers::Vector<const T*>> structs(flatbuffers::FlatBufferBuilder& builder,
                                                           const std::vector<T>& values) {
  return values.empty() ? 0 : builder.CreateVectorOfStructs(values);
}

// FlatBuffers' verifier checks that vectors lie inside the message, not that what they hold is aligned.
template <class T>
bool aligned(const flatbuffers::Vector<T>* vector) {
  return vector == nullptr || vector->size() == 0 || reinterpret_cast<std::uintptr_t>(vector->Data()) % 8 == 0;
}

bool aligned(const wire::Values* values) {
  return values == nullptr ||
         (aligned(values->nodes()) && aligned(values->bytes()) && aligned(values->arrays()) && aligned(values->dims()));
}

bool aligned(const wire::Message& message) {
  switch (message.body_type()) {
    case wire::Body::Request:
      return aligned(message.body_as_Request()->values());
    case wire::Body::Reply:
      return aligned(message.body_as_Reply()->values());
    case wire::Body::Failure:
      return aligned(message.body_as_Failure()->exceptions()) && aligned(message.body_as_Failure()->texts());
    case wire::Body::Release: {
      const auto* release = message.body_as_Release();
      return aligned(release->objects()) && aligned(release->callables()) && aligned(release->blocks());
    }
    default:
      return true;
  }
}

}  // namespace

std::uint64_t protocol_hash() noexcept {
  std::uint64_t hash = PY4CPP_SCHEMA_HASH;
  for (const std::size_t part : {sizeof(wire::Node), sizeof(wire::Array), sizeof(wire::Dim), sizeof(wire::Step),
                                 sizeof(wire::Exception), sizeof(wire::BlockRelease), sizeof(wire::CallableRelease)}) {
    hash = (hash ^ part) * 0x100000001b3;  // FNV-1a's step
  }
  return hash;
}

Message::Message(std::span<const std::uint8_t> bytes) : size_(bytes.size()) {
  if (size_ > small_size) large_ = std::make_unique_for_overwrite<std::uint64_t[]>((size_ + 7) / 8);
  auto* target = large_ ? reinterpret_cast<std::uint8_t*>(large_.get()) : small_.data();
  if (size_ > 0) std::memcpy(target, bytes.data(), size_);
  flatbuffers::Verifier verifier(target, size_, max_depth, max_tables);
  if (size_ == 0 || !wire::VerifyMessageBuffer(verifier) || root().body() == nullptr || !aligned(root())) {
    throw BadMessage("not a message of this protocol");
  }
}

void Message::take(Message& other) noexcept {
  large_ = std::move(other.large_);
  if (!large_ && other.size_ > 0) std::memcpy(small_.data(), other.small_.data(), other.size_);
  size_ = std::exchange(other.size_, 0);
}

void ReleaseBatch::clear() noexcept {
  objects.clear();
  callables.clear();
  blocks.clear();
  segments.clear();
}

HelloInfo HelloInfo::read(const wire::Hello& hello) {
  const auto text = [](const flatbuffers::String* string) { return string != nullptr ? string->str() : std::string(); };
  HelloInfo info;
  info.protocol = hello.protocol();
  info.version = text(hello.version());
  info.pid = hello.pid();
  info.arena_high = hello.arena_high();
  info.arena_low = hello.arena_low();
  info.inline_limit = hello.inline_limit();
  info.shared_memory_limit = hello.shared_memory_limit();
  info.cache_limit = hello.cache_limit();
  info.spin = hello.spin();
  info.capture_stdout = hello.capture_stdout();
  info.major = hello.major();
  info.minor = hello.minor();
  info.micro = hello.micro();
  info.serial = hello.serial();
  info.releaselevel = text(hello.releaselevel());
  return info;
}

void MessageBuilder::begin() {
  if (builder_.GetSize() > kept_size) {
    builder_.Reset();
  } else {
    builder_.Clear();
  }
}

template <class T>
MessageBuilder::Bytes MessageBuilder::finish(wire::Body kind, flatbuffers::Offset<T> body) {
  wire::FinishMessageBuffer(builder_, wire::CreateMessage(builder_, kind, body.Union()));
  return {builder_.GetBufferPointer(), builder_.GetSize()};
}

flatbuffers::Offset<wire::Values> MessageBuilder::add(const ValueWriter& values) {
  const auto nodes = structs(builder_, values.nodes());
  // The pool starts at a multiple of 8, so that inline arrays are aligned.
  builder_.ForceVectorAlignment(values.byte_pool().size(), 1, 8);
  const auto bytes = values.byte_pool().empty() ? 0 : builder_.CreateVector(values.byte_pool());
  const auto arrays = structs(builder_, values.arrays());
  const auto dims = structs(builder_, values.dims());
  return wire::CreateValues(builder_, nodes, bytes, arrays, dims);
}

MessageBuilder::Bytes MessageBuilder::request(const RequestHead& head, const ValueWriter& values) {
  check_size(values.size_estimate());
  begin();
  const auto steps = builder_.CreateVectorOfStructs(head.steps.data(), head.steps.size());
  const auto packed = add(values);
  return finish(wire::Body::Request,
                wire::CreateRequest(builder_, head.id, head.under, steps, packed, head.want, head.keep));
}

MessageBuilder::Bytes MessageBuilder::reply(std::uint64_t id, const ValueWriter& values) {
  check_size(values.size_estimate());
  begin();
  const auto packed = add(values);
  return finish(wire::Body::Reply, wire::CreateReply(builder_, id, packed));
}

MessageBuilder::Bytes MessageBuilder::failure(std::uint64_t id, const std::vector<WireException>& exceptions) {
  begin();
  texts_.clear();
  std::vector<wire::Exception> heads;
  for (const WireException& exception : exceptions) {
    texts_.string(exception.type);
    texts_.string(exception.message);
    texts_.string(exception.traceback);
    for (const std::string& note : exception.notes) texts_.string(note);
    for (const std::string& base : exception.bases) texts_.string(base);
    heads.emplace_back(exception.object, exception.host_exception, static_cast<std::uint32_t>(exception.notes.size()),
                       static_cast<std::uint32_t>(exception.bases.size()), exception.cause, exception.context);
  }
  check_size(texts_.size_estimate());
  const auto list = structs(builder_, heads);
  const auto texts = add(texts_);
  return finish(wire::Body::Failure, wire::CreateFailure(builder_, id, list, texts));
}

MessageBuilder::Bytes MessageBuilder::release(const ReleaseBatch& batch) {
  begin();
  const auto objects = batch.objects.empty() ? 0 : builder_.CreateVector(batch.objects);
  const auto callables = structs(builder_, batch.callables);
  const auto blocks = structs(builder_, batch.blocks);
  const auto segments = batch.segments.empty() ? 0 : builder_.CreateVector(batch.segments);
  return finish(wire::Body::Release, wire::CreateRelease(builder_, objects, callables, blocks, segments));
}

MessageBuilder::Bytes MessageBuilder::output(wire::Stream stream, std::string_view text) {
  check_size(text.size());
  begin();
  const auto bytes = builder_.CreateVector(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  return finish(wire::Body::Output, wire::CreateOutput(builder_, stream, bytes));
}

MessageBuilder::Bytes MessageBuilder::hello(const HelloInfo& info) {
  begin();
  const auto version = builder_.CreateString(info.version);
  const auto releaselevel = builder_.CreateString(info.releaselevel);
  return finish(wire::Body::Hello,
                wire::CreateHello(builder_, info.protocol, version, info.pid, info.arena_high, info.arena_low,
                                  info.inline_limit, info.shared_memory_limit, info.cache_limit, info.spin,
                                  info.capture_stdout, info.major, info.minor, info.micro, releaselevel, info.serial));
}

MessageBuilder::Bytes MessageBuilder::bye() {
  begin();
  return finish(wire::Body::Bye, wire::CreateBye(builder_));
}

}  // namespace py4cpp
