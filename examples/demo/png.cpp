#include "png.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <zlib.h>

namespace demo {
namespace {

std::string big_endian(std::uint32_t number) {
  return {static_cast<char>(number >> 24), static_cast<char>(number >> 16), static_cast<char>(number >> 8),
          static_cast<char>(number)};
}

const Bytef* bytes(std::string_view text) { return reinterpret_cast<const Bytef*>(text.data()); }

/// A chunk is the length of its data, its type, the data, and a checksum of type and data.
std::string chunk(std::string_view type, std::string_view data) {
  const std::string body = std::string(type) + std::string(data);
  const auto checksum = static_cast<std::uint32_t>(crc32(0, bytes(body), static_cast<uInt>(body.size())));
  return big_endian(static_cast<std::uint32_t>(data.size())) + body + big_endian(checksum);
}

std::string deflate(std::string_view data) {
  uLongf size = compressBound(data.size());
  std::string out(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(out.data()), &size, bytes(data), data.size(), Z_BEST_COMPRESSION) != Z_OK) {
    throw std::runtime_error("zlib cannot compress the picture");
  }
  out.resize(size);
  return out;
}

}  // namespace

Canvas::Canvas(std::size_t width, std::size_t height, Colour background)
    : width_(width), height_(height), pixels_(width * height, background) {}

void Canvas::fill(std::size_t left, std::size_t top, std::size_t width, std::size_t height, Colour colour) {
  const std::size_t right = std::min(left + width, width_);
  const std::size_t bottom = std::min(top + height, height_);
  for (std::size_t y = top; y < bottom; ++y) {
    for (std::size_t x = left; x < right; ++x) pixels_[y * width_ + x] = colour;
  }
}

std::string encode_png(const Canvas& canvas) {
  std::string rows;
  rows.reserve(canvas.height() * (1 + 3 * canvas.width()));
  for (std::size_t y = 0; y < canvas.height(); ++y) {
    rows += '\0';  // the row's filter: none
    for (std::size_t x = 0; x < canvas.width(); ++x) {
      const Colour colour = canvas.at(x, y);
      for (const std::uint8_t channel : {colour.red, colour.green, colour.blue}) rows += static_cast<char>(channel);
    }
  }
  const std::string header = big_endian(static_cast<std::uint32_t>(canvas.width())) +
                             big_endian(static_cast<std::uint32_t>(canvas.height())) +
                             std::string{8, 2, 0, 0, 0};  // 8 bits, RGB; deflate, filter method 0, not interlaced
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + chunk("IDAT", deflate(rows)) + chunk("IEND", "");
}

void write_png(const Canvas& canvas, const std::filesystem::path& file) {
  const std::string png = encode_png(canvas);
  std::ofstream out(file, std::ios::binary);
  if (!out.write(png.data(), static_cast<std::streamsize>(png.size())).flush()) {
    throw std::system_error(errno, std::generic_category(), file.string());
  }
}

}  // namespace demo
