#include "fresh_copy.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace py4cpp::test {
namespace {

std::string sample(std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 7 + i / 251);
  return text;
}

TEST(FreshCopy, IsACopyWhateverTheSize) {
  for (const std::size_t bytes : std::vector<std::size_t>{0, 1, 16, 4095, 1 << 20, (1 << 20) + 1, 4 << 20,
                                                          (4 << 20) + 3, (6 << 20) - 1, 9 << 20}) {
    const std::string source = sample(bytes);
    EXPECT_TRUE(fresh_copy<std::string>(source.data(), bytes) == source) << bytes;
    const auto* first = reinterpret_cast<const std::byte*>(source.data());
    const auto vector = fresh_copy<std::vector<std::byte>>(first, bytes);
    EXPECT_TRUE(vector == std::vector<std::byte>(first, first + bytes)) << bytes;
    const auto raw = std::make_unique<char[]>(bytes + 2);
    raw[bytes + 1] = 'e';
    copy_into_fresh(raw.get() + 1, source.data(), bytes);
    EXPECT_TRUE(std::string_view(raw.get() + 1, bytes) == source) << bytes;
    EXPECT_EQ(raw[bytes + 1], 'e');
  }
}

}  // namespace
}  // namespace py4cpp::test
