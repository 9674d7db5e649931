// The demo's picture: every held-out digit, the number it was taken for below it, mistakes in red.
#pragma once

#include <cstddef>
#include <cstdint>

#include <xtensor/xtensor.hpp>

#include "digits.hpp"
#include "png.hpp"

namespace demo {

/// Draws `digit` (0 to 9) as a numeral of 5 x 7 dots, `dot_size` pixels wide and high each.
void draw_numeral(Canvas& canvas, std::size_t left, std::size_t top, std::size_t dot_size, std::int64_t digit,
                  Colour colour);

/// A grid of `digits`, with `predictions` {digits.size()} below them; beside a wrong one, in grey, what it should be.
Canvas draw_predictions(const Digits& digits, const xt::xtensor<std::int64_t, 1>& predictions);

}  // namespace demo
