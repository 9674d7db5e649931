// Calls of C++ callables that were started and not waited for, until their last answer. What they call is released only
// then: C++ runs them on threads of its own, and would find a callable gone that it has been told of too early.
// Any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace py4cpp {

class StartedCalls {
 public:
  void started(std::uint64_t call, std::uint64_t callable) {
    const std::lock_guard lock(mutex_);
    ++callees_[callable].calls;
    callables_[call] = callable;
  }

  struct Due {
    std::uint64_t callable = 0;
    std::uint64_t references = 0;  // to release now
  };
  // The last answer to it has come. Nothing is due for one that wasn't started.
  Due answered(std::uint64_t call) noexcept {
    const std::lock_guard lock(mutex_);
    const auto known = callables_.find(call);
    if (known == callables_.end()) return {};
    const std::uint64_t callable = known->second;
    callables_.erase(known);
    const auto callee = callees_.find(callable);
    if (--callee->second.calls > 0) return {};
    const Due due{callable, callee->second.released};
    callees_.erase(callee);
    return due;
  }

  // Whether these references are kept back.
  bool keeps(std::uint64_t callable, std::uint64_t references) noexcept {
    const std::lock_guard lock(mutex_);
    const auto callee = callees_.find(callable);
    if (callee == callees_.end()) return false;
    callee->second.released += references;
    return true;
  }

 private:
  struct Callee {
    std::uint64_t calls = 0;
    std::uint64_t released = 0;  // references that nobody has any more
  };

  std::mutex mutex_;                                            // a leaf
  std::unordered_map<std::uint64_t, std::uint64_t> callables_;  // by call
  std::unordered_map<std::uint64_t, Callee> callees_;           // by callable
};

}  // namespace py4cpp
