// The arena that a process has for all its workers, until it exits.
#include "arena.hpp"
#include "child_process.hpp"

#include <py4cpp/error.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

namespace py4cpp::test {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

std::size_t names_of(const Arena& arena) {
  const std::string name = segment_name(arena.id(), 0);
  return names_with(name.substr(0, name.size() - 1)).size();
}

// These run in a process of their own, started afresh; LeakOracle looks for its names when it has ended.
class ProcessArenaDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { ::testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

struct StaticHolder {
  std::shared_ptr<Block> block;
  ~StaticHolder() {
    if (!block) return;
    // Ordinary static objects die before the names go.
    const bool named = names_of(*process_arena()) >= 2;
    const bool allocates = process_arena()->allocate(10) != nullptr;
    std::fprintf(stderr, "named %d allocates %d value %d", named, allocates, static_cast<int>(block->data()[0]));
  }
};
StaticHolder static_holder;

TEST_F(ProcessArenaDeathTest, NamesGoAtExitAfterStaticObjects) {
  const auto use_and_exit = [] {
    static_holder.block = process_arena()->allocate(10 * mebibyte);
    static_holder.block->data()[0] = std::byte{5};
    std::exit(0);
  };
  EXPECT_EXIT(use_and_exit(), ::testing::ExitedWithCode(0), "named 1 allocates 1 value 5");
}

TEST_F(ProcessArenaDeathTest, TheFirstConfigurationWins) {
  const auto configure_and_exit = [] {
    configure_process_arena({5 * mebibyte, 0});
    configure_process_arena({1024 * mebibyte, 0});
    try {
      process_arena()->allocate(10 * mebibyte);
    } catch (const OutOfSharedMemory&) {
      std::exit(7);
    }
    std::exit(1);
  };
  EXPECT_EXIT(configure_and_exit(), ::testing::ExitedWithCode(7), "");
}

TEST_F(ProcessArenaDeathTest, AnExitAmidAllocationsLeavesNothing) {
  const auto exit_while_busy = [] {
    for (int i = 0; i < 4; ++i) {
      std::thread([] {
        try {
          for (;;) process_arena()->allocate(30 * mebibyte), process_arena()->trim();
        } catch (const Error&) {  // closed
          for (;;) ::pause();
        }
      }).detach();
    }
    ::usleep(20000);
    std::exit(0);
  };
  EXPECT_EXIT(exit_while_busy(), ::testing::ExitedWithCode(0), "");
}

TEST(ProcessArena, IsOne) {
  EXPECT_EQ(process_arena(), process_arena());
  EXPECT_EQ(process_arena()->id().pid, ::getpid());
}

}  // namespace
}  // namespace py4cpp::test
