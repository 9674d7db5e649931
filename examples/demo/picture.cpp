#include "picture.hpp"

#include <array>
#include <cmath>

namespace demo {
namespace {

constexpr std::size_t scale = 4;     // screen pixels for one of an image's
constexpr std::size_t padding = 5;   // around an image and around its numeral
constexpr std::size_t dot = 2;       // screen pixels for one of a numeral's
constexpr std::size_t columns = 24;  // digits side by side

constexpr std::size_t numeral_width = 5;
constexpr std::size_t numeral_height = 7;
constexpr std::size_t cell_width = side * scale + 2 * padding;
constexpr std::size_t cell_height = side * scale + numeral_height * dot + 4 * padding;

constexpr Colour background{255, 255, 255};
constexpr Colour right_ink{30, 100, 60};
constexpr Colour wrong_ink{200, 20, 20};
constexpr Colour wrong_paper{255, 225, 220};
constexpr Colour expected_ink{130, 130, 130};

using Numeral = std::array<std::uint8_t, numeral_height>;  // a row of dots each, the leftmost in bit 4
constexpr std::array<Numeral, class_count> numerals{{
    {0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110},
    {0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110},
    {0b01110, 0b10001, 0b00001, 0b00010, 0b00100, 0b01000, 0b11111},
    {0b11111, 0b00010, 0b00100, 0b00010, 0b00001, 0b10001, 0b01110},
    {0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010},
    {0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110},
    {0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110},
    {0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000},
    {0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110},
    {0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100},
}};

void draw_image(Canvas& canvas, std::size_t left, std::size_t top, const Digits& digits, std::size_t index) {
  for (std::size_t y = 0; y < side; ++y) {
    for (std::size_t x = 0; x < side; ++x) {
      const auto grey = static_cast<std::uint8_t>(std::lround(255 * (1 - digits.images(index, y, x))));
      canvas.fill(left + x * scale, top + y * scale, scale, scale, {grey, grey, grey});
    }
  }
}

void draw_cell(Canvas& canvas, std::size_t left, std::size_t top, const Digits& digits, std::size_t index,
               std::int64_t prediction) {
  const bool right = prediction == digits.labels(index);
  if (!right) canvas.fill(left, top, cell_width, cell_height, wrong_paper);
  draw_image(canvas, left + padding, top + padding, digits, index);

  const std::size_t below = top + side * scale + 2 * padding;
  const std::size_t middle = left + (cell_width - numeral_width * dot) / 2;
  if (right) {
    draw_numeral(canvas, middle, below, dot, prediction, right_ink);
  } else {
    const std::size_t apart = numeral_width * dot * 3 / 4;
    draw_numeral(canvas, middle - apart, below, dot, prediction, wrong_ink);
    draw_numeral(canvas, middle + apart, below, dot, digits.labels(index), expected_ink);
  }
}

}  // namespace

void draw_numeral(Canvas& canvas, std::size_t left, std::size_t top, std::size_t dot_size, std::int64_t digit,
                  Colour colour) {
  const Numeral& numeral = numerals.at(static_cast<std::size_t>(digit));
  for (std::size_t y = 0; y < numeral_height; ++y) {
    for (std::size_t x = 0; x < numeral_width; ++x) {
      const bool inked = (numeral[y] >> (numeral_width - 1 - x)) & 1;
      if (inked) canvas.fill(left + x * dot_size, top + y * dot_size, dot_size, dot_size, colour);
    }
  }
}

Canvas draw_predictions(const Digits& digits, const xt::xtensor<std::int64_t, 1>& predictions) {
  const std::size_t rows = (digits.size() + columns - 1) / columns;
  Canvas canvas(columns * cell_width, rows * cell_height, background);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    draw_cell(canvas, i % columns * cell_width, i / columns * cell_height, digits, i, predictions(i));
  }
  return canvas;
}

}  // namespace demo
