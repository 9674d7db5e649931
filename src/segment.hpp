// One named shared-memory object, mapped whole. It holds payload bytes and nothing else. Made by the arena that owns
// the name, attached by everyone else; pages live as long as anyone maps them, the name until it is unlinked.
// Construction may take long (it reserves and populates); otherwise any thread.
#pragma once

#include "fork_mark.hpp"
#include "segment_pages.hpp"

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace py4cpp {

// 128 random bits and the process that drew them: what a name in /dev/shm starts with. Whoever knows it can find the
// memory, so it never appears in an error, a log, an environment or a command line.
struct ArenaId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  pid_t pid = 0;

  friend bool operator==(const ArenaId&, const ArenaId&) = default;
};

ArenaId make_arena_id();

// "py4cpp.<pid>.<32 hexadecimal digits>.<number>", without a leading slash.
std::string segment_name(const ArenaId& arena, std::uint32_t number);

class Segment {
 public:
  static constexpr std::size_t page = 4096;

  // Creates the object (exclusive, mode 0600), reserves every page and maps them populated, so that a later write can
  // neither fail nor fault. `bytes` > 0, a multiple of `page`; `asked` is what the error says was asked for. Throws
  // OutOfSharedMemory when memory, mappings or a limit on file size are short, Error(exhausted) when descriptors are;
  // nothing is left behind then. `spare` bytes of /dev/shm must stay free.
  static std::shared_ptr<Segment> create(const ArenaId& arena, std::uint32_t number, std::size_t bytes,
                                         std::size_t asked, std::uint64_t spare = 0,
                                         PageChoice choice = PageChoice::soon);

  // Maps a segment somebody else created, unpopulated. It must be a regular file of ours with mode 0600 that isn't
  // empty. Throws Error(bug) when there is no such segment: a descriptor named it.
  static std::shared_ptr<Segment> attach(const ArenaId& arena, std::uint32_t number);

  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  ~Segment();  // unmaps; the owner of the name also unlinks it, except in a forked child

  std::byte* data() const noexcept;
  std::size_t size() const noexcept;  // bytes
  std::uint32_t number() const noexcept { return number_; }
  const ArenaId& arena() const noexcept { return arena_; }
  int descriptor() const noexcept;  // stays open as long as the segment; close-on-exec

  // Removes the name, if it is ours to remove. Pages stay while mapped. Nothing in a forked child.
  void unlink() noexcept;
  // Frees every page, also where others map it: what is read then is 0. For the owner, when nobody's data is in it.
  void discard() noexcept;
  // For fork(). Between hold_all() and let_go_all(), on one thread, the list of this process's segments stands still.
  // In the child in between, make_all_private() gives it mappings of its own: what it writes, nobody else sees. Pages
  // it hasn't written it still shares. Neither allocates.
  static void hold_all();
  static void let_go_all() noexcept;
  static void make_all_private() noexcept;

  // From now on the name is ours, and goes with this object; `keeper` is dropped right after that.
  void inherit(std::shared_ptr<void> keeper) noexcept;
  // From now on the name is somebody else's to remove.
  void bequeath() noexcept { owned_.store(false); }

 private:
  struct Mapping;
  struct All;
  static All& all();
  Segment(const ArenaId& arena, std::uint32_t number, bool owned, std::unique_ptr<Mapping> mapping);
  int map(std::size_t bytes);
  void enlist();
  void delist() noexcept;
  void make_private() noexcept;

  ArenaId arena_;
  std::uint32_t number_;
  std::atomic<bool> owned_;
  ForkMark made_in_;
  std::shared_ptr<void> keeper_;  // written once, by inherit()
  std::unique_ptr<Mapping> mapping_;
  dev_t device_ = 0;  // what descriptor() is of, while nobody else closes it
  ino_t inode_ = 0;
  bool listed_ = false;        // among all, which only mapped ones are
  Segment* before_ = nullptr;  // guarded by their mutex
  Segment* after_ = nullptr;
};

}  // namespace py4cpp

template <>
struct std::hash<py4cpp::ArenaId> {
  std::size_t operator()(const py4cpp::ArenaId& id) const noexcept {
    return static_cast<std::size_t>(id.low ^ (id.high * 0x9e3779b97f4a7c15u));  // random bits already
  }
};
