#include "lease.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "arena.hpp"
#include "child_process.hpp"

namespace py4cpp::test {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

std::string stem(const ArenaId& arena) {
  const std::string name = segment_name(arena, 0);
  return name.substr(0, name.size() - 1);
}
std::string lease_path(const ArenaId& arena) { return "/dev/shm/" + stem(arena) + "lease"; }
bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }
std::size_t names_of(const ArenaId& arena) { return names_with(stem(arena)).size(); }
bool is_swept(const ArenaId& arena) {
  return names_go(stem(arena), [] { sweep_abandoned(); });
}

void plant(const std::string& name) {
  const int file = ::open(("/dev/shm/" + name).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0) << name;
  ::close(file);
}

// A child that owns an arena of several segments until it is killed.
struct Owner {
  ChildProcess process{[](Talk& talk) {
    const auto own = std::make_shared<Arena>();
    const std::vector<std::shared_ptr<Block>> blocks{own->allocate(100), own->allocate(mebibyte),
                                                     own->allocate(9 * mebibyte)};
    talk.send(own->id());
    talk.receive<char>();
    return 0;
  }};
  ArenaId arena = process.talk().receive<ArenaId>();
};

TEST(Lease, IsAPrivateFileThatGoesWithIt) {
  const ArenaId arena = make_arena_id();
  {
    const auto lease = Lease::acquire(arena);
    ASSERT_TRUE(lease.has_value());
    struct stat facts {};
    ASSERT_EQ(::lstat(lease_path(arena).c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode, S_IFREG | 0600u);
    EXPECT_EQ(facts.st_size, 0);
    EXPECT_FALSE(Lease::acquire(arena).has_value());
    EXPECT_TRUE(exists(lease_path(arena)));
  }
  EXPECT_FALSE(exists(lease_path(arena)));
  EXPECT_FALSE(Lease::join(arena).has_value());
  EXPECT_FALSE(Lease::take(arena).has_value());
}

TEST(Lease, CanBeTakenOnlyWhenNobodyHoldsIt) {
  const ArenaId arena = make_arena_id();
  auto owner = Lease::acquire(arena);
  auto peer = Lease::join(arena);
  ASSERT_TRUE(peer.has_value());
  EXPECT_FALSE(Lease::take(arena).has_value());
  owner->leave_behind();
  owner.reset();
  EXPECT_TRUE(exists(lease_path(arena)));
  EXPECT_FALSE(Lease::take(arena).has_value());  // the peer still shares it
  peer.reset();
  EXPECT_TRUE(exists(lease_path(arena)));
  auto janitor = Lease::take(arena);
  ASSERT_TRUE(janitor.has_value());
  EXPECT_FALSE(Lease::join(arena).has_value());
  EXPECT_FALSE(Lease::take(arena).has_value());
  janitor.reset();
  EXPECT_FALSE(exists(lease_path(arena)));
}

TEST(Lease, MovesWithoutBeingDropped) {
  const ArenaId arena = make_arena_id();
  auto first = Lease::acquire(arena);
  Lease second = std::move(*first);
  first.reset();
  EXPECT_TRUE(exists(lease_path(arena)));
  const ArenaId other_arena = make_arena_id();
  auto other = Lease::acquire(other_arena);
  second = std::move(*other);
  EXPECT_FALSE(exists(lease_path(arena)));
  EXPECT_TRUE(exists(lease_path(other_arena)));
}

TEST(Lease, APeerWhoTakesOverRemovesTheFile) {
  const ArenaId arena = make_arena_id();
  auto owner = Lease::acquire(arena);
  auto peer = Lease::join(arena);
  owner->leave_behind();
  owner.reset();
  peer->take_over();
  peer.reset();
  EXPECT_FALSE(exists(lease_path(arena)));
}

TEST(Lease, IsNoSymbolicLinkToAnotherFile) {
  const ArenaId arena = make_arena_id();
  const ArenaId target = make_arena_id();
  const auto held = Lease::acquire(target);
  ASSERT_EQ(::symlink(lease_path(target).c_str(), lease_path(arena).c_str()), 0);
  EXPECT_FALSE(Lease::acquire(arena).has_value());
  EXPECT_FALSE(Lease::join(arena).has_value());
  EXPECT_FALSE(Lease::take(arena).has_value());
  ::unlink(lease_path(arena).c_str());
}

// The child's copy of the descriptor is closed already, and its number may mean something else by now.
TEST(Lease, DroppedInAForkedChildClosesNothingThere) {
  const ArenaId arena = make_arena_id();
  auto lease = Lease::acquire(arena);
  EXPECT_EQ(in_child([&] {
              std::vector<int> descriptors;
              for (int i = 0; i < 20; ++i) descriptors.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
              lease.reset();
              for (const int descriptor : descriptors) {
                if (::fcntl(descriptor, F_GETFD) < 0) return 1;
              }
              return 0;
            }),
            0);
  EXPECT_TRUE(exists(lease_path(arena)));
  EXPECT_FALSE(Lease::take(arena).has_value());
}

TEST(Lease, EndsWithItsOwnerThoughAForkedChildLives) {
  ChildProcess owner([](Talk& talk) {
    const ArenaId arena = make_arena_id();
    auto lease = Lease::acquire(arena);
    ChildProcess grandchild([&](Talk&) {
      lease.reset();  // not its own: nothing happens
      for (;;) ::pause();
      return 0;
    });
    talk.send(arena);
    talk.send(grandchild.pid());
    for (;;) ::pause();
    return 0;
  });
  const auto arena = owner.talk().receive<ArenaId>();
  const auto grandchild = owner.talk().receive<pid_t>();
  EXPECT_FALSE(Lease::take(arena).has_value());
  owner.kill();
  EXPECT_EQ(::kill(grandchild, 0), 0);
  EXPECT_TRUE(exists(lease_path(arena)));
  EXPECT_TRUE(is_swept(arena));
  ::kill(grandchild, SIGKILL);
}

TEST(Sweep, RemovesEverythingOfAKilledProcess) {
  Owner owner;
  EXPECT_EQ(names_of(owner.arena), 4u);
  sweep_abandoned();
  EXPECT_EQ(names_of(owner.arena), 4u);  // it lives
  owner.process.kill();
  EXPECT_TRUE(is_swept(owner.arena));
}

TEST(Sweep, LeavesTheLivingAlone) {
  const auto arena = std::make_shared<Arena>();
  const auto block = arena->allocate(1);
  sweep_abandoned();
  EXPECT_EQ(names_of(arena->id()), 2u);
}

TEST(Sweep, GoesOnWhereAJanitorDied) {
  Owner owner;
  owner.process.kill();
  ::unlink(("/dev/shm/" + segment_name(owner.arena, 0)).c_str());
  ::unlink(("/dev/shm/" + segment_name(owner.arena, 2)).c_str());
  EXPECT_TRUE(is_swept(owner.arena));
}

TEST(Sweep, TouchesNoLookAlikes) {
  const int result = in_child([] {
    if (!private_shared_memory(64 * mebibyte)) return 42;
    const std::string hex = "0123456789abcdef0123456789abcdef";
    // clang-format off
    const std::vector<std::string> files{
        "py4cpp", "py4cpp.", "py4cpp.lease", "py4cpp.1." + hex, "py4cpp.1." + hex + ".", "py4cpp.1." + hex + ".leas",
        "py4cpp.01." + hex + ".lease", "py4cpp.-1." + hex + ".lease", "py4cpp.0." + hex + ".lease",
        "py4cpp.1." + hex + ".lease2", "py4cpp.1." + hex + "0.lease", "py4cpp.1." + hex.substr(1) + ".lease",
        "py4cpp.1.0123456789ABCDEF0123456789abcdef.lease", "xpy4cpp.1." + hex + ".lease",
        "py4cpp.99999999999." + hex + ".lease", "py4cpp.1.0x23456789abcdef0123456789abcdef.lease",
        "py4cpp.1." + hex + ".0",  // a segment without a lease is nobody's to judge
        "sem.py4cpp", "psm_12345678"};
    // clang-format on
    for (const auto& name : files) plant(name);
    // Exactly named, but not a regular file, or another user's.
    const std::string other_hex = "1123456789abcdef0123456789abcdef";
    ::mkfifo(("/dev/shm/py4cpp.2." + other_hex + ".lease").c_str(), 0600);
    ::mkdir(("/dev/shm/py4cpp.3." + other_hex + ".lease").c_str(), 0700);
    ::symlink("psm_12345678", ("/dev/shm/py4cpp.4." + other_hex + ".lease").c_str());
    std::size_t planted = files.size() + 3;
    if (::geteuid() == 0) {
      const std::string foreign = "/dev/shm/py4cpp.5." + other_hex;
      plant(("py4cpp.5." + other_hex + ".lease"));
      plant(("py4cpp.5." + other_hex + ".0"));
      // In a namespace of our own making there may be no other user to give it to.
      if (::chown((foreign + ".lease").c_str(), 65534, 65534) != 0)
        ::unlink((foreign + ".lease").c_str());
      else
        ++planted;
      ++planted;
    }
    // Odd things within an arena that is swept: only its own regular files go.
    Owner owner;
    const std::string stem_path = "/dev/shm/" + stem(owner.arena);
    ::symlink("psm_12345678", (stem_path + "77").c_str());
    plant(stem(owner.arena) + "007");
    plant(stem(owner.arena) + "4294967296");
    planted += 3;
    if (::geteuid() == 0) {
      plant(stem(owner.arena) + "99");
      const std::string path = stem_path + "99";
      if (::chown(path.c_str(), 65534, 65534) == 0) {
        ++planted;
      } else {
        ::unlink(path.c_str());
      }
    }
    owner.process.kill();
    const std::size_t removed = sweep_abandoned();
    if (removed != 4) return 1;
    if (names_with("").size() != planted + 2) return 2;  // and "." and ".."
    return sweep_abandoned() == 0 ? 0 : 3;
  });
  if (result == 42) GTEST_SKIP() << "no mount namespaces here";
  EXPECT_EQ(result, 0);
}

// Eight processes start arenas, sweep, and are killed, all at once: nobody's living names go, nobody fails to start,
// and in the end nothing is left.
TEST(Sweep, IsSafeAgainstSweepersAndStarters) {
  const auto live = [](Talk& talk, unsigned seed) {
    for (int round = 0; round < 15; ++round) {
      const auto arena = std::make_shared<Arena>();
      const auto block = arena->allocate(100);
      sweep_abandoned();
      if (names_of(arena->id()) != 2) return 1;
      ChildProcess victim([&](Talk& inner) {
        const auto own = std::make_shared<Arena>();
        const auto large = own->allocate(9 * mebibyte);
        inner.send(own->id());
        for (unsigned i = 0; i < seed % 3; ++i) sweep_abandoned();
        for (;;) ::pause();
        return 0;
      });
      const auto dead = victim.talk().receive<ArenaId>();
      if (names_of(dead) != 2) return 2;
      victim.kill();
      sweep_abandoned();
      if (names_of(arena->id()) != 2) return 3;
    }
    talk.send('x');
    return 0;
  };
  const int result = in_child([&] {
    if (!private_shared_memory(256 * mebibyte)) return 42;
    std::vector<std::unique_ptr<ChildProcess>> children;
    for (unsigned i = 0; i < 8; ++i) {
      children.push_back(std::make_unique<ChildProcess>([&, i](Talk& talk) { return live(talk, i); }));
    }
    for (const auto& child : children) {
      if (const int code = child->wait(); code != 0) return code;
    }
    sweep_abandoned();
    return names_with("py4cpp").empty() ? 0 : 10;
  });
  if (result == 42) GTEST_SKIP() << "no mount namespaces here";
  EXPECT_EQ(result, 0);
}

// Killed anywhere between creating the lease and removing the last name: what is left is found by its lease.
TEST(Sweep, FindsWhatAProcessKilledAtAnyMomentLeft) {
  const int result = in_child([] {
    if (!private_shared_memory(64 * mebibyte)) return 42;
    for (unsigned round = 0; round < 40; ++round) {
      ChildProcess victim([](Talk&) {
        for (;;) {
          const auto arena = std::make_shared<Arena>(ArenaLimits{0, 0});
          const auto block = arena->allocate(100);
          arena->allocate(9 * mebibyte);
          sweep_abandoned();
        }
        return 0;
      });
      ::usleep(round * 737 % 5000);
      victim.kill();
      sweep_abandoned();
      if (!names_with("py4cpp").empty()) return 1;
    }
    return 0;
  });
  if (result == 42) GTEST_SKIP() << "no mount namespaces here";
  EXPECT_EQ(result, 0);
}

// Starters against sweepers alone, at the narrowest point: between creating a lease and locking it.
TEST(Sweep, ALeaseLostToASweeperIsNoticed) {
  const int result = in_child([] {
    if (!private_shared_memory(16 * mebibyte)) return 42;
    std::vector<std::unique_ptr<ChildProcess>> sweepers;
    for (int i = 0; i < 3; ++i) {
      sweepers.push_back(std::make_unique<ChildProcess>([](Talk&) {
        for (;;) sweep_abandoned();
        return 0;
      }));
    }
    for (int i = 0; i < 3000; ++i) {
      const ArenaId arena = make_arena_id();
      const auto lease = Lease::acquire(arena);
      if (lease && !exists(lease_path(arena))) return 1;
    }
    for (const auto& sweeper : sweepers) sweeper->kill();
    sweep_abandoned();
    return names_with("py4cpp").empty() ? 0 : 3;
  });
  if (result == 42) GTEST_SKIP() << "no mount namespaces here";
  EXPECT_EQ(result, 0);
}

TEST(Sweep, UnlinkArenaRemovesItsNamesWhoeverHoldsThem) {
  Owner owner;
  Owner other;
  unlink_segments_except(owner.arena, {1});
  EXPECT_EQ(names_of(owner.arena), 2u);
  EXPECT_TRUE(exists("/dev/shm/" + segment_name(owner.arena, 1)));
  unlink_arena(owner.arena);
  EXPECT_EQ(names_of(owner.arena), 0u);
  EXPECT_EQ(names_of(other.arena), 4u);
  other.process.kill();
  EXPECT_TRUE(is_swept(other.arena));
}

TEST(Sweep, ListsArenasWithTheirState) {
  Owner owner;
  const auto find = [&]() -> std::optional<ArenaListing> {
    const auto listings = list_arenas();
    const auto found = std::find_if(listings.begin(), listings.end(),
                                    [&](const ArenaListing& listing) { return listing.arena == owner.arena; });
    return found == listings.end() ? std::nullopt : std::optional(*found);
  };
  const auto alive = find();
  ASSERT_TRUE(alive.has_value());
  EXPECT_TRUE(alive->leased && alive->held);
  EXPECT_EQ(alive->segments, 3u);
  EXPECT_EQ(alive->bytes, 11 * mebibyte);
  const auto share = Lease::join(owner.arena);
  owner.process.kill();
  const auto shared = find();
  ASSERT_TRUE(shared.has_value());
  EXPECT_TRUE(shared->held);
  unlink_arena(owner.arena);
  EXPECT_FALSE(find().has_value());
}

}  // namespace
}  // namespace py4cpp::test
