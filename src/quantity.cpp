#include "quantity.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <span>
#include <string>
#include <system_error>

namespace py4cpp {
namespace {

struct Unit {
  std::string_view name;  // lower case
  std::uint64_t factor;
};

constexpr std::uint64_t kibi = 1024;
constexpr std::array<Unit, 9> size_units{{{"b", 1},
                                          {"kib", kibi},
                                          {"mib", kibi* kibi},
                                          {"gib", kibi* kibi* kibi},
                                          {"tib", kibi* kibi* kibi* kibi},
                                          {"kb", 1'000},
                                          {"mb", 1'000'000},
                                          {"gb", 1'000'000'000},
                                          {"tb", 1'000'000'000'000}}};
constexpr std::array<Unit, 7> time_units{{{"ns", 1},
                                          {"us", 1'000},
                                          {"\u00b5s", 1'000},
                                          {"ms", 1'000'000},
                                          {"s", 1'000'000'000},
                                          {"min", 60'000'000'000},
                                          {"h", 3'600'000'000'000}}};

// Far below what overflows when it is added to a clock: 73 years.
constexpr std::uint64_t longest_ns = std::numeric_limits<std::int64_t>::max() / 4;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// A quantity of the smallest unit: `numerator` / `denominator`, the latter a power of ten.
struct Quantity {
  std::uint64_t numerator;
  std::uint64_t denominator;
};

// "1.5 GiB". Without a unit the number counts `plain` smallest units. Empty if it is no such thing or too large.
std::optional<Quantity> quantity(std::string_view text, std::span<const Unit> units, std::uint64_t plain) {
  text = trimmed(text);
  const std::size_t length = std::min(text.find_first_not_of("0123456789."), text.size());
  std::string digits(text.substr(0, length));
  std::uint64_t denominator = 1;
  if (const std::size_t point = digits.find('.'); point != std::string::npos) {
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.size() - point > 10) return std::nullopt;
    for (std::size_t place = point + 1; place < digits.size(); ++place) denominator *= 10;
    digits.erase(point, 1);
  }
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;

  std::string name(trimmed(text.substr(length)));
  for (char& letter : name) letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  const auto unit = std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == name; });
  if (!name.empty() && unit == units.end()) return std::nullopt;
  const std::uint64_t factor = name.empty() ? plain : unit->factor;
  if (factor != 0 && number > std::numeric_limits<std::uint64_t>::max() / factor) return std::nullopt;
  return Quantity{number * factor, denominator};
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto bytes = quantity(text, size_units, 1);
  if (!bytes) return std::nullopt;
  return bytes->numerator / bytes->denominator;
}

std::optional<std::int64_t> parse_duration(std::string_view text, std::uint64_t unit_ns) {
  const auto ns = quantity(text, time_units, unit_ns);
  if (!ns || ns->numerator / ns->denominator > longest_ns) return std::nullopt;
  if (ns->numerator % ns->denominator != 0 || ns->numerator / ns->denominator % unit_ns != 0) return std::nullopt;
  return static_cast<std::int64_t>(ns->numerator / ns->denominator / unit_ns);
}

}  // namespace py4cpp
