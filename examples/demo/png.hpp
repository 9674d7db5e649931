// A picture in memory and its way to a PNG file. Plain values, no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace demo {

struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;
  bool operator==(const Colour&) const = default;
};

class Canvas {
 public:
  Canvas(std::size_t width, std::size_t height, Colour background);

  std::size_t width() const { return width_; }
  std::size_t height() const { return height_; }
  Colour at(std::size_t x, std::size_t y) const { return pixels_.at(y * width_ + x); }

  /// Parts that lie beyond the canvas are left out.
  void fill(std::size_t left, std::size_t top, std::size_t width, std::size_t height, Colour colour);

 private:
  std::size_t width_;
  std::size_t height_;
  std::vector<Colour> pixels_;  // row by row from the top
};

/// The bytes of a PNG file: 8 bits a channel, RGB, not interlaced.
std::string encode_png(const Canvas& canvas);

/// Throws std::system_error where the file cannot be written.
void write_png(const Canvas& canvas, const std::filesystem::path& file);

}  // namespace demo
