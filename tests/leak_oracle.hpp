// The check for leftovers: whatever a test does, when it has ended there must be no name in /dev/shm, descriptor, child
// process, thread or mapping of a segment that wasn't there before, and no descriptor may have been closed that was.
//
// LeakOracle is a GoogleTest listener, and main.cpp gives one to every test executable. It compares around every test
// and around every test suite, and gives what ends by itself up to a second to do so. Used by the main thread only.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace py4cpp::test {

// What this process holds at one moment, each thing in words. Names in /dev/shm count if they belong to this process,
// to a descendant, or to a process that is dead and whose lease nobody else holds: tests run side by side.
struct Holdings {
  std::set<std::string> names, descriptors, children, threads, mappings;

  static Holdings now();
  std::vector<std::string> changes_since(const Holdings& before) const;  // sentences; empty if all is well
};

class LeakOracle : public ::testing::EmptyTestEventListener {
 public:
  // Adds something to do before each look: giving back what is kept on purpose, such as warm memory.
  static void before_comparing(std::function<void()> action);

 private:
  void OnTestSuiteStart(const ::testing::TestSuite& suite) override;
  void OnTestStart(const ::testing::TestInfo& test) override;
  void OnTestEnd(const ::testing::TestInfo& test) override;
  void OnTestSuiteEnd(const ::testing::TestSuite& suite) override;

  Holdings before_suite_, before_test_;
};

}  // namespace py4cpp::test
