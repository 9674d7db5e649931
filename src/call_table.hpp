// The calls a session has asked and not seen answered, by id: an intrusive hash table, so that a call on its caller's
// stack costs no allocation. Guarded by its session's lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace py4cpp {

// `Call` has members `id_` and `next_in_bucket_` that it lets the table use.
template <class Call>
class CallTable {
 public:
  std::size_t size() const noexcept { return size_; }

  Call* find(std::uint64_t id) const noexcept {
    Call* call = first_[index(id)];
    while (call != nullptr && call->id_ != id) call = call->next_in_bucket_;
    return call;
  }

  void insert(Call& call) {
    if (size_ >= first_.size()) grow();
    call.next_in_bucket_ = std::exchange(first_[index(call.id_)], &call);
    ++size_;
  }

  void remove(Call& call) noexcept {
    Call** link = &first_[index(call.id_)];
    while (*link != &call) link = &(*link)->next_in_bucket_;
    *link = std::exchange(call.next_in_bucket_, nullptr);
    --size_;
  }

  template <class Visit>
  void for_each(Visit visit) const {
    for (Call* first : first_) {
      for (Call* call = first; call != nullptr; call = call->next_in_bucket_) visit(*call);
    }
  }

  // Some call, null if there is none.
  Call* any() const noexcept {
    for (Call* first : first_) {
      if (first != nullptr) return first;
    }
    return nullptr;
  }

 private:
  std::size_t index(std::uint64_t id) const noexcept { return id & (first_.size() - 1); }

  void grow() {
    std::vector<Call*> old(first_.size() * 2, nullptr);
    old.swap(first_);
    for (Call* call : old) {
      while (call != nullptr) {
        Call* const next = call->next_in_bucket_;
        call->next_in_bucket_ = std::exchange(first_[index(call->id_)], call);
        call = next;
      }
    }
  }

  std::vector<Call*> first_ = std::vector<Call*>(64, nullptr);  // of each bucket; a power of two
  std::size_t size_ = 0;
};

}  // namespace py4cpp
