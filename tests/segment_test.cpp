#include "segment.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <py4cpp/error.hpp>

#include <csignal>
#include <cstring>
#include <set>
#include <string>

#include "affordable_memory.hpp"
#include "child_process.hpp"

namespace py4cpp::test {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

std::string path_of(const ArenaId& arena, std::uint32_t number) { return "/dev/shm/" + segment_name(arena, number); }

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::shared_ptr<Segment> create(const ArenaId& arena, std::uint32_t number, std::size_t bytes) {
  return Segment::create(arena, number, bytes, bytes);
}

// What creating that many bytes throws; its text must not contain the name's random part.
template <class F>
ErrorKind kind_thrown(const ArenaId& arena, F function) {
  try {
    function();
  } catch (const Error& error) {
    const std::string digits = segment_name(arena, 0).substr(segment_name(arena, 0).size() - 34, 32);
    EXPECT_EQ(std::string(error.what()).find(digits), std::string::npos);
    EXPECT_EQ(std::string(error.what()).find("py4cpp."), std::string::npos) << error.what();
    return error.kind();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorKind::raised;
}

TEST(Segment, NamesAreRandomAndSpellOutTheArena) {
  const ArenaId arena{0x0123456789abcdef, 0xf, 4242};
  EXPECT_EQ(segment_name(arena, 7), "py4cpp.4242.0123456789abcdef000000000000000f.7");
  std::set<std::string> names;
  for (int i = 0; i < 100; ++i) names.insert(segment_name(make_arena_id(), 0));
  EXPECT_EQ(names.size(), 100u);
  EXPECT_EQ(make_arena_id().pid, ::getpid());
}

TEST(Segment, IsPrivateReservedAndGoneWithItsOwner) {
  const ArenaId arena = make_arena_id();
  const mode_t umask_before = ::umask(0);
  auto segment = create(arena, 3, 3 * mebibyte);
  ::umask(umask_before);
  struct stat facts {};
  ASSERT_EQ(::stat(path_of(arena, 3).c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0600u);
  EXPECT_EQ(facts.st_size, static_cast<off_t>(3 * mebibyte));
  EXPECT_EQ(facts.st_blocks * 512, static_cast<blkcnt_t>(3 * mebibyte));  // every page is ours already
  EXPECT_EQ(segment->size(), 3 * mebibyte);
  EXPECT_NE(::fcntl(segment->descriptor(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(segment->data()) % Segment::page, 0u);
  segment.reset();
  EXPECT_FALSE(exists(path_of(arena, 3)));
}

TEST(Segment, AnAttachedOneIsTheSamePagesAndOutlivesTheName) {
  const ArenaId arena = make_arena_id();
  auto owner = create(arena, 0, mebibyte);
  const auto other = Segment::attach(arena, 0);
  EXPECT_NE(other->data(), owner->data());
  EXPECT_EQ(other->size(), mebibyte);
  std::memset(owner->data(), 0x5a, mebibyte);
  EXPECT_EQ(other->data()[mebibyte - 1], std::byte{0x5a});
  other->data()[17] = std::byte{1};
  EXPECT_EQ(owner->data()[17], std::byte{1});
  owner.reset();
  EXPECT_FALSE(exists(path_of(arena, 0)));
  EXPECT_EQ(other->data()[17], std::byte{1});
  EXPECT_EQ(kind_thrown(arena, [&] { Segment::attach(arena, 0); }), ErrorKind::exhausted);
}

TEST(Segment, TwoOfOneNameCannotBe) {
  const ArenaId arena = make_arena_id();
  const auto first = create(arena, 0, Segment::page);
  EXPECT_EQ(kind_thrown(arena, [&] { create(arena, 0, Segment::page); }), ErrorKind::exhausted);
  EXPECT_TRUE(exists(path_of(arena, 0)));
}

TEST(Segment, AttachRefusesFilesThatAreNotOurs) {
  const ArenaId arena = make_arena_id();
  const std::string path = path_of(arena, 0);
  const auto attach = [&] { return kind_thrown(arena, [&] { Segment::attach(arena, 0); }); };
  EXPECT_EQ(attach(), ErrorKind::exhausted);  // nothing there

  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  EXPECT_EQ(attach(), ErrorKind::bug);  // empty
  ASSERT_EQ(::ftruncate(file, 4096), 0);
  EXPECT_NO_THROW(Segment::attach(arena, 0));
  for (const mode_t mode : {0640u, 0604u, 0666u, 0601u}) {
    ASSERT_EQ(::fchmod(file, mode), 0);
    EXPECT_EQ(attach(), ErrorKind::bug) << mode;
  }
  ASSERT_EQ(::fchmod(file, 0600), 0);
  if (::geteuid() == 0) {
    ASSERT_EQ(::fchown(file, 65534, 65534), 0);
    EXPECT_EQ(attach(), ErrorKind::bug);
    ASSERT_EQ(::fchown(file, 0, 0), 0);
  }
  const std::string moved = path_of(arena, 1);
  ASSERT_EQ(::rename(path.c_str(), moved.c_str()), 0);
  ASSERT_EQ(::symlink(moved.c_str(), path.c_str()), 0);
  EXPECT_EQ(attach(), ErrorKind::bug);
  ::unlink(path.c_str());
  ::unlink(moved.c_str());
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(attach(), ErrorKind::bug);
  ::unlink(path.c_str());
  ::close(file);
}

TEST(Segment, AFullSharedMemoryIsAnErrorNotASignal) {
  const int result = in_child([] {
    if (!private_shared_memory(mebibyte)) return 42;
    const ArenaId arena = make_arena_id();
    for (int round = 0; round < 100; ++round) {
      try {
        create(arena, 0, 4 * mebibyte);
        return 1;
      } catch (const OutOfSharedMemory& error) {
        if (error.asked() != 4 * mebibyte || error.available() != mebibyte) return 2;
      }
      if (!names_with("py4cpp").empty()) return 3;
    }
    const auto most = create(arena, 1, mebibyte);
    std::memset(most->data(), 1, mebibyte);
    return 0;
  });
  if (result == 42) GTEST_SKIP() << "no mount namespaces here";
  EXPECT_EQ(result, 0);
}

// More than one chunk is reserved, and then given back, before the error counts what is free.
TEST(Segment, AShortageInALaterChunkLeavesNothing) {
  const int result = in_child([] {
    if (!private_shared_memory(40 * mebibyte)) return 42;
    try {
      create(make_arena_id(), 0, 64 * mebibyte);
      return 1;
    } catch (const OutOfSharedMemory& error) {
      return error.available() == 40 * mebibyte && names_with("py4cpp").empty() ? 0 : 2;
    }
  });
  if (result == 42) GTEST_SKIP() << "no mount namespaces here";
  EXPECT_EQ(result, 0);
}

TEST(Segment, ALimitOnFileSizeIsAnErrorNotASignal) {
  EXPECT_EQ(in_child([] {
              const rlimit limit{mebibyte, mebibyte};
              if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
              const ArenaId arena = make_arena_id();
              if (kind_thrown(arena, [&] { create(arena, 0, 4 * mebibyte); }) != ErrorKind::exhausted) return 2;
              sigset_t pending;
              sigpending(&pending);
              if (sigismember(&pending, SIGXFSZ) != 0) return 3;
              sigset_t blocked;
              pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
              if (sigismember(&blocked, SIGXFSZ) != 0 || sigismember(&blocked, SIGTERM) != 0) return 4;
              create(arena, 1, mebibyte);
              return names_with(segment_name(arena, 0)).empty() ? 0 : 5;
            }),
            0);
}

// The kernel would grant it, and kill processes later. The limit is only there in case this fails.
TEST(Segment, MoreThanTheMachineHasIsRefusedAtOnce) {
  const std::uint64_t affordable = affordable_memory();
  EXPECT_GT(affordable, mebibyte);
  if (affordable > std::uint64_t{1} << 50) GTEST_SKIP() << "the system doesn't say what it has";
  struct statvfs room {};
  ASSERT_EQ(::statvfs("/dev/shm", &room), 0);
  EXPECT_EQ(in_child([&] {
              const rlimit limit{64 * mebibyte, 64 * mebibyte};
              ::setrlimit(RLIMIT_FSIZE, &limit);
              try {
                create(make_arena_id(), 0, (affordable / mebibyte + 1024) * mebibyte);
                return 1;
              } catch (const OutOfSharedMemory& error) {
                const bool fits = error.asked() < room.f_bavail * room.f_frsize;
                return !fits || std::string(error.what()).find("the machine") != std::string::npos ? 0 : 2;
              }
            }),
            0);
}

TEST(Segment, ASignalThatWasPendingStaysPending) {
  EXPECT_EQ(in_child([] {
              sigset_t own;
              sigemptyset(&own);
              sigaddset(&own, SIGXFSZ);
              pthread_sigmask(SIG_BLOCK, &own, nullptr);
              ::raise(SIGXFSZ);
              create(make_arena_id(), 0, mebibyte);
              sigset_t pending;
              sigpending(&pending);
              return sigismember(&pending, SIGXFSZ) == 1 ? 0 : 1;
            }),
            0);
}

TEST(Segment, MissingDescriptorsAreAnError) {
  EXPECT_EQ(in_child([] {
              const ArenaId arena = make_arena_id();
              const auto segment = create(arena, 0, Segment::page);
              rlimit limit{};
              ::getrlimit(RLIMIT_NOFILE, &limit);
              limit.rlim_cur = static_cast<rlim_t>(segment->descriptor()) + 1;
              ::setrlimit(RLIMIT_NOFILE, &limit);
              if (kind_thrown(arena, [&] { create(arena, 1, Segment::page); }) != ErrorKind::exhausted) return 1;
              return kind_thrown(arena, [&] { Segment::attach(arena, 0); }) == ErrorKind::exhausted ? 0 : 2;
            }),
            0);
}

TEST(Segment, AForkedChildRemovesNothing) {
  const ArenaId arena = make_arena_id();
  auto segment = create(arena, 0, Segment::page);
  EXPECT_EQ(in_child([&] {
              segment->unlink();
              segment.reset();
              return 0;
            }),
            0);
  EXPECT_TRUE(exists(path_of(arena, 0)));
}

TEST(Segment, TheNameCanChangeOwners) {
  const ArenaId arena = make_arena_id();
  auto owner = create(arena, 0, Segment::page);
  auto heir = Segment::attach(arena, 0);
  owner->bequeath();
  owner.reset();
  EXPECT_TRUE(exists(path_of(arena, 0)));
  const auto keeper = std::make_shared<int>(1);
  heir->inherit(keeper);
  EXPECT_EQ(keeper.use_count(), 2);
  heir.reset();
  EXPECT_FALSE(exists(path_of(arena, 0)));
  EXPECT_EQ(keeper.use_count(), 1);
}

}  // namespace
}  // namespace py4cpp::test
