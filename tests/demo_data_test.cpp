// The demo's C++ half: parsing and its messages, the split, augmentation, and PNG files that others can read.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>
#include <xtensor/xmath.hpp>
#include <xtensor/xview.hpp>

#include "augment.hpp"
#include "digits.hpp"
#include "picture.hpp"
#include "png.hpp"

namespace demo {
namespace {

namespace fs = std::filesystem;

/// A line of 64 pixels of this darkness and a label.
std::string line(const std::string& pixel, const std::string& label) {
  std::string text;
  for (std::size_t i = 0; i < side * side; ++i) text += pixel + ",";
  return text + label + "\n";
}

/// What the parser says about a text that it should refuse.
std::string complaint(const std::string& text) {
  try {
    parse_digits(text, "digits.csv");
  } catch (const std::exception& error) {
    return error.what();
  }
  return "no complaint";
}

/// `count` digits, each told apart by its label alone: counted through the ten classes and as many shades.
Digits numbered(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += line(std::to_string(i / class_count % 17), std::to_string(i % 10));
  return parse_digits(text, "numbered");
}

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& contents)
      : path_(fs::temp_directory_path() / ("py4cpp-demo-test." + std::to_string(::getpid()))) {
    std::ofstream(path_, std::ios::binary) << contents;
  }
  ~TemporaryFile() { fs::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string gzip(const std::string& text) {
  const TemporaryFile file("");
  const gzFile stream = gzopen(file.path().c_str(), "wb");
  gzwrite(stream, text.data(), static_cast<unsigned>(text.size()));
  gzclose(stream);
  std::ifstream in(file.path(), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(DemoDigits, ParsesPixelsToBetweenZeroAndOne) {
  const Digits digits = parse_digits(line("0", "3") + line("16", "9") + line("4", "0"), "digits.csv");
  ASSERT_EQ(digits.size(), 3U);
  EXPECT_EQ(digits.labels, (xt::xtensor<std::int64_t, 1>{3, 9, 0}));
  EXPECT_EQ(digits.images(0, 0, 0), 0.0F);
  EXPECT_EQ(digits.images(1, 7, 7), 1.0F);
  EXPECT_EQ(digits.images(2, 3, 4), 0.25F);
}

TEST(DemoDigits, AcceptsWindowsLineEndsAndNoLastNewline) {
  const std::string text = line("1", "2");
  const std::string bare = text.substr(0, text.size() - 1);
  EXPECT_EQ(parse_digits(bare + "\r\n" + bare, "digits.csv").size(), 2U);
}

TEST(DemoDigits, SaysWhereTheInputIsBad) {
  const std::string good = line("1", "2");
  EXPECT_EQ(complaint(""), "digits.csv: holds no digits");
  EXPECT_EQ(complaint(good + "1,2,3\n"), "digits.csv:2: expected 64 pixels and a label, found 3 fields");
  EXPECT_EQ(complaint(good + good + "\n" + good), "digits.csv:3: expected 64 pixels and a label, found 1 field");
  EXPECT_EQ(complaint("7," + good), "digits.csv:1: expected 64 pixels and a label, found 66 fields");
  EXPECT_EQ(complaint(good + line("17", "1")),
            "digits.csv:2: column 1: expected a whole number from 0 to 16, found '17'");
  EXPECT_EQ(complaint(line("3", "10")), "digits.csv:1: column 65: expected a whole number from 0 to 9, found '10'");
  for (const std::string bad : {"", "-1", "1.5", "x", " 1", "99999999999999999999"}) {
    EXPECT_EQ(complaint(line("0", bad)),
              "digits.csv:1: column 65: expected a whole number from 0 to 9, found '" + bad + "'");
  }
}

TEST(DemoDigits, ReadsGzipAndPlainFiles) {
  const std::string text = line("1", "2") + line("3", "4");
  EXPECT_EQ(decompress(TemporaryFile(gzip(text)).path()), text);
  EXPECT_EQ(decompress(TemporaryFile(text).path()), text);
}

TEST(DemoDigits, RefusesFilesThatAreMissingCutShortOrDamaged) {
  EXPECT_THROW(decompress("/nowhere/digits.csv.gz"), std::system_error);
  EXPECT_THROW(decompress(fs::temp_directory_path()), std::system_error);  // a directory

  std::string text;
  for (int i = 0; i < 1000; ++i) text += line(std::to_string(i % 17), std::to_string(i % 7));
  const std::string whole = gzip(text);
  for (const std::size_t kept : {whole.size() - 1, whole.size() / 2, std::size_t{30}}) {
    const TemporaryFile cut(whole.substr(0, kept));
    EXPECT_THROW(decompress(cut.path()), std::runtime_error) << kept << " of " << whole.size() << " bytes";
  }
  std::string damaged = whole;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x10);
  EXPECT_THROW(decompress(TemporaryFile(damaged).path()), std::runtime_error);
}

TEST(DemoDigits, SplitsTheSameWayForTheSameSeed) {
  const Digits digits = numbered(170);
  const Split first = split(digits, 0.2, 5);
  const Split again = split(digits, 0.2, 5);
  const Split other = split(digits, 0.2, 6);
  EXPECT_EQ(first.held_out.size(), 34U);
  EXPECT_EQ(first.training.size(), 136U);
  EXPECT_EQ(first.held_out.labels, again.held_out.labels);
  EXPECT_EQ(first.training.images, again.training.images);
  EXPECT_NE(first.held_out.images, other.held_out.images);
}

TEST(DemoDigits, SplitPutsEachDigitOnOneSideOnly) {
  const Split parts = split(numbered(170), 0.2, 5);
  std::set<std::pair<float, std::int64_t>> seen;  // 17 shades of 10 digits: all different
  for (const Digits* part : {&parts.training, &parts.held_out}) {
    for (std::size_t i = 0; i < part->size(); ++i) seen.emplace(part->images(i, 0, 0), part->labels(i));
  }
  EXPECT_EQ(seen.size(), 170U);
}

TEST(DemoDigits, FindsWholeDataSetWhereScikitLearnIsInstalled) {
  const auto candidates = digits_candidates();
  if (std::none_of(candidates.begin(), candidates.end(), [](const fs::path& file) { return fs::exists(file); })) {
    GTEST_SKIP() << "python3-sklearn is not installed";
  }
  const Digits digits = read_digits(find_digits());
  EXPECT_EQ(digits.size(), 1797U);
  EXPECT_EQ(xt::amax(digits.images)(), 1.0F);
  EXPECT_EQ(xt::amin(digits.images)(), 0.0F);
}

TEST(DemoAugment, UndistortedSampleIsTheImage) {
  const Digits digits = numbered(20);
  EXPECT_EQ(Distortion{}.sample(digits.images, 12, 3, 4), digits.images(12, 3, 4));
}

TEST(DemoAugment, ShiftsByHalfAPixelInterpolate) {
  Digits digits = parse_digits(line("0", "0"), "blank");
  digits.images(0, 3, 3) = 1;
  const Distortion half{.dx = 0.5F};
  EXPECT_FLOAT_EQ(half.sample(digits.images, 0, 3, 3), 0.5F);
  EXPECT_FLOAT_EQ(half.sample(digits.images, 0, 3, 4), 0.5F);
  EXPECT_FLOAT_EQ(half.sample(digits.images, 0, 4, 4), 0.0F);
  const Distortion down{.dy = 2};
  EXPECT_FLOAT_EQ(down.sample(digits.images, 0, 5, 3), 1.0F);
}

TEST(DemoAugment, FillsABatchThatKeepsItsLabelsAndRange) {
  const Digits digits = numbered(50);
  const std::vector<std::size_t> rows{4, 49, 0, 4};
  auto images = xt::xtensor<float, 4>::from_shape({rows.size(), 1, side, side});
  auto labels = xt::xtensor<std::int64_t, 1>::from_shape({rows.size()});
  Augmenter(3).fill(digits, rows, images, labels);
  EXPECT_EQ(labels, (xt::xtensor<std::int64_t, 1>{4, 9, 0, 4}));
  EXPECT_GE(xt::amin(images)(), 0.0F);
  EXPECT_LE(xt::amax(images)(), 1.0F);
  EXPECT_NE(xt::view(images, 0), xt::view(images, 3));  // the same digit is never drawn twice alike

  xt::xtensor<float, 4> again = images;
  Augmenter(3).fill(digits, rows, again, labels);
  EXPECT_EQ(images, again);
}

std::uint32_t big_endian(const std::string& bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<std::uint8_t>(bytes.at(at + i));
  return number;
}

TEST(DemoPng, EncodesEveryPixelInValidChunks) {
  Canvas canvas(300, 7, {1, 2, 3});
  canvas.fill(290, 5, 100, 100, {250, 0, 128});  // partly beyond the edge
  const std::string png = encode_png(canvas);
  ASSERT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");

  std::string types;
  std::string rows;
  for (std::size_t at = 8; at < png.size();) {
    const std::size_t size = big_endian(png, at);
    const std::string body = png.substr(at + 4, 4 + size);  // type and data
    ASSERT_EQ(body.size(), 4 + size);
    EXPECT_EQ(big_endian(png, at + 8 + size),
              crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size())));
    types += body.substr(0, 4) + " ";
    if (body.starts_with("IHDR")) {
      EXPECT_EQ(body.substr(4), std::string("\0\0\1\x2c\0\0\0\7\x8\2\0\0\0", 13));
    }
    if (body.starts_with("IDAT")) {
      uLongf length = 7 * (1 + 3 * 300);
      rows.resize(length);
      ASSERT_EQ(uncompress(reinterpret_cast<Bytef*>(rows.data()), &length,
                           reinterpret_cast<const Bytef*>(body.data() + 4), size),
                Z_OK);
      EXPECT_EQ(length, rows.size());
    }
    at += 12 + size;
  }
  EXPECT_EQ(types, "IHDR IDAT IEND ");
  EXPECT_EQ(rows.substr(0, 7), std::string("\0\1\2\3\1\2\3", 7));
  EXPECT_EQ(rows.substr(rows.size() - 3), std::string("\xfa\0\x80", 3));
}

TEST(DemoPng, SaysWhichFileCannotBeWritten) {
  try {
    write_png(Canvas(1, 1, {}), "/nowhere/digits.png");
    FAIL() << "written";
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("/nowhere/digits.png"), std::string::npos);
  }
}

TEST(DemoPicture, ShowsMistakesInRed) {
  const auto reddish = [](const Canvas& canvas) {
    std::size_t pixels = 0;
    for (std::size_t y = 0; y < canvas.height(); ++y) {
      for (std::size_t x = 0; x < canvas.width(); ++x) {
        const Colour colour = canvas.at(x, y);
        pixels += colour.red > colour.green + 100 && colour.red > colour.blue + 100;
      }
    }
    return pixels;
  };
  const Digits digits = numbered(30);
  xt::xtensor<std::int64_t, 1> predictions = digits.labels;
  EXPECT_EQ(reddish(draw_predictions(digits, predictions)), 0U);
  predictions(25) = 8;
  EXPECT_GT(reddish(draw_predictions(digits, predictions)), 0U);
}

TEST(DemoPicture, NumeralsDiffer) {
  std::set<std::string> pictures;
  for (std::int64_t digit = 0; digit < 10; ++digit) {
    Canvas canvas(5, 7, {255, 255, 255});
    draw_numeral(canvas, 0, 0, 1, digit, {0, 0, 0});
    pictures.insert(encode_png(canvas));
  }
  EXPECT_EQ(pictures.size(), 10U);
}

}  // namespace
}  // namespace demo
