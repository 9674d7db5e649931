#include "digits.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <system_error>

#include <zlib.h>
#include <xtensor/xadapt.hpp>
#include <xtensor/xview.hpp>

namespace demo {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t pixel_count = side * side;
constexpr int darkest = 16;

/// One file being parsed, so that every complaint can say where it is.
class Parser {
 public:
  explicit Parser(std::string_view name) : name_(name) {}

  void parse_line(std::string_view line) {
    ++line_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto fields = static_cast<std::size_t>(std::count(line.begin(), line.end(), ',')) + 1;
    if (fields != pixel_count + 1) {
      fail("expected 64 pixels and a label, found " + std::to_string(fields) + (fields == 1 ? " field" : " fields"));
    }
    for (std::size_t column = 1; column <= pixel_count; ++column) {
      pixels_.push_back(static_cast<float>(number(take_field(line), darkest, column)) / darkest);
    }
    labels_.push_back(number(take_field(line), static_cast<int>(class_count) - 1, pixel_count + 1));
  }

  Digits finish() const {
    if (labels_.empty()) throw std::runtime_error(name_ + ": holds no digits");
    return {xt::adapt(pixels_, std::array{labels_.size(), side, side}), xt::adapt(labels_, std::array{labels_.size()})};
  }

 private:
  static std::string_view take_field(std::string_view& line) {
    const std::string_view field = line.substr(0, line.find(','));
    line.remove_prefix(std::min(line.size(), field.size() + 1));
    return field;
  }

  int number(std::string_view field, int most, std::size_t column) const {
    int value = -1;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (error != std::errc() || end != field.data() + field.size() || value < 0 || value > most) {
      fail("column " + std::to_string(column) + ": expected a whole number from 0 to " + std::to_string(most) +
           ", found '" + std::string(field) + "'");
    }
    return value;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error(name_ + ":" + std::to_string(line_) + ": " + what);
  }

  std::string name_;
  std::size_t line_ = 0;
  std::vector<float> pixels_;
  std::vector<std::int64_t> labels_;
};

Digits take(const Digits& digits, const std::vector<std::size_t>& rows) {
  return {xt::view(digits.images, xt::keep(rows)), xt::view(digits.labels, xt::keep(rows))};
}

}  // namespace

std::vector<fs::path> digits_candidates() {
  std::vector<fs::path> prefixes{"/usr/local", "/usr"};
  if (const char* environment = std::getenv("VIRTUAL_ENV")) prefixes.insert(prefixes.begin(), environment);

  std::vector<fs::path> candidates;
  for (const fs::path& prefix : prefixes) {
    std::error_code unreadable;  // a prefix without lib/ is no error: there is just nothing in it
    for (const auto& entry : fs::directory_iterator(prefix / "lib", unreadable)) {
      if (!entry.path().filename().string().starts_with("python3")) continue;
      for (const char* packages : {"dist-packages", "site-packages"}) {
        candidates.push_back(entry.path() / packages / "sklearn" / "datasets" / "data" / "digits.csv.gz");
      }
    }
  }
  return candidates;
}

fs::path find_digits() {
  std::string tried;
  for (const fs::path& candidate : digits_candidates()) {
    std::error_code unreadable;
    if (fs::is_regular_file(candidate, unreadable)) return candidate;
    tried += "\n  " + candidate.string();
  }
  throw std::runtime_error("no digits.csv.gz found: install python3-sklearn, or name the file; tried:" + tried);
}

std::string decompress(const fs::path& file) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> stream(gzopen(file.c_str(), "rbe"), gzclose);
  if (!stream) throw std::system_error(errno, std::generic_category(), file.string());

  std::string text;
  std::array<char, 1 << 16> chunk;
  int read = 0;
  while ((read = gzread(stream.get(), chunk.data(), chunk.size())) > 0) {
    text.append(chunk.data(), static_cast<std::size_t>(read));
  }
  // A file cut short ends like a whole one; only the stream's error state tells them apart.
  int error = Z_OK;
  const char* message = gzerror(stream.get(), &error);
  if (error == Z_ERRNO) throw std::system_error(errno, std::generic_category(), file.string());
  if (error != Z_OK) throw std::runtime_error(file.string() + ": not a whole gzip file: " + message);
  return text;
}

Digits parse_digits(std::string_view text, std::string_view name) {
  Parser parser(name);
  while (!text.empty()) {
    const std::size_t length = std::min(text.find('\n'), text.size());
    parser.parse_line(text.substr(0, length));
    text.remove_prefix(std::min(text.size(), length + 1));
  }
  return parser.finish();
}

Split split(const Digits& digits, double fraction, std::uint64_t seed) {
  std::vector<std::size_t> rows(digits.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  std::mt19937_64 random(seed);
  std::shuffle(rows.begin(), rows.end(), random);

  const double wanted = std::round(fraction * static_cast<double>(digits.size()));
  const auto boundary = rows.begin() + static_cast<std::ptrdiff_t>(wanted);
  return {.training = take(digits, {boundary, rows.end()}), .held_out = take(digits, {rows.begin(), boundary})};
}

}  // namespace demo
