#include "message.hpp"

#include <cstring>
#include <type_traits>

namespace py4cpp {

namespace {

// A message is one table.
constexpr flatbuffers::uoffset_t max_depth = 2;
constexpr flatbuffers::uoffset_t max_tables = 2;

constexpr std::size_t kept_size = 1024 * 1024;  // a builder gives back more than this

void check_size(std::size_t bytes) {
  if (bytes > max_message_size) {
    throw Error(ErrorKind::invalid, "the values of one call take " + std::to_string(bytes) +
                                        " bytes as a message; the limit is " + std::to_string(max_message_size) +
                                        ": pass arrays, text or bytes, which go through shared memory");
  }
}

template <class Row>
auto structs(flatbuffers::FlatBufferBuilder& builder, const Row& values) {
  using T = std::remove_cvref_t<decltype(*values.data())>;
  return values.empty() ? flatbuffers::Offset<flatbuffers::Vector<const T*>>()
                        : builder.CreateVectorOfStructs(values.data(), values.size());
}

// FlatBuffers' verifier checks that vectors lie inside the message, not that what they hold is aligned.
template <class T>
bool aligned(const flatbuffers::Vector<T>* vector) {
  return vector == nullptr || vector->size() == 0 || reinterpret_cast<std::uintptr_t>(vector->Data()) % 8 == 0;
}

// Those of values are checked by ValueReader.
bool aligned(const wire::Failure& failure) { return aligned(failure.exceptions()); }
bool aligned(const wire::Release& release) {
  return aligned(release.objects()) && aligned(release.callables()) && aligned(release.blocks());
}
template <class Table>
bool aligned(const Table&) {
  return true;
}

template <class Table>
bool verify_as(const std::uint8_t* data, std::size_t size) {
  flatbuffers::Verifier verifier(data, size, max_depth, max_tables);
  return verifier.VerifyBuffer<Table>(nullptr) && aligned(*flatbuffers::GetRoot<Table>(data));
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

Message::Message(MessageBytes message) : size_(message.bytes.size()), kind_(message.kind) {
  if (size_ > small_size) large_ = std::make_unique_for_overwrite<std::uint64_t[]>((size_ + 7) / 8);
  auto* target = large_ ? reinterpret_cast<std::uint8_t*>(large_.get()) : small_.data();
  if (size_ > 0) std::memcpy(target, message.bytes.data(), size_);
  verify(target);
}

void Message::verify(const std::uint8_t* data) const {
  const auto good = [&] {
    switch (kind_) {
      case wire::MessageKind::Request:
        return verify_as<wire::Request>(data, size_);
      case wire::MessageKind::Reply:
        return verify_as<wire::Reply>(data, size_);
      case wire::MessageKind::Failure:
        return verify_as<wire::Failure>(data, size_);
      case wire::MessageKind::Release:
        return verify_as<wire::Release>(data, size_);
      case wire::MessageKind::Output:
        return verify_as<wire::Output>(data, size_);
      case wire::MessageKind::Hello:
        return verify_as<wire::Hello>(data, size_);
      case wire::MessageKind::Bye:
        return verify_as<wire::Bye>(data, size_);
      default:
        return false;
    }
  };
  if (size_ == 0 || !good()) throw BadMessage("not a message of this protocol");
}

void Message::take(Message& other) noexcept {
  large_ = std::move(other.large_);
  if (!large_) small_ = other.small_;  // all of it: quicker than as much as there is
  size_ = std::exchange(other.size_, 0);
  kind_ = std::exchange(other.kind_, wire::MessageKind::none);
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

void check_message_size(const ValueWriter& values) { check_size(values.size_estimate()); }

// Takes the memory that a small failure needs: what is told when there is no memory must need none.
MessageBuilder::MessageBuilder() { failure(0, {{}}); }

void MessageBuilder::begin() {
  if (builder_.GetSize() > kept_size) {
    builder_.Reset();
  } else {
    builder_.Clear();
  }
}

template <class Table>
MessageBytes MessageBuilder::finish(flatbuffers::Offset<Table> root) {
  builder_.Finish(root);
  return {kind_of<Table>, {builder_.GetBufferPointer(), builder_.GetSize()}};
}

MessageBytes MessageBuilder::failure(std::uint64_t id, const std::vector<WireException>& exceptions) {
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
  const auto nodes = structs(builder_, texts_.nodes());
  builder_.ForceVectorAlignment(texts_.byte_pool().size(), 1, 8);
  const auto bytes = builder_.CreateVector(texts_.byte_pool().data(), texts_.byte_pool().size());
  return finish(wire::CreateFailure(builder_, id, list, nodes, bytes, 0, 0));
}

MessageBytes MessageBuilder::output(wire::Stream stream, std::string_view text) {
  check_size(text.size());
  begin();
  const auto bytes = builder_.CreateVector(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  return finish(wire::CreateOutput(builder_, stream, bytes));
}

MessageBytes MessageBuilder::hello(const HelloInfo& info) {
  begin();
  const auto version = builder_.CreateString(info.version);
  const auto releaselevel = builder_.CreateString(info.releaselevel);
  return finish(wire::CreateHello(builder_, info.protocol, version, info.pid, info.arena_high, info.arena_low,
                                  info.inline_limit, info.shared_memory_limit, info.cache_limit, info.spin,
                                  info.capture_stdout, info.major, info.minor, info.micro, releaselevel, info.serial));
}

MessageBytes MessageBuilder::bye() {
  begin();
  return finish(wire::CreateBye(builder_));
}

}  // namespace py4cpp
