// What this process lets one worker use: C++ callables, and C++ exceptions on their way through Python, by id. An entry
// lives until the worker has released as many references as it was sent. Any thread; nothing of the user's runs, or is
// destroyed, under its lock.
#pragma once

#include <py4cpp/callable.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace py4cpp {

class Exports {
 public:
  // One reference more. The same callable keeps its id while it is known.
  std::uint64_t lend(const std::shared_ptr<HostCallable>& callable);
  std::uint64_t lend(std::exception_ptr exception);
  void released(std::uint64_t id, std::uint64_t count);  // too many, or of an unknown id: ignored

  std::shared_ptr<HostCallable> callable(std::uint64_t id) const;  // null if unknown
  std::exception_ptr exception(std::uint64_t id) const;            // null if unknown
  // From now on exceptions stay, whatever the worker releases: it does so as it ends, and answers that nobody has
  // looked at yet may be about them.
  void worker_stops() noexcept;
  void clear_callables() noexcept;  // it has ended

 private:
  struct Entry {
    std::shared_ptr<HostCallable> callable;
    std::uint64_t references = 0;
  };

  mutable std::mutex mutex_;
  std::uint64_t next_id_ = 1;
  bool ending_ = false;
  std::unordered_map<std::uint64_t, Entry> callables_;
  std::unordered_map<std::uint64_t, std::exception_ptr> exceptions_;  // each lent once
  std::unordered_map<const HostCallable*, std::uint64_t> ids_;
};

}  // namespace py4cpp
