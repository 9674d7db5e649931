// Values written and read back; and what a reader makes of nonsense.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "arena.hpp"
#include "message.hpp"

namespace py4cpp::test {
namespace {

using wire::Kind;

// A message with the values: what the other side receives.
class Sent {
 public:
  explicit Sent(const ValueWriter& values) : message_(MessageBuilder().reply(1, values)) {}
  const wire::Reply& values() const { return *message_.as<wire::Reply>(); }

 private:
  Message message_;
};

// The flat vectors as they are, however wrong.
struct Raw {
  std::vector<wire::Node> nodes;
  std::vector<std::uint8_t> bytes;
  std::vector<wire::Array> arrays;
  std::vector<wire::Dim> dims;

  Message message() const {
    flatbuffers::FlatBufferBuilder builder;
    const auto packed_nodes = builder.CreateVectorOfStructs(nodes);
    builder.ForceVectorAlignment(bytes.size(), 1, 8);
    const auto packed_bytes = builder.CreateVector(bytes);
    const auto packed_arrays = builder.CreateVectorOfStructs(arrays);
    const auto packed_dims = builder.CreateVectorOfStructs(dims);
    builder.Finish(wire::CreateReply(builder, 1, packed_nodes, packed_bytes, packed_arrays, packed_dims));
    return Message({wire::MessageKind::Reply, {builder.GetBufferPointer(), builder.GetSize()}});
  }

  void expect_refused() const {
    const Message sent = message();
    EXPECT_THROW(ValueReader(*sent.as<wire::Reply>()), BadMessage);
  }
};

wire::Array inline_array(DType dtype, std::uint16_t dimensions) {
  return {0, 0, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(dtype.code()), wire::ArrayFlags::inline_data, dimensions};
}

wire::Array block_array(DType dtype, std::uint16_t dimensions, std::uint64_t block_size, std::uint64_t data_offset) {
  return {1,
          2,
          3,
          0,
          block_size,
          data_offset,
          4,
          5,
          static_cast<std::uint8_t>(dtype.code()),
          wire::ArrayFlags::NONE,
          dimensions};
}

// ---- what is written is read

TEST(Wire, Scalars) {
  ValueWriter writer;
  writer.none();
  writer.boolean(true);
  writer.integer(std::numeric_limits<std::int64_t>::min());
  writer.floating(-0.0);
  writer.floating(std::nan(""));
  writer.complex(1.5, -2.5);
  writer.big_integer("-1f00000000000000000000");
  writer.timedelta(-3, 999'999);
  writer.slice();
  for (int i = 0; i < 3; ++i) writer.integer(i);
  writer.object(77);
  writer.callable(88);
  writer.none();
  const Sent sent(writer);
  ValueReader reader(sent.values());
  EXPECT_EQ(reader.roots(), 11u);
  EXPECT_EQ(reader.next().kind, Kind::none);
  EXPECT_EQ(reader.next().bits, 1u);
  EXPECT_EQ(reader.next().integer(), std::numeric_limits<std::int64_t>::min());
  EXPECT_TRUE(std::signbit(reader.next().floating()));
  EXPECT_TRUE(std::isnan(reader.next().floating()));
  EXPECT_EQ(reader.next().floating(), 1.5);
  EXPECT_EQ(reader.imaginary(), -2.5);
  EXPECT_EQ(reader.text(reader.next()), "-1f00000000000000000000");
  EXPECT_EQ(reader.next().kind, Kind::timedelta);
  EXPECT_EQ(reader.next().integer(), -3);
  EXPECT_EQ(reader.next().integer(), 999'999);
  EXPECT_EQ(reader.next().kind, Kind::slice);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(reader.next().integer(), i);
  EXPECT_EQ(reader.next().bits, 77u);
  EXPECT_EQ(reader.peek().kind, Kind::callable);
  reader.skip();
  EXPECT_TRUE(reader.done());
  EXPECT_THROW(reader.next(), BadMessage);
  EXPECT_THROW(reader.peek(), BadMessage);
  EXPECT_EQ(writer.objects(), std::vector<std::uint64_t>{77});
  EXPECT_EQ(writer.callables(), std::vector<std::uint64_t>{88});
}

TEST(Wire, TextOfAnySizeAndContent) {
  ValueWriter writer;
  writer.string("");
  writer.string(std::string("a\0b", 3));
  writer.bytes(std::string(100'000, '\xff'));
  writer.string("\xed\xa0\x80");  // a surrogate
  const Sent sent(writer);
  ValueReader reader(sent.values());
  EXPECT_EQ(reader.expect_string(), "");
  EXPECT_EQ(reader.expect_string(), std::string_view("a\0b", 3));
  EXPECT_THROW(ValueReader(reader).expect_string(), BadMessage);  // it is bytes
  EXPECT_EQ(reader.text(reader.next()).size(), 100'000u);
  EXPECT_EQ(reader.expect_string(), "\xed\xa0\x80");
}

TEST(Wire, Containers) {
  ValueWriter writer;
  writer.begin(Kind::dict, 2);
  writer.string("k");
  writer.begin(Kind::list, 0);
  writer.integer(1);
  writer.begin(Kind::tuple, 1);
  writer.begin(Kind::set, 1);
  writer.begin(Kind::frozenset, 1);
  writer.string("deep");
  writer.string("after");
  const Sent sent(writer);
  ValueReader reader(sent.values());
  EXPECT_EQ(reader.roots(), 2u);
  ValueReader skipping = reader;
  skipping.skip();
  EXPECT_EQ(skipping.expect_string(), "after");
  EXPECT_EQ(reader.next().bits, 2u);
  EXPECT_EQ(reader.expect_string(), "k");
}

TEST(Wire, ArraysInside) {
  ValueWriter writer;
  writer.string("odd");  // so that the array's elements don't start at a multiple of 8 by chance
  const Layout layout = Layout::row_major(float64, {2, 3});
  const std::vector<double> elements{1, 2, 3, 4, 5, 6};
  std::memcpy(writer.inline_array(layout, true), elements.data(), layout.nbytes());
  writer.inline_array(Layout::row_major(uint8, {0, 5}), false);
  *writer.inline_array(Layout::row_major(boolean, {}), false) = std::byte{1};
  writer.string("after");
  const Sent sent(writer);
  ValueReader reader(sent.values());
  EXPECT_EQ(reader.expect_string(), "odd");
  EXPECT_EQ(reader.next().kind, Kind::array);
  const ArrayPlace place = reader.array();
  EXPECT_EQ(place.layout, layout);
  EXPECT_TRUE(place.writable);
  ASSERT_EQ(place.bytes.size(), layout.nbytes());
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(place.bytes.data()) % 8, 0u);
  EXPECT_EQ(std::memcmp(place.bytes.data(), elements.data(), layout.nbytes()), 0);
  reader.next();
  EXPECT_EQ(reader.array().layout.shape, (Shape{0, 5}));
  reader.next();
  EXPECT_EQ(reader.array().bytes.size(), 1u);
  EXPECT_EQ(reader.expect_string(), "after");
}

TEST(Wire, ArraysInBlocks) {
  const auto arena = std::make_shared<Arena>();
  const auto block = arena->allocate(4096);
  ValueWriter writer;
  Layout reversed{int32, {10, 3}, {-3, 1}};
  writer.array(reversed, block->data() + 9 * 3 * 4, true, block);
  writer.shared_text(Kind::shared_string, block, 4096);
  EXPECT_EQ(writer.blocks().size(), 2u);
  const Sent sent(writer);
  ValueReader reader(sent.values());
  reader.next();
  const ArrayPlace place = reader.array();
  EXPECT_EQ(place.layout, reversed);
  EXPECT_EQ(place.block, block->place());
  EXPECT_EQ(place.data_offset, 9u * 3 * 4);
  EXPECT_FALSE(place.is_inline);
  EXPECT_EQ(reader.next().kind, Kind::shared_string);
  EXPECT_EQ(reader.array().layout.shape, Shape{4096});
  writer.clear();
  EXPECT_TRUE(writer.blocks().empty());
  EXPECT_EQ(writer.size_estimate(), 0u);
}

TEST(Wire, NoValues) {
  ValueReader reader;
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(reader.roots(), 0u);
  EXPECT_THROW(reader.next(), BadMessage);
  EXPECT_THROW(reader.array(), BadMessage);
}

// ---- nonsense

TEST(Wire, RefusesWhatIsCutOff) {
  ValueWriter writer;
  writer.begin(Kind::dict, 2);
  writer.string("first");
  writer.complex(1, 2);
  writer.string("second");
  writer.inline_array(Layout::row_major(float64, {2, 2}), false);
  const auto copy_of = []<class T>(const PlainVector<T>& row) { return std::vector<T>(row.begin(), row.end()); };
  const Raw whole{copy_of(writer.nodes()), copy_of(writer.byte_pool()), copy_of(writer.arrays()),
                  copy_of(writer.dims())};
  EXPECT_NO_THROW(ValueReader(*whole.message().as<wire::Reply>()));
  for (std::size_t left = 0; left < whole.nodes.size(); ++left) {
    Raw cut = whole;
    cut.nodes.resize(left);
    if (left > 0) cut.expect_refused();
  }
  for (std::size_t left = 0; left < whole.bytes.size(); ++left) {
    Raw cut = whole;
    cut.bytes.resize(left);
    cut.expect_refused();
  }
  Raw cut = whole;
  cut.arrays.clear();
  cut.expect_refused();
  for (const std::size_t left : {0u, 1u}) {
    cut = whole;
    cut.dims.erase(cut.dims.begin() + static_cast<std::ptrdiff_t>(left), cut.dims.end());
    cut.expect_refused();
  }
}

TEST(Wire, RefusesCountsThatDoNotAddUp) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  for (const Kind kind : {Kind::list, Kind::tuple, Kind::set, Kind::frozenset, Kind::dict}) {
    for (const std::uint64_t count :
         {std::uint64_t{2}, std::uint64_t{1} << 32, std::uint64_t{1} << 63, most / 2, most}) {
      Raw raw;
      raw.nodes.emplace_back(kind, count);
      raw.nodes.emplace_back(Kind::none, 0);
      raw.expect_refused();
    }
  }
  // Sums that would wrap round to something small.
  for (const std::uint64_t count : {most, most - 1, most / 2 + 1}) {
    Raw raw;
    raw.nodes.emplace_back(Kind::list, 3);
    raw.nodes.emplace_back(Kind::list, count);
    raw.nodes.emplace_back(Kind::list, count);
    raw.nodes.emplace_back(Kind::none, 0);
    raw.expect_refused();
  }
  for (const Kind kind : {Kind::slice, Kind::timedelta, Kind::callable}) {
    Raw raw;
    raw.nodes.emplace_back(kind, 0);
    raw.expect_refused();
  }
  Raw unknown;
  unknown.nodes.emplace_back(static_cast<Kind>(static_cast<int>(Kind::MAX) + 1), 0);
  unknown.expect_refused();
}

TEST(Wire, RefusesTextLongerThanThePool) {
  for (const Kind kind : {Kind::string, Kind::bytes, Kind::big_integer}) {
    for (const std::uint64_t size : {std::uint64_t{5}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
      Raw raw;
      raw.bytes.resize(4);
      raw.nodes.emplace_back(kind, size);
      raw.expect_refused();
      raw.nodes.insert(raw.nodes.begin(), wire::Node(Kind::string, 3));
      raw.expect_refused();
    }
  }
}

TEST(Wire, RefusesArraysThatCannotBe) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  const auto refuse = [](const wire::Array& array, std::vector<wire::Dim> dims, std::size_t bytes = 64) {
    Raw raw;
    raw.nodes.emplace_back(Kind::array, 0);
    raw.bytes.resize(bytes);
    raw.arrays.push_back(array);
    raw.dims = std::move(dims);
    raw.expect_refused();
  };
  // Inside: extents whose product wraps or doesn't fit, gaps, negative extents, too few bytes.
  refuse(inline_array(float64, 1), {{9, 1}});
  refuse(inline_array(float64, 1), {{-1, 1}});
  refuse(inline_array(float64, 1), {{2, 2}});
  refuse(inline_array(float64, 1), {{most, 1}});
  refuse(inline_array(float64, 2), {{std::int64_t{1} << 61, 1}, {8, 1}});
  refuse(inline_array(uint8, 2), {{std::int64_t{1} << 32, std::int64_t{1} << 32}, {std::int64_t{1} << 32, 1}});
  refuse(inline_array(float64, 2), {{std::int64_t{1} << 33, std::int64_t{1} << 31}, {std::int64_t{1} << 31, 1}});
  // In a block: elements before its start or after its end, whatever way the arithmetic goes.
  refuse(block_array(float64, 1, 64, 0), {{9, 1}});
  refuse(block_array(float64, 1, 64, 8), {{8, 1}});
  refuse(block_array(float64, 1, 64, 72), {{0, 1}});
  refuse(block_array(float64, 1, 64, 0), {{2, -1}});
  refuse(block_array(float64, 0, 64, 57), {});
  refuse(block_array(float64, 1, 64, ~std::uint64_t{0}), {{1, 1}});
  refuse(block_array(float64, 1, 64, 0), {{2, most}});
  refuse(block_array(float64, 1, 64, 0), {{2, std::numeric_limits<std::int64_t>::min()}});
  refuse(block_array(float64, 1, ~std::uint64_t{0}, 0), {{most, most}});
  refuse(block_array(float64, 2, ~std::uint64_t{0}, 0),
         {{std::int64_t{1} << 32, std::int64_t{1} << 31}, {2, most / 8}});
  // A dtype that isn't one; more dimensions than there may be.
  refuse({1, 2, 3, 0, 64, 0, 4, 5, static_cast<std::uint8_t>(DType::Code::bfloat16) + 1, wire::ArrayFlags::NONE, 1},
         {{1, 1}});
  refuse(inline_array(uint8, 65), std::vector<wire::Dim>(65, {1, 1}));
  refuse(block_array(uint8, 65, 64, 0), std::vector<wire::Dim>(65, {1, 1}));
}

TEST(Wire, RefusesSharedTextThatIsNoRowOfBytes) {
  const auto refuse = [](const wire::Array& array, std::vector<wire::Dim> dims) {
    Raw raw;
    raw.nodes.emplace_back(Kind::shared_string, 0);
    raw.bytes.resize(64);
    raw.arrays.push_back(array);
    raw.dims = std::move(dims);
    raw.expect_refused();
  };
  refuse(inline_array(uint8, 1), {{8, 1}});
  refuse(block_array(int32, 1, 64, 0), {{8, 1}});
  refuse(block_array(uint8, 1, 64, 0), {{8, 2}});
  refuse(block_array(uint8, 2, 64, 0), {{8, 1}, {1, 1}});
  refuse(block_array(uint8, 0, 64, 0), {});
}

TEST(Wire, TakesHugeBombsInLinearTime) {
  // A list of lists of lists ..., and a million empty ones side by side: neither recursion nor more than one look each.
  ValueWriter deep;
  for (int i = 0; i < 1'000'000; ++i) deep.begin(Kind::list, 1);
  deep.none();
  const Sent sent_deep(deep);
  ValueReader reader(sent_deep.values());
  EXPECT_EQ(reader.roots(), 1u);
  reader.skip();
  EXPECT_TRUE(reader.done());

  ValueWriter wide;
  wide.begin(Kind::list, 1'000'000);
  for (int i = 0; i < 1'000'000; ++i) wide.begin(Kind::dict, 0);
  const Sent sent_wide(wide);
  ValueReader other(sent_wide.values());
  EXPECT_EQ(other.roots(), 1u);
  other.skip();
  EXPECT_TRUE(other.done());
}

}  // namespace
}  // namespace py4cpp::test
