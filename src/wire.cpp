#include "wire.hpp"

#include <bit>
#include <cstring>

namespace py4cpp {

namespace {

// The elements of an inline array start at a multiple of this in the byte pool, which itself starts at one of 8.
constexpr std::size_t inline_alignment = 8;

constexpr bool takes_text(wire::Kind kind) {
  return kind == wire::Kind::string || kind == wire::Kind::bytes || kind == wire::Kind::big_integer;
}

constexpr bool takes_array(wire::Kind kind) {
  return kind == wire::Kind::array || kind == wire::Kind::shared_string || kind == wire::Kind::shared_bytes;
}

bool has(wire::ArrayFlags flags, wire::ArrayFlags flag) { return (flags & flag) != wire::ArrayFlags::NONE; }

// Every element must lie inside [0, size) when the one with all indices 0 is at `offset`.
void check_inside(const Layout& layout, std::uint64_t offset, std::uint64_t size) {
  const Layout::Span span = layout.span();
  const std::uint64_t before = span.first < 0 ? 0 - static_cast<std::uint64_t>(span.first) : 0;
  const std::uint64_t after = span.past > 0 ? static_cast<std::uint64_t>(span.past) : 0;
  if (offset > size || before > offset || after > size - offset) {
    throw BadMessage("an array reaches outside its block");
  }
}

}  // namespace

std::uint64_t children(wire::Kind kind, std::uint64_t bits) {
  switch (kind) {
    case wire::Kind::list:
    case wire::Kind::tuple:
    case wire::Kind::set:
    case wire::Kind::frozenset:
      return bits;
    case wire::Kind::dict:
      if (bits > UINT64_MAX / 2) throw BadMessage("a dict of impossible size");
      return 2 * bits;
    case wire::Kind::slice:
      return 3;
    case wire::Kind::timedelta:
      return 2;
    case wire::Kind::callable:
      return 1;
    default:
      return 0;
  }
}

// ---- writing

void ValueWriter::big_integer(std::string_view signed_hex) { text(wire::Kind::big_integer, signed_hex); }

void ValueWriter::floating(double value) { node(wire::Kind::floating, std::bit_cast<std::uint64_t>(value)); }

void ValueWriter::complex(double real, double imaginary) {
  node(wire::Kind::complex, std::bit_cast<std::uint64_t>(real));
  append(&imaginary, sizeof imaginary);
}

void ValueWriter::timedelta(std::int64_t days, std::int64_t microseconds) {
  node(wire::Kind::timedelta, 0);
  integer(days);
  integer(microseconds);
}

void ValueWriter::object(std::uint64_t id) {
  objects_.push_back(id);
  node(wire::Kind::object, id);
}

void ValueWriter::callable(std::uint64_t id) {
  callables_.push_back(id);
  node(wire::Kind::callable, id);
}

void ValueWriter::dimensions(const Layout& layout) {
  for (std::size_t i = 0; i < layout.shape.size(); ++i) {
    dims_.emplace_back(static_cast<std::int64_t>(layout.shape[i]), static_cast<std::int64_t>(layout.strides[i]));
  }
}

void ValueWriter::array(const Layout& layout, const std::byte* data, bool writable, const std::shared_ptr<Block>& block,
                        bool copied) {
  const auto flags = (writable ? wire::ArrayFlags::writable : wire::ArrayFlags::NONE) |
                     (copied ? wire::ArrayFlags::copied : wire::ArrayFlags::NONE);
  const BlockPlace& place = block->place();
  node(wire::Kind::array, 0);
  arrays_.emplace_back(place.arena.high, place.arena.low, place.generation, place.offset, place.size,
                       static_cast<std::uint64_t>(data - block->data()), place.arena.pid, place.segment,
                       static_cast<std::uint8_t>(layout.dtype.code()), flags,
                       static_cast<std::uint16_t>(layout.shape.size()));
  dimensions(layout);
  blocks_.push_back(block);
}

void ValueWriter::shared_text(wire::Kind kind, const std::shared_ptr<Block>& block, std::size_t size) {
  array(Layout::row_major(uint8, {size}), block->data(), false, block);
  nodes_.back() = wire::Node(kind, 0);
}

std::byte* ValueWriter::inline_array(const Layout& layout, bool writable) {
  node(wire::Kind::array, 0);
  const auto flags = wire::ArrayFlags::inline_data | (writable ? wire::ArrayFlags::writable : wire::ArrayFlags::NONE);
  arrays_.emplace_back(0, 0, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(layout.dtype.code()), flags,
                       static_cast<std::uint16_t>(layout.shape.size()));
  dimensions(Layout::row_major(layout.dtype, layout.shape));
  const std::size_t gap = (inline_alignment - bytes_.size() % inline_alignment) % inline_alignment;
  std::uint8_t* const start = bytes_.extend(gap + layout.nbytes());
  std::memset(start, 0, gap);
  return reinterpret_cast<std::byte*>(start + gap);
}

void ValueWriter::clear() noexcept {
  nodes_.clear();
  bytes_.clear();
  arrays_.clear();
  dims_.clear();
  blocks_.clear();
  callables_.clear();
  objects_.clear();
}

std::size_t ValueWriter::size_estimate() const noexcept {
  return nodes_.size() * sizeof(wire::Node) + bytes_.size() + arrays_.size() * sizeof(wire::Array) +
         dims_.size() * sizeof(wire::Dim);
}

// ---- reading

namespace {

// FlatBuffers' verifier has checked that a vector lies inside the message, not that what it holds is aligned.
template <class Element, class T>
const Element* elements(const flatbuffers::Vector<T>* vector, std::size_t& count) {
  if (vector == nullptr || vector->size() == 0) return nullptr;
  if (reinterpret_cast<std::uintptr_t>(vector->Data()) % 8 != 0) throw BadMessage("values that are not aligned");
  count = vector->size();
  return reinterpret_cast<const Element*>(vector->Data());
}

}  // namespace

ValueReader::ValueReader(const Vector<const wire::Node*>* nodes, const Vector<std::uint8_t>* bytes,
                         const Vector<const wire::Array*>* arrays, const Vector<const wire::Dim*>* dims) {
  nodes_ = elements<wire::Node>(nodes, node_count_);
  bytes_ = elements<std::uint8_t>(bytes, byte_count_);
  arrays_ = elements<wire::Array>(arrays, array_count_);
  dims_ = elements<wire::Dim>(dims, dim_count_);
  check();
}

// The counts of children must add up, and no sum can wrap: each is at most the number of nodes that follow. And walks
// the pools as a reader will, so that reading never runs out.
void ValueReader::check() {
  ValueReader walk = *this;
  std::uint64_t open = 0;  // children still to come before the next root
  while (!walk.done()) {
    const Node node = walk.next();
    if (node.kind > wire::Kind::MAX) throw BadMessage("a value of unknown kind");
    const std::uint64_t more = children(node.kind, node.bits);
    const std::uint64_t left = node_count_ - walk.node_;
    if (open == 0) {
      ++roots_;
    } else {
      --open;
    }
    if (more > left || open > left - more) throw BadMessage("a container is cut off");
    open += more;
    walk.check_pools(node);
  }
  if (open != 0) throw BadMessage("a container is cut off");
}

void ValueReader::check_pools(const Node& node) {
  if (takes_text(node.kind)) {
    text(node);
  } else if (node.kind == wire::Kind::complex) {
    imaginary();
  } else if (takes_array(node.kind)) {
    const ArrayPlace place = array();
    if (node.kind == wire::Kind::array) return;
    if (place.is_inline || place.layout.dtype != uint8 || place.layout.shape.size() != 1 ||
        !place.layout.contiguous()) {
      throw BadMessage("shared text that is no row of bytes");
    }
  }
}

double ValueReader::Node::floating() const noexcept { return std::bit_cast<double>(bits); }

void ValueReader::throw_missing() { throw BadMessage("a value is missing"); }

const std::uint8_t* ValueReader::take_bytes(std::uint64_t count) {
  if (count > byte_count_ - byte_) throw BadMessage("text is cut off");
  const std::uint8_t* first = count > 0 ? bytes_ + byte_ : nullptr;
  byte_ += static_cast<std::size_t>(count);
  return first;
}

std::string_view ValueReader::text(const Node& node) {
  const std::uint8_t* first = take_bytes(node.bits);
  return {reinterpret_cast<const char*>(first), static_cast<std::size_t>(node.bits)};
}

std::string_view ValueReader::expect_string() {
  const Node node = next();
  if (node.kind != wire::Kind::string) throw BadMessage("text is missing");
  return text(node);
}

double ValueReader::imaginary() {
  double value = 0;
  std::memcpy(&value, take_bytes(sizeof value), sizeof value);
  return value;
}

ArrayPlace ValueReader::array() {
  if (array_ >= array_count_) throw BadMessage("an array is missing");
  const wire::Array& sent = arrays_[array_++];
  const auto dtype = DType::from_code(sent.dtype());
  if (!dtype) throw BadMessage("an unknown dtype");
  if (sent.dimensions() > Layout::max_dimensions) throw BadMessage("an array of too many dimensions");
  if (sent.dimensions() > dim_count_ - dim_) throw BadMessage("an array's shape is cut off");

  ArrayPlace place;
  place.layout.dtype = *dtype;
  place.layout.shape.reserve(sent.dimensions());
  place.layout.strides.reserve(sent.dimensions());
  for (std::size_t i = 0; i < sent.dimensions(); ++i, ++dim_) {
    const wire::Dim& dim = dims_[dim_];
    if (dim.extent() < 0) throw BadMessage("a negative extent");
    place.layout.shape.push_back(static_cast<std::size_t>(dim.extent()));
    place.layout.strides.push_back(static_cast<std::ptrdiff_t>(dim.stride()));
  }
  place.writable = has(sent.flags(), wire::ArrayFlags::writable);
  place.is_inline = has(sent.flags(), wire::ArrayFlags::inline_data);
  place.copied = has(sent.flags(), wire::ArrayFlags::copied);
  try {
    if (place.is_inline) {
      if (!place.layout.contiguous()) throw BadMessage("an inline array with gaps");
      take_bytes((inline_alignment - byte_ % inline_alignment) % inline_alignment);
      const std::size_t size = place.layout.nbytes();
      place.bytes = {reinterpret_cast<const std::byte*>(take_bytes(size)), size};
    } else {
      place.block = {{sent.arena_high(), sent.arena_low(), sent.arena_pid()},
                     sent.generation(),
                     sent.segment(),
                     sent.block_offset(),
                     sent.block_size()};
      place.data_offset = sent.data_offset();
      check_inside(place.layout, place.data_offset, place.block.size);
    }
  } catch (const BadMessage&) {
    throw;
  } catch (const Error& error) {  // the layout's arithmetic doesn't fit
    throw BadMessage(error.what());
  }
  return place;
}

void ValueReader::skip() {
  for (std::uint64_t open = 1; open > 0; --open) {
    const Node node = next();
    open += children(node.kind, node.bits);
    if (takes_text(node.kind)) text(node);
    if (node.kind == wire::Kind::complex) imaginary();
    if (takes_array(node.kind)) array();
  }
}

}  // namespace py4cpp
