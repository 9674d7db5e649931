#include "exports.hpp"

#include <utility>

namespace py4cpp {

std::uint64_t Exports::lend(const std::shared_ptr<HostCallable>& callable) {
  const std::lock_guard lock(mutex_);
  const auto [known, added] = ids_.try_emplace(callable.get(), next_id_);
  if (added) callables_[next_id_++].callable = callable;
  ++callables_[known->second].references;
  return known->second;
}

std::uint64_t Exports::lend(std::exception_ptr exception) {
  const std::lock_guard lock(mutex_);
  exceptions_[next_id_] = std::move(exception);
  return next_id_++;
}

void Exports::released(std::uint64_t id, std::uint64_t count) {
  Entry gone;  // both destroyed after the lock
  std::exception_ptr gone_exception;
  const std::lock_guard lock(mutex_);
  if (const auto exception = exceptions_.find(id); exception != exceptions_.end()) {
    if (count == 0 || ending_) return;
    gone_exception = std::move(exception->second);
    exceptions_.erase(exception);
    return;
  }
  const auto entry = callables_.find(id);
  if (entry == callables_.end()) return;
  if (count < entry->second.references) {
    entry->second.references -= count;
    return;
  }
  gone = std::move(entry->second);
  ids_.erase(gone.callable.get());
  callables_.erase(entry);
}

std::shared_ptr<HostCallable> Exports::callable(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto entry = callables_.find(id);
  return entry != callables_.end() ? entry->second.callable : nullptr;
}

std::exception_ptr Exports::exception(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto entry = exceptions_.find(id);
  return entry != exceptions_.end() ? entry->second : nullptr;
}

void Exports::worker_stops() noexcept {
  const std::lock_guard lock(mutex_);
  ending_ = true;
}

void Exports::clear_callables() noexcept {
  std::unordered_map<std::uint64_t, Entry> gone;  // destroyed after the lock
  const std::lock_guard lock(mutex_);
  gone.swap(callables_);
  ids_.clear();
}

}  // namespace py4cpp
