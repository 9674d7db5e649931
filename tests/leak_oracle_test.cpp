#include "leak_oracle.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace py4cpp::test {
namespace {

constexpr std::size_t page = 4096;

// A name in /dev/shm of our kind, removed at the end.
class Name {
 public:
  explicit Name(pid_t pid) : name_("py4cpp." + std::to_string(pid) + ".00000000000000000000000000000000.7") {
    descriptor_ = shm_open(name_.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
  }
  ~Name() {
    shm_unlink(name_.c_str());
    close(descriptor_);
  }
  Name(const Name&) = delete;
  Name& operator=(const Name&) = delete;

  int descriptor() const { return descriptor_; }

 private:
  std::string name_;
  int descriptor_;
};

bool mentions(const std::vector<std::string>& sentences, const std::string& text) {
  for (const std::string& sentence : sentences) {
    if (sentence.find(text) != std::string::npos) return true;
  }
  return false;
}

TEST(LeakOracle, FindsNothingWhereNothingHappened) {
  const Holdings before = Holdings::now();
  EXPECT_EQ(Holdings::now().changes_since(before), std::vector<std::string>());
}

TEST(LeakOracle, SeesADescriptorLeftOpenAndOneClosed) {
  const Holdings before = Holdings::now();
  const int descriptor = open("/dev/null", O_RDONLY);
  const Holdings with = Holdings::now();
  close(descriptor);
  EXPECT_TRUE(mentions(with.changes_since(before), "left a descriptor open: " + std::to_string(descriptor)));
  EXPECT_TRUE(mentions(Holdings::now().changes_since(with), "closed a descriptor it had not opened"));
}

TEST(LeakOracle, SeesANameOfThisProcess) {
  const Holdings before = Holdings::now();
  const Name name(getpid());
  EXPECT_TRUE(mentions(Holdings::now().changes_since(before), "left a name in /dev/shm: py4cpp."));
}

TEST(LeakOracle, LeavesNamesOfOtherLivingProcessesAlone) {
  const Holdings before = Holdings::now();
  const Name name(getppid());
  EXPECT_FALSE(mentions(Holdings::now().changes_since(before), "left a name"));
}

TEST(LeakOracle, SeesAMappingWhoseNameIsGone) {
  const Holdings before = Holdings::now();
  void* memory = nullptr;
  {
    const Name name(getpid());
    ASSERT_EQ(ftruncate(name.descriptor(), page), 0);
    memory = mmap(nullptr, page, PROT_READ, MAP_SHARED, name.descriptor(), 0);
  }
  ASSERT_NE(memory, MAP_FAILED);
  const auto changes = Holdings::now().changes_since(before);
  munmap(memory, page);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_TRUE(mentions(changes, "left a segment mapped: py4cpp."));
  EXPECT_TRUE(mentions(changes, "(4096 bytes)"));
}

TEST(LeakOracle, SeesAChildThatWasNotReaped) {
  const Holdings before = Holdings::now();
  const pid_t child = fork();
  if (child == 0) _exit(0);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(mentions(Holdings::now().changes_since(before), "left a child process: " + std::to_string(child)));
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
}

TEST(LeakOracle, SeesAThread) {
  const Holdings before = Holdings::now();
  std::mutex gate;
  gate.lock();
  std::thread thread([&] { const std::lock_guard waits(gate); });
  const auto changes = Holdings::now().changes_since(before);
  gate.unlock();
  thread.join();
  EXPECT_TRUE(mentions(changes, "left a thread:"));
}

}  // namespace
}  // namespace py4cpp::test
