// The data set: 1,797 handwritten digits of 8 x 8 pixels, as scikit-learn ships them (digits.csv.gz).
//
// Found on disk, decompressed, parsed and split here, in C++; Python never reads the file. Plain values, no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <xtensor/xtensor.hpp>

namespace demo {

inline constexpr std::size_t side = 8;          // pixels along an edge of an image
inline constexpr std::size_t class_count = 10;  // the digits 0 to 9

struct Digits {
  xt::xtensor<float, 3> images;         // {size, 8, 8}, from 0 (paper) to 1 (ink)
  xt::xtensor<std::int64_t, 1> labels;  // {size}, 0 to 9

  std::size_t size() const { return labels.size(); }
};

struct Split {
  Digits training;
  Digits held_out;
};

/// Where digits.csv.gz may lie: below the active virtual environment, /usr/local and /usr, in that order.
std::vector<std::filesystem::path> digits_candidates();

/// The first candidate that exists; std::runtime_error lists all of them where there is none.
std::filesystem::path find_digits();

/// The text of a gzip file (or of a plain one, unchanged).
std::string decompress(const std::filesystem::path& file);

/// Parses lines of 64 pixels from 0 to 16 and a label, separated by commas. Errors open with `name` and the line:
/// "digits.csv:17: expected ...".
Digits parse_digits(std::string_view text, std::string_view name);

inline Digits read_digits(const std::filesystem::path& file) { return parse_digits(decompress(file), file.string()); }

/// Shuffles by `seed`, then holds out `fraction` of the digits. The same seed gives the same split.
Split split(const Digits& digits, double fraction, std::uint64_t seed);

}  // namespace demo
