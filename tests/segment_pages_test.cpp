#include "segment_pages.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "segment.hpp"

namespace py4cpp::test {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

std::uintptr_t beyond_huge_page(const std::byte* address) {
  return reinterpret_cast<std::uintptr_t>(address) % (2 * mebibyte);
}

bool all_resident(const Segment& segment) {
  std::vector<unsigned char> pages(segment.size() / Segment::page);
  EXPECT_EQ(::mincore(segment.data(), segment.size(), pages.data()), 0);
  return std::all_of(pages.begin(), pages.end(), [](unsigned char page) { return (page & 1) != 0; });
}

class PagesOfASegment : public ::testing::TestWithParam<PageChoice> {};

TEST_P(PagesOfASegment, AreAllThereAndZero) {
  for (const std::size_t bytes : {Segment::page, mebibyte, 2 * mebibyte, 2 * mebibyte + Segment::page,
                                  19 * mebibyte - Segment::page, 36 * mebibyte}) {
    const auto segment = Segment::create(make_arena_id(), 0, bytes, bytes, 0, GetParam());
    ASSERT_EQ(segment->size(), bytes);
    struct stat facts {};
    ASSERT_EQ(::fstat(segment->descriptor(), &facts), 0);
    EXPECT_EQ(static_cast<std::size_t>(facts.st_size), bytes);
    EXPECT_GE(static_cast<std::size_t>(facts.st_blocks) * 512, bytes) << "not all is reserved";
    EXPECT_TRUE(all_resident(*segment)) << bytes;
    EXPECT_TRUE(std::all_of(segment->data(), segment->data() + bytes, [](std::byte b) { return b == std::byte{0}; }));
    segment->data()[bytes - 1] = std::byte{3};
    const auto peer = Segment::attach(segment->arena(), 0);
    EXPECT_EQ(peer->data()[bytes - 1], std::byte{3});
    if (bytes >= 2 * mebibyte) {
      EXPECT_EQ(beyond_huge_page(segment->data()), 0u);
      EXPECT_EQ(beyond_huge_page(peer->data()), 0u);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Both, PagesOfASegment, ::testing::Values(PageChoice::soon, PageChoice::large));

bool is_free(std::byte* address, std::size_t bytes) {
  void* const got = ::mmap(address, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (got != MAP_FAILED) ::munmap(got, bytes);
  return got == address;
}

TEST(HugeAlignedRoom, IsFreeAgainUnlessItWasTaken) {
  const std::size_t bytes = 3 * mebibyte + Segment::page;
  std::byte* start = nullptr;
  {
    const HugeAlignedRoom room(bytes);
    start = room.start();
    ASSERT_NE(start, nullptr);
    EXPECT_EQ(beyond_huge_page(start), 0u);
    EXPECT_FALSE(is_free(start, bytes));
  }
  EXPECT_TRUE(is_free(start, bytes));
  {
    HugeAlignedRoom room(bytes);
    start = room.start();
    ASSERT_EQ(::mmap(start, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), start);
    room.taken();
  }
  EXPECT_FALSE(is_free(start, bytes));
  EXPECT_EQ(start[bytes - 1], std::byte{0});
  EXPECT_TRUE(is_free(start + bytes, Segment::page));
  ::munmap(start, bytes);
  EXPECT_EQ(HugeAlignedRoom(mebibyte).start(), nullptr);
}

}  // namespace
}  // namespace py4cpp::test
