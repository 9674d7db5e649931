#include "codec.hpp"

#include "arena.hpp"
#include "fresh_copy.hpp"

#include <py4cpp/any_array.hpp>
#include <py4cpp/big_int.hpp>
#include <py4cpp/convert_chrono.hpp>

#include <complex>
#include <cstring>
#include <limits>
#include <list>
#include <optional>
#include <string>
#include <utility>

namespace py4cpp {

namespace {

// ---- sending

class Encoder {
 public:
  Encoder(ValueWriter& writer, Linkage& linkage, std::vector<std::shared_ptr<ObjectState>>* held)
      : writer_(writer), linkage_(linkage), held_(held) {}

  void run(const Value& value) {
    write(value);
    while (!open_.empty()) {
      Open& top = open_.back();
      const Value* next = top.take();
      if (next == nullptr) {
        open_.pop_back();
      } else {
        write(*next);  // may reallocate open_: `top` is not used after it
      }
    }
  }

 private:
  // A container whose children are being written: a row of values, or of pairs.
  struct Open {
    const Value* value = nullptr;
    const Value* value_end = nullptr;
    const Dict::value_type* pair = nullptr;
    const Dict::value_type* pair_end = nullptr;
    bool key_written = false;

    const Value* take() {
      if (value != value_end) return value++;
      if (pair == pair_end) return nullptr;
      key_written = !key_written;
      return key_written ? &pair->first : &(pair++)->second;
    }
  };

  template <class Items>
  void open_row(wire::Kind kind, const Items& items) {
    writer_.begin(kind, items.size());
    if (!items.empty()) open_.push_back({items.begin(), items.end()});
  }

  void write(const Value& value) {
    switch (value.kind()) {
      case Kind::none:
        return writer_.none();
      case Kind::boolean:
        return writer_.boolean(*value.get_if<bool>());
      case Kind::integer:
        return writer_.integer(*value.get_if<std::int64_t>());
      case Kind::floating:
        return writer_.floating(*value.get_if<double>());
      case Kind::complex: {
        const auto& z = *value.get_if<std::complex<double>>();
        return writer_.complex(z.real(), z.imag());
      }
      case Kind::big_integer:
        return write_big(*value.get_if<BigInt>());
      case Kind::string:
        return write_text(wire::Kind::string, value.text());
      case Kind::bytes: {
        const Bytes& bytes = *value.get_if<Bytes>();
        return write_text(wire::Kind::bytes, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      }
      case Kind::list:
        return open_row(wire::Kind::list, *value.get_if<List>());
      case Kind::tuple:
        return open_row(wire::Kind::tuple, *value.get_if<Tuple>());
      case Kind::set: {
        const Set& set = *value.get_if<Set>();
        return open_row(set.frozen() ? wire::Kind::frozenset : wire::Kind::set, set);
      }
      case Kind::dict: {
        const Dict& dict = *value.get_if<Dict>();
        writer_.begin(wire::Kind::dict, dict.size());
        if (!dict.empty()) open_.push_back({nullptr, nullptr, dict.begin(), dict.end()});
        return;
      }
      case Kind::array:
        return write_array(*value.get_if<AnyArray>());
      case Kind::object:
        return write_object(*value.get_if<Object>());
    }
  }

  void write_big(const BigInt& value) {
    const BigInt magnitude = value < 0 ? BigInt(-value) : value;
    writer_.big_integer((value < 0 ? "-" : "+") + magnitude.str(0, std::ios_base::hex));
  }

  void write_text(wire::Kind kind, std::string_view text) {
    if (text.size() <= inline_limit()) {
      return kind == wire::Kind::string ? writer_.string(text) : writer_.bytes(text);
    }
    const auto block = process_arena()->allocate(text.size());
    std::memcpy(block->data(), text.data(), text.size());
    writer_.shared_text(kind == wire::Kind::string ? wire::Kind::shared_string : wire::Kind::shared_bytes, block,
                        text.size());
  }

  void write_array(const AnyArray& array) {
    const ArrayState& state = *array.state();
    if (state.block) {
      writer_.array(state.layout, state.data, state.writable, state.block);
      return linkage_.count_array(true, array.nbytes());
    }
    if (array.nbytes() > inline_limit()) {  // elements on the heap that outgrew the limit since
      const AnyArray copy = AnyArray::allocate(array.dtype(), array.shape());
      array.copy_to(array.dtype(), copy.state()->data);
      writer_.array(copy.state()->layout, copy.state()->data, state.writable, copy.state()->block);
    } else {
      std::byte* elements = writer_.inline_array(state.layout, state.writable);
      if (array.size() > 0) array.copy_to(array.dtype(), elements);
    }
    linkage_.count_array(false, array.nbytes());
  }

  void write_object(const Object& object) {
    if (object.get() == nullptr) throw Error(ErrorKind::invalid, "an empty Object can't be an argument");
    const ObjectState& state = *object.get();
    switch (state.form()) {
      case ObjectState::Form::callable: {
        const auto& callable = static_cast<const CallableObject&>(state).callable();
        writer_.callable(linkage_.lend_callable(callable));
        return write_resolved(callable->face());
      }
      case ObjectState::Form::slice: {
        const auto& slice = static_cast<const SliceObject&>(state);
        writer_.slice();
        for (const Value* part : {&slice.step, &slice.stop, &slice.start}) open_.push_back({part, part + 1});
        return;
      }
      case ObjectState::Form::timedelta: {
        const auto& span = static_cast<const TimedeltaObject&>(state);
        return writer_.timedelta(span.days(), span.microseconds());
      }
      case ObjectState::Form::remote:
      case ObjectState::Form::other:
        break;
    }
    if (const std::uint64_t id = linkage_.object_id(state); id != 0) {
      if (held_ != nullptr) held_->push_back(object.state());
      return writer_.object(id);
    }
    write_resolved(linkage_.resolved(state));
  }

  void write_resolved(Value value) {
    resolved_.push_back(std::move(value));
    open_.push_back({&resolved_.back(), &resolved_.back() + 1});
  }

  ValueWriter& writer_;
  Linkage& linkage_;
  std::vector<std::shared_ptr<ObjectState>>* held_;
  std::vector<Open> open_;
  std::list<Value> resolved_;  // values that stand for others; open_ points into it
};

// ---- receiving

BigInt big_from(std::string_view text) {
  if (text.size() < 2 || (text[0] != '+' && text[0] != '-') ||
      text.find_first_not_of("0123456789abcdef", 1) != std::string_view::npos) {
    throw BadMessage("an integer that is none");
  }
  const BigInt magnitude("0x" + std::string(text.substr(1)));
  return text[0] == '-' ? BigInt(-magnitude) : magnitude;
}

Bytes bytes_from(std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return fresh_copy<Bytes>(first, text.size());
}

class Decoder {
 public:
  Decoder(ValueReader& reader, Linkage& linkage) : reader_(reader), linkage_(linkage) {}

  Value run() {
    std::optional<Value> value = read();
    for (;;) {
      if (!value) {
        value = read();
      } else if (open_.empty()) {
        return *std::move(value);
      } else if (open_.back().items.push_back(*std::exchange(value, std::nullopt)); open_.back().complete()) {
        Open whole = std::move(open_.back());
        open_.pop_back();
        value = close(std::move(whole));
      }
    }
  }

 private:
  struct Open {
    wire::Kind kind;
    std::size_t children;
    std::vector<Value> items;
    std::uint64_t callable = 0;
    bool complete() const { return items.size() == children; }
  };

  std::optional<Value> open(wire::Kind kind, std::uint64_t bits) {
    Open container{kind, static_cast<std::size_t>(children(kind, bits)), {}, bits};
    if (container.complete()) return close(std::move(container));
    container.items.reserve(container.children);
    open_.push_back(std::move(container));
    return std::nullopt;
  }

  // A whole value, or none if a container was opened.
  std::optional<Value> read() {
    const ValueReader::Node node = reader_.next();
    switch (node.kind) {
      case wire::Kind::none:
        return Value();
      case wire::Kind::boolean:
        return Value::make(node.bits != 0);
      case wire::Kind::integer:
        return Value::make(node.integer());
      case wire::Kind::big_integer:
        return Value(big_from(reader_.text(node)));
      case wire::Kind::floating:
        return Value::make(node.floating());
      case wire::Kind::complex:
        return Value::make(std::complex<double>(node.floating(), reader_.imaginary()));
      case wire::Kind::string:
        return Value::make(reader_.text(node));
      case wire::Kind::bytes:
        return Value::make(bytes_from(reader_.text(node)));
      case wire::Kind::shared_string:
      case wire::Kind::shared_bytes:
        return read_shared_text(node.kind);
      case wire::Kind::array:
        return Value::make(read_array());
      case wire::Kind::object:
        return Value::make(linkage_.object(node.bits));
      case wire::Kind::list:
      case wire::Kind::tuple:
      case wire::Kind::set:
      case wire::Kind::frozenset:
      case wire::Kind::dict:
      case wire::Kind::slice:
      case wire::Kind::timedelta:
      case wire::Kind::callable:
        return open(node.kind, node.bits);
    }
    throw BadMessage("a value of unknown kind");
  }

  Value close(Open&& whole) {
    switch (whole.kind) {
      case wire::Kind::list:
        return Value::make(List(std::move(whole.items)));
      case wire::Kind::tuple:
        return Value::make(Tuple(std::move(whole.items)));
      case wire::Kind::set:
        return Value::make(Set(std::move(whole.items)));
      case wire::Kind::frozenset:
        return Value::make(Set(std::move(whole.items)).freeze());
      case wire::Kind::slice:
        return Value::make(Object(SliceObject::make(whole.items[0], whole.items[1], whole.items[2])));
      case wire::Kind::callable:
        return Value::make(linkage_.callable(whole.callable));
      case wire::Kind::timedelta: {
        const auto* days = whole.items[0].get_if<std::int64_t>();
        const auto* microseconds = whole.items[1].get_if<std::int64_t>();
        if (days == nullptr || microseconds == nullptr) throw BadMessage("a timedelta without numbers");
        return Value::make(Object(std::make_shared<TimedeltaObject>(*days, *microseconds)));
      }
      default:
        break;
    }
    std::vector<std::pair<Value, Value>> pairs;
    pairs.reserve(whole.items.size() / 2);
    for (std::size_t i = 0; i + 1 < whole.items.size(); i += 2) {
      pairs.emplace_back(std::move(whole.items[i]), std::move(whole.items[i + 1]));
    }
    return Value::make(Dict(std::move(pairs)));
  }

  Value read_shared_text(wire::Kind kind) {
    const ArrayPlace place = reader_.array();
    const auto block = linkage_.borrow(place.block);
    const std::string_view text(reinterpret_cast<const char*>(block->data() + place.data_offset),
                                place.layout.nbytes());
    if (kind == wire::Kind::shared_bytes) return Value::make(bytes_from(text));
    return Value::make(fresh_copy<std::string>(text.data(), text.size()));
  }

  AnyArray read_array() {
    ArrayPlace place = reader_.array();
    if (place.is_inline) {
      const auto copy = AnyArray::copy_of(place.layout.dtype, std::move(place.layout.shape), place.bytes.data(),
                                          std::numeric_limits<std::size_t>::max());
      return place.writable ? copy : copy.read_only();
    }
    auto state = std::make_shared<ArrayState>();
    state->writable = place.writable;
    state->copied = place.copied;
    state->block = linkage_.borrow(place.block);
    state->data = state->block->data() + place.data_offset;
    state->layout = std::move(place.layout);
    return AnyArray(std::move(state));
  }

  ValueReader& reader_;
  Linkage& linkage_;
  std::vector<Open> open_;
};

// What a step takes, besides positional and named values (schemas/wire.fbs).
bool has_text(Op op) {
  return op == Op::name || op == Op::expression || op == Op::code || op == Op::assign || op == Op::import_module ||
         op == Op::attribute || op == Op::set_attribute;
}
bool has_value(Op op) { return op == Op::value || op == Op::assign || op == Op::set_attribute || op == Op::set_item; }

}  // namespace

void encode(const Value& value, ValueWriter& writer, Linkage& linkage,
            std::vector<std::shared_ptr<ObjectState>>* held) {
  Encoder(writer, linkage, held).run(value);
}

void encode(const Request& request, ValueWriter& writer, Linkage& linkage,
            std::vector<std::shared_ptr<ObjectState>>* held) {
  Encoder encoder(writer, linkage, held);
  auto next = request.values.begin();
  const auto text = [&] { writer.string((next++)->text()); };
  const auto values = [&](std::uint32_t count) {
    while (count-- > 0) encoder.run(*next++);
  };
  for (const Step& step : request.steps) {
    if (has_text(step.op)) text();
    values(step.positional + (has_value(step.op) ? 1 : 0));
    for (std::uint32_t i = 0; i < step.named; ++i) {
      text();
      values(1);
    }
  }
}

Value decode(ValueReader& reader, Linkage& linkage) { return Decoder(reader, linkage).run(); }

}  // namespace py4cpp
