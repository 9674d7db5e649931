#include "arena.hpp"

#include <gtest/gtest.h>
#include <unistd.h>
#include <py4cpp/error.hpp>

#include <atomic>
#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "child_process.hpp"

namespace py4cpp::test {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr std::uint64_t gibibyte = std::uint64_t{1} << 30;

using Blocks = std::vector<std::shared_ptr<Block>>;

std::string stem(const ArenaId& arena) {
  const std::string name = segment_name(arena, 0);
  return name.substr(0, name.size() - 1);
}
std::size_t names_of(const Arena& arena) { return names_with(stem(arena.id())).size(); }  // its lease among them

std::shared_ptr<Arena> make_arena(std::uint64_t limit = 0, std::uint64_t cache = gibibyte) {
  return std::make_shared<Arena>(ArenaLimits{limit, cache});
}

TEST(Arena, BlocksAreAlignedDistinctAndWritable) {
  const auto arena = make_arena();
  EXPECT_EQ(names_of(*arena), 1u);  // the lease comes before the first segment
  Blocks blocks;
  for (const std::size_t bytes :
       std::vector<std::size_t>{0, 1, 63, 64, 65, 1000, 4096, 70000, mebibyte, 9 * mebibyte}) {
    blocks.push_back(arena->allocate(bytes));
    EXPECT_EQ(blocks.back()->size(), std::max<std::size_t>(bytes, 64));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(blocks.back()->data()) % 64, 0u);
    EXPECT_EQ(blocks.back()->place().arena, arena->id());
    std::memset(blocks.back()->data(), static_cast<int>(blocks.size()), blocks.back()->size());
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto value = static_cast<std::byte>(i + 1);
    EXPECT_EQ(blocks[i]->data()[0], value);
    EXPECT_EQ(blocks[i]->data()[blocks[i]->size() - 1], value);
  }
}

TEST(Arena, APlaceLeadsAnotherProcessToTheBytes) {
  const auto arena = make_arena();
  const Blocks others{arena->allocate(1000), arena->allocate(100000)};
  const auto block = arena->allocate(12345);
  std::memset(block->data(), 7, block->size());
  const BlockPlace& place = block->place();
  const auto segment = Segment::attach(place.arena, place.segment);
  ASSERT_LE(place.offset + place.size, segment->size());
  EXPECT_EQ(std::memcmp(segment->data() + place.offset, block->data(), block->size()), 0);
}

TEST(Arena, AWarmBlockHasTheSameAddressAndANewGeneration) {
  const auto arena = make_arena();
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{5000}, mebibyte, 100 * mebibyte}) {
    auto block = arena->allocate(bytes);
    const std::byte* const data = block->data();
    const auto generation = block->place().generation;
    block->data()[0] = std::byte{42};
    block.reset();
    EXPECT_EQ(arena->find(generation), nullptr);
    block = arena->allocate(bytes);
    EXPECT_EQ(block->data(), data);
    EXPECT_EQ(block->data()[0], std::byte{42});
    EXPECT_NE(block->place().generation, generation);
  }
}

TEST(Arena, FindsLiveBlocksByGenerationAndAddress) {
  const auto arena = make_arena();
  Blocks blocks;
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) blocks.push_back(arena->allocate(1 + random() % 200000));
  blocks.push_back(arena->allocate(20 * mebibyte));
  for (const auto& block : blocks) {
    EXPECT_EQ(arena->find(block->place().generation), block);
    EXPECT_EQ(arena->containing(block->data()), block);
    EXPECT_EQ(arena->containing(block->data() + block->size() - 1), block);
  }
  const std::byte* const gone = blocks[7]->data();
  blocks.erase(blocks.begin() + 7);
  EXPECT_EQ(arena->containing(gone), nullptr);
  int local = 0;
  EXPECT_EQ(arena->containing(&local), nullptr);
  EXPECT_EQ(arena->containing(nullptr), nullptr);
  EXPECT_EQ(arena->find(0), nullptr);
  EXPECT_EQ(arena->find(~std::uint64_t{0}), nullptr);
}

TEST(Arena, SeventyThousandSmallArraysShareAFewSegments) {
  const auto arena = make_arena();
  Blocks blocks;
  for (std::size_t i = 0; i < 70000; ++i) {
    blocks.push_back(arena->allocate(512));
    std::memcpy(blocks.back()->data(), &i, sizeof i);
  }
  EXPECT_EQ(arena->stats().live_blocks, 70000u);
  EXPECT_LT(arena->stats().live_segments, 20u);
  std::set<std::uint64_t> generations;
  for (std::size_t i = 0; i < 70000; ++i) {
    std::size_t value = 0;
    std::memcpy(&value, blocks[i]->data(), sizeof value);
    EXPECT_EQ(value, i);
    generations.insert(blocks[i]->place().generation);
  }
  EXPECT_EQ(generations.size(), 70000u);
  blocks.clear();
  EXPECT_EQ(arena->stats().live_blocks, 0u);
  EXPECT_EQ(arena->stats().bytes_live, 0u);
  arena->trim();
  EXPECT_EQ(arena->stats().live_segments, 0u);
  EXPECT_EQ(arena->stats().bytes_cached, 0u);
  EXPECT_EQ(names_of(*arena), 1u);
}

TEST(Arena, MemoryCachedInOneSizeServesAnother) {
  const auto arena = make_arena();
  Blocks blocks;
  for (int i = 0; i < 256; ++i) blocks.push_back(arena->allocate(4096));
  ASSERT_EQ(arena->stats().live_segments, 1u);
  blocks.clear();
  for (int i = 0; i < 16; ++i) blocks.push_back(arena->allocate(65536));
  EXPECT_EQ(arena->stats().live_segments, 1u);
}

TEST(Arena, ASteadyProgramCreatesNothing) {
  const auto arena = make_arena();
  const auto work = [&] {
    Blocks blocks;
    for (const std::size_t bytes : {std::size_t{100}, std::size_t{7000}, mebibyte, 30 * mebibyte, 3 * mebibyte}) {
      blocks.push_back(arena->allocate(bytes));
    }
    return blocks.back()->place().segment;
  };
  work();
  const auto before = names_with(stem(arena->id()));
  for (int i = 0; i < 100; ++i) work();
  EXPECT_EQ(names_with(stem(arena->id())), before);
}

TEST(Arena, TheLimitIsKeptAndWarmMemoryYieldsToIt) {
  const auto arena = make_arena(32 * mebibyte);
  auto block = arena->allocate(20 * mebibyte);
  try {
    arena->allocate(20 * mebibyte);
    FAIL();
  } catch (const OutOfSharedMemory& error) {
    EXPECT_EQ(error.kind(), ErrorKind::exhausted);
    EXPECT_EQ(error.asked(), 20 * mebibyte);
    EXPECT_EQ(error.available(), 12 * mebibyte);
    EXPECT_NE(std::string(error.what()).find("shared_memory_limit"), std::string::npos);
  }
  block.reset();
  const auto larger = arena->allocate(30 * mebibyte);  // the 20 that are warm had to go
  EXPECT_EQ(arena->stats().live_segments, 1u);
  EXPECT_THROW(arena->allocate(33 * mebibyte), OutOfSharedMemory);
  EXPECT_THROW(arena->allocate(~std::size_t{0}), OutOfSharedMemory);
  EXPECT_THROW(arena->allocate(std::size_t{1} << 47), OutOfSharedMemory);
  // Near the limit a segment is as small as it has to be.
  const Blocks small{arena->allocate(mebibyte), arena->allocate(mebibyte / 2), arena->allocate(100)};
  EXPECT_LE(arena->stats().bytes_live, 32 * mebibyte);
}

TEST(Arena, AFullSharedMemoryIsAnErrorAndFreeingMends) {
  const int result = in_child([] {
    if (!private_shared_memory(16 * mebibyte)) return 42;
    const auto arena = make_arena();
    Blocks blocks;
    try {
      for (;;) {
        blocks.push_back(arena->allocate(mebibyte));
        std::memset(blocks.back()->data(), 1, mebibyte);
      }
    } catch (const OutOfSharedMemory& error) {
      if (error.asked() != mebibyte) return 1;
    }
    if (blocks.size() < 15) return 2;
    try {
      arena->allocate(10 * mebibyte);
      return 3;
    } catch (const OutOfSharedMemory&) {
    }
    blocks.clear();
    const auto large = arena->allocate(14 * mebibyte);
    std::memset(large->data(), 1, large->size());
    return 0;
  });
  if (result == 42) GTEST_SKIP() << "no mount namespaces here";
  EXPECT_EQ(result, 0);
}

TEST(Arena, BlocksOutliveIt) {
  auto arena = make_arena();
  auto block = arena->allocate(5000);
  const std::string names = stem(arena->id());
  std::memset(block->data(), 3, block->size());
  arena.reset();
  EXPECT_TRUE(names_with(names).empty());
  EXPECT_EQ(block->data()[4999], std::byte{3});
  std::thread([&] { block.reset(); }).join();
}

TEST(Arena, ClosedAllocatesNothingAndKeepsBlocks) {
  const auto arena = make_arena();
  auto block = arena->allocate(5000);
  arena->close();
  EXPECT_EQ(names_of(*arena), 0u);
  EXPECT_THROW(arena->allocate(1), Error);
  block->data()[0] = std::byte{1};
  block.reset();
  EXPECT_THROW(arena->allocate(5000), Error);
  arena->close();
}

class Watcher : public SegmentObserver {
 public:
  explicit Watcher(const Arena& arena) : arena_(arena) {}
  void retired(std::uint32_t segment) noexcept override {
    EXPECT_TRUE(names_with(segment_name(arena_.id(), segment)).empty());
    EXPECT_GE(arena_.stats().live_segments, 0u);  // no lock is held
    seen.insert(segment);
  }
  std::set<std::uint32_t> seen;

 private:
  const Arena& arena_;
};

TEST(Arena, TellsItsObserversWhatItRetired) {
  const auto arena = make_arena();
  const auto first = std::make_shared<Watcher>(*arena);
  const auto second = std::make_shared<Watcher>(*arena);
  arena->observe(first);
  arena->observe(second);
  { arena->observe(std::make_shared<Watcher>(*arena)); }
  Blocks blocks{arena->allocate(1), arena->allocate(mebibyte), arena->allocate(10 * mebibyte)};
  std::set<std::uint32_t> segments;
  for (const auto& block : blocks) segments.insert(block->place().segment);
  EXPECT_EQ(segments.size(), 3u);
  const auto kept = blocks[1];
  segments.erase(kept->place().segment);
  blocks.clear();
  EXPECT_TRUE(first->seen.empty());
  arena->trim();
  EXPECT_EQ(first->seen, segments);
  EXPECT_EQ(second->seen, segments);
}

TEST(Arena, ABequeathedBlockStaysAndSoDoesItsName) {
  auto arena = make_arena();
  const ArenaId id = arena->id();
  auto heirloom = arena->allocate(100);
  const auto other = arena->allocate(10 * mebibyte);
  const std::byte* const data = heirloom->data();
  arena->bequeath(*heirloom);
  heirloom.reset();
  EXPECT_NE(arena->allocate(100)->data(), data);
  EXPECT_EQ(arena->containing(data), nullptr);
  arena->trim();
  EXPECT_EQ(names_of(*arena), 3u);
  arena.reset();
  EXPECT_EQ(names_with(stem(id)).size(), 2u);                  // the segment and the lease
  EXPECT_TRUE(names_go(stem(id), [] { sweep_abandoned(); }));  // there is no heir
}

TEST(Arena, AForkedChildCanDoNoHarm) {
  const auto arena = make_arena();
  auto block = arena->allocate(10 * mebibyte);
  block->data()[0] = std::byte{9};
  auto child_arena = arena;
  EXPECT_EQ(in_child([&] {
              try {
                arena->allocate(1);
                return 1;
              } catch (const Error& error) {
                if (error.kind() != ErrorKind::invalid) return 2;
              }
              if (arena->find(block->place().generation) || arena->containing(block->data())) return 3;
              if (block->data()[0] != std::byte{9}) return 4;
              block.reset();
              arena->trim();
              arena->set_limits({0, 0});
              arena->close();
              const auto own = make_arena();  // an arena of its own is its own affair
              return own->allocate(1) ? 0 : 5;
            }),
            0);
  EXPECT_EQ(names_of(*arena), 2u);
  EXPECT_EQ(arena->find(block->place().generation), block);
}

// A thread may hold the lock while another forks; the child must not wait for it.
TEST(Arena, AForkAmidAllocationsDoesNotHang) {
  const auto arena = make_arena();
  auto block = arena->allocate(100);
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) arena->allocate(200);
  });
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(in_child([&] {
                block.reset();
                arena->trim();
                return arena->stats().live_blocks == 0 ? 0 : 1;
              }),
              0);
  }
  stop = true;
  busy.join();
}

TEST(Arena, ManyThreadsAllocateAndFreeForEachOther) {
  const auto arena = make_arena(0, 16 * mebibyte);
  std::mutex mutex;
  Blocks pool;
  const auto work = [&](unsigned seed) {
    std::mt19937 random(seed);
    for (int i = 0; i < 4000; ++i) {
      const std::size_t bytes = random() % 200 == 0 ? 9 * mebibyte : 1 + random() % (1u << random() % 18);
      auto block = arena->allocate(bytes);
      const auto tag = block->place().generation;
      std::memcpy(block->data(), &tag, sizeof tag);
      if (arena->containing(block->data()) != block) ADD_FAILURE();
      {
        const std::lock_guard lock(mutex);
        pool.push_back(std::move(block));
        std::swap(pool[random() % pool.size()], pool.back());
        if (pool.size() > 100) block = std::move(pool.back()), pool.pop_back();
      }
      if (!block) continue;
      std::uint64_t value = 0;
      std::memcpy(&value, block->data(), sizeof value);
      EXPECT_EQ(value, block->place().generation);
      if (i % 500 == 0) arena->trim();
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (auto& thread : threads) thread.join();
  pool.clear();
  EXPECT_EQ(arena->stats().live_blocks, 0u);
  EXPECT_LE(arena->stats().bytes_cached, 16 * mebibyte);
  arena->trim();
  EXPECT_EQ(names_of(*arena), 1u);
}

}  // namespace
}  // namespace py4cpp::test
