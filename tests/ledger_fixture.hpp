// For tests of BlockLedger: two ledgers that lend to each other, and the names that an arena has in /dev/shm.
#pragma once

#include "child_process.hpp"
#include "ledger.hpp"

#include <py4cpp/error.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace py4cpp::test {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

using Blocks = std::vector<std::shared_ptr<Block>>;
using Releases = std::vector<BlockLedger::Release>;

inline std::string stem(const ArenaId& arena) {
  const std::string name = segment_name(arena, 0);
  return name.substr(0, name.size() - 1);
}
inline std::size_t names_of(const ArenaId& arena) { return names_with(stem(arena)).size(); }

template <class F>
void expect_kind(ErrorKind kind, F function) {
  try {
    function();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
  }
}

// Two sides of a session, each with an arena of its own. A block travels when one lends and the other borrows.
struct Pair {
  struct Side {
    std::shared_ptr<Arena> arena = std::make_shared<Arena>(ArenaLimits{0, std::uint64_t{1} << 30});
    std::unique_ptr<BlockLedger> ledger = std::make_unique<BlockLedger>(arena);
  };
  Side a, b;

  Pair() {
    a.ledger->meet(b.arena->id());
    b.ledger->meet(a.arena->id());
  }
  ~Pair() {
    a.ledger->close(true);
    b.ledger->close(true);
  }

  static std::shared_ptr<Block> pass(Side& from, Side& to, const std::shared_ptr<Block>& block) {
    from.ledger->lend(block);
    return to.ledger->borrow(block->place());
  }
  // Delivers the releases of one side; returns how many descriptors they are for.
  static std::uint64_t deliver(Side& from, Side& to) {
    Releases releases;
    from.ledger->take_releases(releases);
    std::uint64_t count = 0;
    for (const auto& release : releases) {
      to.ledger->released(release.arena, release.generation, release.count);
      count += release.count;
    }
    return count;
  }
};

}  // namespace py4cpp::test
