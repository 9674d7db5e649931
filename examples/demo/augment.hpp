// Augmentation: a digit that was moved, turned, scaled, sheared, made lighter and noisy is still the same digit.
//
// An Augmenter owns its random numbers and belongs to one thread. It writes where it is told to, so a batch is born in
// the shared memory that Python trains on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>

#include <xtensor/xmath.hpp>
#include <xtensor/xnoalias.hpp>
#include <xtensor/xrandom.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>

#include "digits.hpp"

namespace demo {

/// How one digit is drawn anew: an affine map about its centre and a strength of the pen.
struct Distortion {
  float xx = 1, xy = 0, yx = 0, yy = 1;  // turns, scales and shears
  float dx = 0, dy = 0;                  // shifts, in pixels
  float gain = 1;                        // brightness

  /// The new pixel at (row, column), interpolated between the four old ones that its origin lies between.
  float sample(const xt::xtensor<float, 3>& images, std::size_t index, std::size_t row, std::size_t column) const;
};

class Augmenter {
 public:
  explicit Augmenter(std::uint64_t seed) : random_(seed) {}

  std::mt19937_64& random() { return random_; }
  Distortion draw();

  /// Fills `images` {rows, 1, 8, 8} with distorted copies of those rows of `digits`, and `labels` {rows} with their
  /// labels.
  template <class Images, class Labels>
  void fill(const Digits& digits, std::span<const std::size_t> rows, Images&& images, Labels&& labels) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Distortion distortion = draw();
      for (std::size_t y = 0; y < side; ++y) {
        for (std::size_t x = 0; x < side; ++x) images(i, 0, y, x) = distortion.sample(digits.images, rows[i], y, x);
      }
      labels(i) = digits.labels(rows[i]);
    }
    xt::noalias(images) = xt::clip(images + xt::random::randn<float>(images.shape(), 0, noise, random_), 0, 1);
  }

 private:
  static constexpr float noise = 0.04F;  // standard deviation, of a range from 0 to 1

  std::mt19937_64 random_;
};

}  // namespace demo
