// Messages built and received, whole or damaged.
#include "message.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arena.hpp"

namespace py4cpp::test {
namespace {

using Bytes = std::vector<std::uint8_t>;

// A message that outlives its builder.
struct Stored {
  wire::MessageKind kind = wire::MessageKind::none;
  Bytes bytes;
  explicit operator Message() const { return Message({kind, bytes}); }
};

Stored copy(const MessageBytes& message) { return {message.kind, {message.bytes.begin(), message.bytes.end()}}; }

ValueWriter some_values() {
  ValueWriter values;
  values.begin(wire::Kind::dict, 1);
  values.string("key");
  values.begin(wire::Kind::list, 3);
  values.complex(1, 2);
  values.big_integer("-ff");
  std::memset(values.inline_array(Layout::row_major(float32, {3}), true), 1, 12);
  values.timedelta(1, 2);
  return values;
}

WireException some_exception() {
  WireException exception;
  exception.type = "KeyError";
  exception.message = "'x'";
  exception.traceback = std::string_view("Traceback ...");
  exception.notes = {"a note", "another"};
  exception.bases = {"KeyError", "LookupError", "Exception"};
  exception.object = 7;
  return exception;
}

// One message of every kind.
std::map<std::string, Stored> all_kinds() {
  MessageBuilder builder;
  std::map<std::string, Stored> messages;
  const std::vector<wire::Step> steps{{wire::Op::name, 0, 0}, {wire::Op::call, 2, 1}};
  messages["request"] = copy(builder.request({3, 4, steps, wire::Want::object, true}, some_values()));
  const auto arena = std::make_shared<Arena>();
  const auto block = arena->allocate(1000);
  ValueWriter values = some_values();
  values.array({int16, {2, 2}, {-2, 1}}, block->data() + 4, true, block);
  values.shared_text(wire::Kind::shared_bytes, block, 1000);
  messages["reply"] = copy(builder.reply(5, values));
  messages["empty reply"] = copy(builder.reply(5, ValueWriter()));
  messages["one of many replies"] = copy(builder.reply(5, values, true));
  messages["failure"] = copy(builder.failure(6, {some_exception(), some_exception()}));
  ReleaseBatch batch;
  batch.objects = {1, 2, 3};
  batch.callables.emplace_back(4, 5);
  batch.blocks.emplace_back(6, 7, 8, 9, 10);
  batch.segments = {11};
  messages["release"] = copy(builder.release(batch));
  messages["output"] = copy(builder.output(wire::Stream::err, "printed"));
  HelloInfo hello;
  hello.version = "1.2.3";
  hello.releaselevel = "final";
  messages["hello"] = copy(builder.hello(hello));
  messages["bye"] = copy(builder.bye());
  return messages;
}

std::uint64_t read(ValueReader reader) {
  std::uint64_t sum = 0;
  while (!reader.done()) {
    const auto node = reader.next();
    sum += node.bits;
    switch (node.kind) {
      case wire::Kind::string:
      case wire::Kind::bytes:
      case wire::Kind::big_integer:
        for (const char c : reader.text(node)) sum += static_cast<unsigned char>(c);
        break;
      case wire::Kind::complex:
        sum += reader.imaginary() > 0 ? 1 : 0;
        break;
      case wire::Kind::array:
      case wire::Kind::shared_string:
      case wire::Kind::shared_bytes:
        for (const std::byte byte : reader.array().bytes) sum += static_cast<std::uint64_t>(byte);
        break;
      default:
        break;
    }
  }
  return sum;
}

std::uint64_t read(const flatbuffers::String* text) { return text != nullptr ? text->str().size() : 0; }

// Looks at every byte that the message gives access to.
std::uint64_t read(const Message& message) {
  std::uint64_t sum = 0;
  if (const auto* request = message.as<wire::Request>()) {
    sum += request->id() + request->under() + static_cast<std::uint64_t>(request->want()) + request->keep();
    if (request->steps() != nullptr) {
      for (const auto* step : *request->steps())
        sum += static_cast<std::uint64_t>(step->op()) + step->positional() + step->named();
    }
    sum += read(ValueReader(*request));
  } else if (const auto* reply = message.as<wire::Reply>()) {
    sum += reply->id() + read(ValueReader(*reply));
  } else if (const auto* failure = message.as<wire::Failure>()) {
    if (failure->exceptions() != nullptr) {
      for (const auto* one : *failure->exceptions()) {
        sum += one->object() + one->host_exception() + one->notes() + one->bases() + one->cause() + one->context();
      }
    }
    sum += failure->id() + read(ValueReader(*failure));
  } else if (const auto* release = message.as<wire::Release>()) {
    if (release->objects() != nullptr) {
      for (const auto id : *release->objects()) sum += id;
    }
    if (release->callables() != nullptr) {
      for (const auto* one : *release->callables()) sum += one->id() + one->count();
    }
    if (release->blocks() != nullptr) {
      for (const auto* one : *release->blocks()) sum += one->arena_high() + one->generation() + one->count();
    }
    if (release->segments() != nullptr) {
      for (const auto segment : *release->segments()) sum += segment;
    }
  } else if (const auto* output = message.as<wire::Output>()) {
    if (output->text() != nullptr) {
      for (const auto byte : *output->text()) sum += byte;
    }
  } else if (const auto* hello = message.as<wire::Hello>()) {
    const HelloInfo info = HelloInfo::read(*hello);
    sum += info.version.size() + read(hello->releaselevel());
  }
  return sum;
}

// Either refused, or read without a fault; that there is none, the sanitizers see.
void expect_no_fault(wire::MessageKind kind, const Bytes& bytes) {
  try {
    static_cast<void>(read(Message({kind, bytes})));
  } catch (const BadMessage&) {
  }
}

TEST(Message, CarriesWhatWasPutIn) {
  auto messages = all_kinds();
  const Message request(messages["request"]);
  const auto& body = *request.as<wire::Request>();
  EXPECT_EQ(body.id(), 3u);
  EXPECT_EQ(body.under(), 4u);
  EXPECT_EQ(body.want(), wire::Want::object);
  EXPECT_TRUE(body.keep());
  ASSERT_EQ(body.steps()->size(), 2u);
  EXPECT_EQ(body.steps()->Get(1)->named(), 1u);
  EXPECT_EQ(request.as<wire::Reply>(), nullptr);

  const Message failure(messages["failure"]);
  ValueReader texts(*failure.as<wire::Failure>());
  for (const char* expected : {"KeyError", "'x'", "Traceback ...", "a note", "another", "KeyError", "LookupError"}) {
    EXPECT_EQ(texts.expect_string(), expected);
  }
  EXPECT_EQ(failure.as<wire::Failure>()->exceptions()->Get(1)->object(), 7u);
  EXPECT_EQ(failure.as<wire::Failure>()->exceptions()->Get(1)->bases(), 3u);

  EXPECT_EQ(ValueReader(*Message(messages["empty reply"]).as<wire::Reply>()).roots(), 0u);
  EXPECT_EQ(Message(messages["release"]).as<wire::Release>()->blocks()->Get(0)->arena_pid(), 10);
  EXPECT_EQ(HelloInfo::read(*Message(messages["hello"]).as<wire::Hello>()).version, "1.2.3");
  EXPECT_EQ(Message(messages["bye"]).kind(), wire::MessageKind::Bye);
}

TEST(Message, MovesWhateverItsSize) {
  MessageBuilder builder;
  for (const std::size_t size : {std::size_t{0}, std::size_t{10}, std::size_t{100'000}}) {
    const std::string text(size, 'x');
    Message first(builder.output(wire::Stream::out, text));
    Message second(std::move(first));
    EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): what is left is specified
    Message third(builder.bye());
    third = std::move(second);
    Message& alias = third;
    third = std::move(alias);
    EXPECT_EQ(third.as<wire::Output>()->text()->size(), size);
    third = Message(builder.bye());
    EXPECT_EQ(third.kind(), wire::MessageKind::Bye);
  }
}

TEST(Message, RefusesWhatIsNone) {
  for (int kind = 0; kind < 10; ++kind) {
    const auto claimed = static_cast<wire::MessageKind>(kind);
    EXPECT_THROW(Message({claimed, {}}), BadMessage);
    for (const std::size_t size : {1u, 4u, 8u, 64u, 1000u}) {
      EXPECT_THROW(Message({claimed, Bytes(size, 0)}), BadMessage);
      EXPECT_THROW(Message({claimed, Bytes(size, 0xff)}), BadMessage);
    }
  }
}

// A frame may call it what it is not.
TEST(Message, OfAnotherKindDoesNoHarm) {
  for (const auto& [name, message] : all_kinds()) {
    for (int kind = 0; kind < 10; ++kind) expect_no_fault(static_cast<wire::MessageKind>(kind), message.bytes);
  }
}

TEST(Message, CutOffAnywhereDoesNoHarm) {
  for (const auto& [name, message] : all_kinds()) {
    const auto& bytes = message.bytes;
    for (auto end = bytes.begin(); end != bytes.end(); ++end) expect_no_fault(message.kind, {bytes.begin(), end});
  }
}

TEST(Message, WithAnyByteChangedDoesNoHarm) {
  for (const auto& [name, message] : all_kinds()) {
    const auto& bytes = message.bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      for (const unsigned change : {0x01u, 0x04u, 0x10u, 0x80u, 0xffu}) {
        Bytes changed = bytes;
        changed[i] = static_cast<std::uint8_t>(changed[i] ^ change);
        expect_no_fault(message.kind, changed);
      }
      for (const std::uint8_t value : {std::uint8_t{0x00}, std::uint8_t{0x7f}}) {
        Bytes changed = bytes;
        changed[i] = value;
        expect_no_fault(message.kind, changed);
      }
    }
  }
}

// FlatBuffers' verifier does not look at this.
TEST(Message, RefusesVectorsThatAreNotAligned) {
  for (std::size_t shift = 0; shift < 8; ++shift) {
    flatbuffers::FlatBufferBuilder builder;
    const auto bytes = builder.CreateVector(Bytes(16, 1));
    builder.Pad(shift);
    builder.Finish(wire::CreateReply(builder, 1, 0, bytes, 0, 0));
    try {
      const Message received({wire::MessageKind::Reply, {builder.GetBufferPointer(), builder.GetSize()}});
      const auto& reply = *received.as<wire::Reply>();
      const ValueReader reader(reply);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(reply.bytes()->data()) % 8, 0u);
    } catch (const BadMessage&) {
    }
  }
}

TEST(Message, RefusesToBeTooLarge) {
  MessageBuilder builder;
  const char byte = 0;
  const std::string_view huge(&byte, max_message_size + 1);  // refused before anybody looks
  try {
    builder.output(wire::Stream::out, huge);
    ADD_FAILURE() << "it was built";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
  }
  EXPECT_EQ(Message(builder.bye()).kind(), wire::MessageKind::Bye);  // the builder is as good as new
}

TEST(Message, ABuilderServesAgainAfterAHugeMessage) {
  MessageBuilder builder;
  const std::string text(4 << 20, 'x');
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Message(builder.output(wire::Stream::out, text)).as<wire::Output>()->text()->size(), text.size());
    EXPECT_EQ(Message(builder.reply(9, some_values())).as<wire::Reply>()->id(), 9u);
    EXPECT_FALSE(Message(builder.reply(9, some_values())).as<wire::Reply>()->more());
    EXPECT_TRUE(Message(builder.reply(9, some_values(), true)).as<wire::Reply>()->more());
  }
}

TEST(Message, TheProtocolsHashIsSomething) {
  EXPECT_NE(protocol_hash(), 0u);
  EXPECT_EQ(protocol_hash(), protocol_hash());
}

}  // namespace
}  // namespace py4cpp::test
