// The main function of every test executable.
#include <gtest/gtest.h>
#include <sys/statvfs.h>

#include <cstdlib>
#include <thread>

#include "arena.hpp"
#include "child_process.hpp"
#include "leak_oracle.hpp"
#include "source_dir.hpp"

int main(int argc, char** argv) {
  using namespace py4cpp;
  ::testing::InitGoogleTest(&argc, argv);
  // A choice of interpreter stands; otherwise it is the one the build was configured with. The user's settings don't
  // count: there is no such file.
  setenv("PY4CPP_PYTHON", test::test_python().c_str(), /*overwrite=*/0);
  setenv("PY4CPP_CONFIG", (test::source_dir() / "tests/no_config.toml").c_str(), /*overwrite=*/1);

  // Where the system allows it, this process has a /dev/shm of its own, as large as the machine's: what the tests
  // beside it leave for a while, or sweep, is not seen here. Elsewhere the check for leftovers tells names apart as it
  // can.
  struct statvfs shared_memory {};
  if (statvfs("/dev/shm", &shared_memory) == 0) {
    test::private_shared_memory(shared_memory.f_blocks * shared_memory.f_frsize);
  }
  // ThreadSanitizer starts a thread of its own with the first of ours; it, too, is no leftover of any test.
  std::thread([] {}).join();
  // The process's arena lives until exit. So that its lease is no leftover of whichever test is first, it is made here;
  // the memory that it keeps warm is given back before each comparison.
  process_arena()->allocate(1);
  test::LeakOracle::before_comparing([] { process_arena()->trim(); });
  ::testing::UnitTest::GetInstance()->listeners().Append(new test::LeakOracle);
  return RUN_ALL_TESTS();
}
