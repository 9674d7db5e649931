// What children forked by a worker may still look at. Python code forks (os.fork, multiprocessing, DataLoader), and the
// child has all of its parent's arrays. While a ForkPins lives, each fork of this process does two things:
//   1. The child maps every segment anew, privately: what it writes there nobody else sees. (No snapshot: what the
//      parent later writes in place it does see, in pages that it hasn't written itself.)
//   2. Every block that lives at that moment, ours or borrowed, is pinned: it isn't recycled before the end of a pipe
//      that only that child and its children hold. Without a descriptor for the pipe, for good.
// A child that replaces itself by another program (exec) holds nothing.
//
// One a process at most. Forks, from any thread, wait for each other and for the locks of arena, ledger and segments.
#pragma once

#include "arena.hpp"
#include "block.hpp"
#include "ledger.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include <sys/types.h>

namespace py4cpp {

class ForkPins {
 public:
  explicit ForkPins(std::shared_ptr<Arena> arena);  // throws Error(exhausted) without a descriptor
  ~ForkPins();                                      // unpins everything
  ForkPins(const ForkPins&) = delete;
  ForkPins& operator=(const ForkPins&) = delete;

  void include(BlockLedger& ledger);  // and what it has borrowed; lives longer

  // Readable when children have ended. Then somebody must call collect(), on any thread, which recycles what they held;
  // false if that can't be waited for any more, since user code has closed the descriptor.
  int descriptor() const noexcept { return ended_; }
  bool collect() noexcept;
  std::size_t pinned() const;  // blocks, once for each fork
  // Whether a child holds this one. Of the ForkPins that lives, if there is one.
  static bool is_pinned(const std::shared_ptr<Block>& block) noexcept;

 private:
  using Blocks = std::vector<std::shared_ptr<Block>>;
  struct Pin {
    int descriptor = -1;  // the reading end
    ino_t inode = 0;
    Blocks blocks;
  };

  static void before_fork();
  static void after_fork_in_parent() noexcept;
  static void after_fork_in_child() noexcept;
  void prepare();
  void settle() noexcept;
  void forget() noexcept;
  Blocks take_ended(std::uint64_t id) noexcept;

  const std::shared_ptr<Arena> arena_;
  BlockLedger* ledger_ = nullptr;
  int ended_ = -1;  // an epoll of the pipes

  mutable std::mutex mutex_;  // held across a fork
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Pin> pins_;
  std::map<std::uint64_t, Pin>::iterator coming_ = pins_.end();  // of the fork that is under way, if it has one
  int child_ = -1;                                               // the writing end
};

}  // namespace py4cpp
