#include "exports.hpp"

#include <utility>

namespace py4cpp {

std::uint64_t Exports::lend(const std::shared_ptr<HostCallable>& callable) {
  const std::lock_guard lock(mutex_);
  const auto [known, added] = ids_.try_emplace(callable.get(), next_id_);
  if (added) entries_[next_id_++].callable = callable;
  ++entries_[known->second].references;
  return known->second;
}

std::uint64_t Exports::lend(std::exception_ptr exception) {
  const std::lock_guard lock(mutex_);
  entries_[next_id_] = {nullptr, std::move(exception), 1};
  return next_id_++;
}

void Exports::released(std::uint64_t id, std::uint64_t count) {
  Entry gone;  // destroyed after the lock
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  if (count < entry->second.references) {
    entry->second.references -= count;
    return;
  }
  gone = std::move(entry->second);
  if (gone.callable) ids_.erase(gone.callable.get());
  entries_.erase(entry);
}

std::shared_ptr<HostCallable> Exports::callable(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(id);
  return entry != entries_.end() ? entry->second.callable : nullptr;
}

std::exception_ptr Exports::exception(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(id);
  return entry != entries_.end() ? entry->second.exception : nullptr;
}

void Exports::clear() {
  std::unordered_map<std::uint64_t, Entry> gone;  // destroyed after the lock
  const std::lock_guard lock(mutex_);
  gone.swap(entries_);
  ids_.clear();
}

}  // namespace py4cpp
