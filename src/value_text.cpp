#include "value_text.hpp"

#include <py4cpp/big_int.hpp>
#include <py4cpp/object.hpp>
#include <py4cpp/value.hpp>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

namespace py4cpp::detail {

namespace {

void append_hex(std::string& out, std::string_view prefix, std::uint32_t x, int digits) {
  constexpr std::string_view hex = "0123456789abcdef";
  out += prefix;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += hex[(x >> shift) & 15];
}

// Escapes that str and bytes share. False if there is none for `c`.
bool append_escape(std::string& out, char32_t c, char quote) {
  switch (c) {
    case U'\n':
      out += "\\n";
      return true;
    case U'\r':
      out += "\\r";
      return true;
    case U'\t':
      out += "\\t";
      return true;
    case U'\\':
      out += "\\\\";
      return true;
    default:
      break;
  }
  if (c == static_cast<char32_t>(quote)) {
    out += '\\';
    out += quote;
    return true;
  }
  if (c < 0x20 || c == 0x7f) {
    append_hex(out, "\\x", static_cast<std::uint32_t>(c), 2);
    return true;
  }
  return false;
}

char quote_for(std::string_view text) noexcept {
  return text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos ? '"' : '\'';
}

// Decodes the sequence at `at` and moves past it. What is no UTF-8 comes as its first byte, marked by `valid`.
char32_t decode(std::string_view text, std::size_t& at, bool& valid) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  const std::size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  valid = length != 0 && at + length <= text.size();
  char32_t c = length <= 1 ? lead : lead & (0xffu >> (length + 1));
  for (std::size_t i = 1; valid && i < length; ++i) {
    valid = (byte(at + i) & 0xc0) == 0x80;
    c = (c << 6) | (byte(at + i) & 0x3fu);
  }
  at += valid ? length : 1;
  return valid ? c : lead;
}

void append_text(std::string& out, std::string_view text, std::size_t limit) {
  const char quote = quote_for(text);
  out += quote;
  for (std::size_t at = 0; at < text.size();) {
    if (out.size() > limit) return;
    const std::size_t start = at;
    bool valid = true;
    const char32_t c = decode(text, at, valid);
    if (append_escape(out, c, quote)) continue;
    if (!valid || (c >= 0x80 && c < 0xa1) || c == 0xad) {
      append_hex(out, "\\x", static_cast<std::uint32_t>(c), 2);
    } else if (c >= 0xd800 && c < 0xe000) {
      append_hex(out, "\\u", static_cast<std::uint32_t>(c), 4);
    } else {
      out += text.substr(start, at - start);
    }
  }
  out += quote;
}

void append_bytes(std::string& out, const Bytes& bytes, std::size_t limit) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const char quote = quote_for(text);
  out += 'b';
  out += quote;
  for (const char c : text) {
    if (out.size() > limit) return;
    const auto byte = static_cast<unsigned char>(c);
    if (append_escape(out, byte, quote)) continue;
    if (byte >= 0x80)
      append_hex(out, "\\x", byte, 2);
    else
      out += c;
  }
  out += quote;
}

// The shortest digits that read back as the same number; exponents outside 1e-4 .. 1e16 as Python writes them.
std::string float_text(double x, bool point = true) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x < 0 ? "-inf" : "inf";
  char buffer[32];
  const double magnitude = std::fabs(x);
  const bool plain = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, x, format).ptr;
  std::string text(buffer, end);
  if (plain && point && text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string complex_text(const std::complex<double>& x) {
  const std::string imaginary = float_text(x.imag(), false) + "j";
  if (x.real() == 0 && !std::signbit(x.real())) return imaginary;
  const bool sign = imaginary[0] != '-';
  return "(" + float_text(x.real(), false) + (sign ? "+" : "") + imaginary + ")";
}

void append_elements(std::string& out, const AnyArray& array) {  // as deep as the array has dimensions
  if (array.dimension() == 0) {
    out += repr(scalar_of(array));
    return;
  }
  out += '[';
  for (std::size_t i = 0; i < array.shape()[0]; ++i) {
    if (i > 0) out += ", ";
    append_elements(out, array.at(i));
  }
  out += ']';
}

void append_array(std::string& out, const AnyArray& array) {
  constexpr std::size_t most = 1000;  // elements, numpy's own threshold
  out += "array(";
  if (array.size() > most || array.size() == 0)
    out += "shape=" + shape_text(array.shape());
  else
    append_elements(out, array);
  out += ", dtype=";
  out += array.dtype().name();
  out += ')';
}

// A container (or slice) being written, up to element `next`.
struct TextFrame {
  const Value* value;
  std::size_t next;
};

const SliceObject* slice_of(const Value& value) noexcept {
  const Object* object = value.get_if<Object>();
  return object == nullptr ? nullptr : dynamic_cast<const SliceObject*>(object->get());
}

bool is_container(const Value& value) noexcept {
  switch (value.kind()) {
    case Kind::list:
    case Kind::tuple:
    case Kind::set:
    case Kind::dict:
      return true;
    default:
      return slice_of(value) != nullptr;
  }
}

void append_leaf(std::string& out, const Value& value, std::size_t limit) {
  switch (value.kind()) {
    case Kind::boolean:
      out += *value.get_if<bool>() ? "True" : "False";
      break;
    case Kind::integer:
      out += std::to_string(*value.get_if<std::int64_t>());
      break;
    case Kind::big_integer:
      out += value.get_if<BigInt>()->str();
      break;
    case Kind::floating:
      out += float_text(*value.get_if<double>());
      break;
    case Kind::complex:
      out += complex_text(*value.get_if<std::complex<double>>());
      break;
    case Kind::string:
      append_text(out, value.text(), limit);
      break;
    case Kind::bytes:
      append_bytes(out, *value.get_if<Bytes>(), limit);
      break;
    case Kind::array:
      append_array(out, *value.get_if<AnyArray>());
      break;
    case Kind::object:
      out += value.get_if<Object>()->describe();
      break;
    default:
      out += "None";
      break;
  }
}

class Writer {
 public:
  Writer(std::string& out, std::size_t limit) : out_(out), limit_(limit) {}

  void write(const Value& value) {
    open(value);
    while (!frames_.empty() && out_.size() <= limit_) {
      TextFrame& frame = frames_.back();
      const Value& container = *frame.value;
      if (frame.next == count(container)) {
        close(container);
        frames_.pop_back();
        continue;
      }
      const std::size_t i = frame.next++;
      const bool dict = container.kind() == Kind::dict;
      if (i > 0) out_ += dict && i % 2 == 1 ? ": " : ", ";
      open(element(container, i));
    }
    if (out_.size() > limit_) {
      out_.resize(limit_);
      while (!out_.empty() && (static_cast<unsigned char>(out_.back()) & 0xc0) == 0x80) out_.pop_back();
      if (!out_.empty() && static_cast<unsigned char>(out_.back()) >= 0xc0) out_.pop_back();
      out_ += "...";
    }
  }

 private:
  static std::size_t count(const Value& container) {
    if (container.is<Object>()) return 3;
    return container.is<Dict>() ? 2 * container.size() : container.size();
  }

  static const Value& element(const Value& container, std::size_t i) {
    switch (container.kind()) {
      case Kind::list:
        return (*container.get_if<List>())[i];
      case Kind::tuple:
        return (*container.get_if<Tuple>())[i];
      case Kind::set:
        return (*container.get_if<Set>())[i];
      case Kind::dict: {
        const auto& pair = container.get_if<Dict>()->begin()[i / 2];
        return i % 2 == 0 ? pair.first : pair.second;
      }
      default:
        break;
    }
    const SliceObject& slice = *slice_of(container);
    return i == 0 ? slice.start : i == 1 ? slice.stop : slice.step;
  }

  void open(const Value& value) {
    if (!is_container(value)) {
      append_leaf(out_, value, limit_);
      return;
    }
    switch (value.kind()) {
      case Kind::list:
        out_ += '[';
        break;
      case Kind::tuple:
        out_ += '(';
        break;
      case Kind::dict:
        out_ += '{';
        break;
      case Kind::set:
        if (value.get_if<Set>()->frozen())
          out_ += "frozenset(";
        else if (value.size() == 0)
          out_ += "set(";
        if (value.size() > 0) out_ += '{';
        break;
      default:
        out_ += "slice(";
        break;
    }
    frames_.push_back({&value, 0});
  }

  void close(const Value& value) {
    switch (value.kind()) {
      case Kind::list:
        out_ += ']';
        break;
      case Kind::tuple:
        out_ += value.size() == 1 ? ",)" : ")";
        break;
      case Kind::dict:
        out_ += '}';
        break;
      case Kind::set:
        if (value.size() > 0) out_ += '}';
        if (value.get_if<Set>()->frozen() || value.size() == 0) out_ += ')';
        break;
      default:
        out_ += ')';
        break;
    }
  }

  std::string& out_;
  const std::size_t limit_;
  std::vector<TextFrame> frames_;
};

}  // namespace

std::string repr(const Value& value, std::size_t limit) {
  std::string out;
  Writer(out, limit).write(value);
  return out;
}

std::string phrase(const Value& value) {
  constexpr std::size_t enough = 60;
  switch (value.kind()) {
    case Kind::none:
      return "None";
    case Kind::array: {
      const AnyArray& array = *value.get_if<AnyArray>();
      return std::string(array.dtype().name()) + " array of shape " + shape_text(array.shape());
    }
    case Kind::object:
      return repr(value, enough);
    default:
      return std::string(to_string(value.kind())) + " " + repr(value, enough);
  }
}

}  // namespace py4cpp::detail

namespace py4cpp {

std::string Value::describe() const { return detail::repr(*this); }

}  // namespace py4cpp
