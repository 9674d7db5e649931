#include "augment.hpp"

#include <cmath>

namespace demo {
namespace {

// Each is the largest change to either side. They are small because the images are: a stroke is two pixels wide.
constexpr float most_turn = 0.20F;   // radians, about 11 degrees
constexpr float most_scale = 0.12F;  // of 1
constexpr float most_shear = 0.12F;
constexpr float most_shift = 0.7F;  // pixels
constexpr float most_gain = 0.15F;  // of 1

constexpr float centre = (static_cast<float>(side) - 1) / 2;

}  // namespace

float Distortion::sample(const xt::xtensor<float, 3>& images, std::size_t index, std::size_t row,
                         std::size_t column) const {
  const float u = static_cast<float>(column) - centre;
  const float v = static_cast<float>(row) - centre;
  const float x = xx * u + xy * v + centre - dx;
  const float y = yx * u + yy * v + centre - dy;
  const float left = std::floor(x);
  const float top = std::floor(y);

  const auto pixel = [&](float at_y, float at_x) {
    constexpr auto end = static_cast<float>(side);
    if (at_y < 0 || at_x < 0 || at_y >= end || at_x >= end) return 0.0F;  // beyond the edge there is paper
    return images(index, static_cast<std::size_t>(at_y), static_cast<std::size_t>(at_x));
  };
  const float upper = std::lerp(pixel(top, left), pixel(top, left + 1), x - left);
  const float lower = std::lerp(pixel(top + 1, left), pixel(top + 1, left + 1), x - left);
  return gain * std::lerp(upper, lower, y - top);
}

Distortion Augmenter::draw() {
  const auto within = [this](float most) { return std::uniform_real_distribution<float>(-most, most)(random_); };
  const float turn = within(most_turn);
  const float wide = 1 + within(most_scale);
  const float high = 1 + within(most_scale);
  const float shear = within(most_shear);
  const float cosine = std::cos(turn);
  const float sine = std::sin(turn);
  return {.xx = cosine * wide,
          .xy = shear - sine * high,
          .yx = sine * wide,
          .yy = cosine * high,
          .dx = within(most_shift),
          .dy = within(most_shift),
          .gain = 1 + within(most_gain)};
}

}  // namespace demo
