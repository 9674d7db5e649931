#include "numpy_memory.hpp"

#include "freed_memory.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <pthread.h>

namespace py4cpp {

namespace {

// numpy's PyDataMem_Handler, of version 1.
struct Functions {
  void* context;
  void* (*allocate)(void* context, std::size_t size);
  void* (*allocate_zeroed)(void* context, std::size_t count, std::size_t size);
  void* (*reallocate)(void* context, void* data, std::size_t size);
  void (*release)(void* context, void* data, std::size_t size);
};
struct Handler {
  char name[127];
  std::uint8_t version;
  Functions functions;
};
static_assert(sizeof(Handler) == 168 && offsetof(Handler, functions) == 128);

constexpr const char* capsule_name = "mem_handler";
constexpr std::size_t alignment = 64;
// numpy keeps freed memory below this for itself, by the size it was asked for.
constexpr std::size_t least_threshold = 1024;
// Whoever asks for more zeros than this may mean to touch few of them.
constexpr std::size_t most_fresh_zeros = std::size_t{256} << 20;

class Births {
 public:
  Births(const Functions& own, std::shared_ptr<Arena> arena, std::size_t threshold)
      : own_(own), arena_(std::move(arena)), threshold_(std::max(threshold, least_threshold)) {}

  void* allocate(std::size_t size) noexcept {
    void* data = nullptr;
    if (size > threshold_) {
      data = born(size, arena_->offer(size, true));
    } else if (size > least_threshold) {
      data = small_buffer(size);
    }
    return data != nullptr ? data : own_.allocate(own_.context, size);
  }

  void* allocate_zeroed(std::size_t count, std::size_t size) noexcept {
    std::size_t total = 0;
    if (!__builtin_mul_overflow(count, size, &total) && total > threshold_) {
      const Offer offer = arena_->offer(total, total <= most_fresh_zeros);
      if (void* data = born(total, offer)) return offer.zeroed ? data : std::memset(data, 0, total);
    }
    return own_.allocate_zeroed(own_.context, count, size);
  }

  void* reallocate(void* data, std::size_t size) noexcept {
    if (data == nullptr) return allocate(size);
    const Born had = may_be_ours(data) ? born_at(data) : Born{};
    if (had.place == FreeSpace::none) return reallocate_foreign(data, size);
    if (size <= had.room && size >= had.room / 2 && !arena_->has_block(had.place)) return resized(data, size);
    void* const moved = allocate(size);
    if (moved == nullptr) return nullptr;
    std::memcpy(moved, data, std::min(had.size, size));
    forget(data);
    return moved;
  }

  void release(void* data, std::size_t size) noexcept {
    if (may_be_ours(data) && forget(data)) return;
    if (size <= least_threshold || size > threshold_ || !keep_freed(data, size)) own_.release(own_.context, data, size);
  }

  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  struct Born {
    FreeSpace::RangeId place = FreeSpace::none;
    std::size_t size = 0;  // that was asked for
    std::size_t room = 0;  // that there is
  };
  using Table = std::unordered_map<const void*, Born>;

  // Takes what is offered, if anything is, into the table.
  void* born(std::size_t size, const Offer& offer) noexcept {
    if (offer.data == nullptr) return nullptr;
    const auto address = reinterpret_cast<std::uintptr_t>(offer.data);
    try {
      const std::lock_guard lock(mutex_);
      enter(offer.data, {offer.place, size, offer.size});
      if (address < lowest_.load(std::memory_order_relaxed)) lowest_.store(address, std::memory_order_relaxed);
      if (address > highest_.load(std::memory_order_relaxed)) highest_.store(address, std::memory_order_relaxed);
      return offer.data;
    } catch (const std::exception&) {
    }
    arena_->decline(offer.place);
    return nullptr;
  }

  // With the entry of what was freed last, if there is one: most arrays are short-lived.
  void enter(const void* data, const Born& born) {
    if (!spare_) {
      table_.emplace(data, born);
      return;
    }
    spare_.key() = data;
    spare_.mapped() = born;
    table_.insert(std::move(spare_));
  }

  // No lock: small arrays are many, and most of them lie elsewhere or aren't aligned as ours are.
  bool may_be_ours(const void* data) const noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(data);
    return address % alignment == 0 && address >= lowest_.load(std::memory_order_relaxed) &&
           address <= highest_.load(std::memory_order_relaxed);
  }

  Born born_at(const void* data) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = table_.find(data);
    return found == table_.end() ? Born{} : found->second;
  }

  void* resized(void* data, std::size_t size) noexcept {
    const std::lock_guard lock(mutex_);
    table_.find(data)->second.size = size;
    return data;
  }

  bool forget(const void* data) noexcept {
    FreeSpace::RangeId place = FreeSpace::none;
    {
      const std::lock_guard lock(mutex_);
      const auto found = table_.find(data);
      if (found == table_.end()) return false;
      place = found->second.place;
      if (spare_) {
        table_.erase(found);
      } else {
        spare_ = table_.extract(found);
      }
    }
    arena_->decline(place);
    return true;
  }

  // What grows beyond the threshold moves into the arena. Only numpy's own function knows how large it was.
  void* reallocate_foreign(void* data, std::size_t size) noexcept {
    void* const grown = own_.reallocate(own_.context, data, size);
    if (grown == nullptr || size <= threshold_) return grown;
    void* const moved = born(size, arena_->offer(size, true));
    if (moved == nullptr) return grown;
    std::memcpy(moved, grown, size);
    own_.release(own_.context, grown, size);
    return moved;
  }

  const Functions own_;  // numpy's
  const std::shared_ptr<Arena> arena_;
  const std::size_t threshold_;
  std::atomic<std::uintptr_t> lowest_{UINTPTR_MAX}, highest_{0};  // addresses that were ever ours; written under mutex_

  std::mutex mutex_;
  Table table_;             // guarded by mutex_
  Table::node_type spare_;  // guarded by mutex_
};

Births* births = nullptr;  // for good, once made

const Functions shared_functions = {
    nullptr, [](void*, std::size_t size) { return births->allocate(size); },
    [](void*, std::size_t count, std::size_t size) { return births->allocate_zeroed(count, size); },
    [](void*, void* data, std::size_t size) { return births->reallocate(data, size); },
    [](void*, void* data, std::size_t size) { births->release(data, size); }};

// The C library's, for where numpy's own can't be asked.
const Functions plain_functions = {nullptr, [](void*, std::size_t size) { return std::malloc(size); },
                                   [](void*, std::size_t count, std::size_t size) { return std::calloc(count, size); },
                                   [](void*, void* data, std::size_t size) { return std::realloc(data, size); },
                                   [](void*, void* data, std::size_t) { std::free(data); }};

void make_births(const Functions& own, std::shared_ptr<Arena> arena, std::size_t threshold) {
  births = new Births(own, std::move(arena), threshold);
  pthread_atfork([] { births->lock(); }, [] { births->unlock(); }, [] { births->unlock(); });
}

Handler* known_default_handler(const Numpy::MemoryHandling& numpy) {
  auto* handler = static_cast<Handler*>(PyCapsule_GetPointer(numpy.default_handler, capsule_name));
  if (handler == nullptr) PyErr_Clear();
  const bool known = handler != nullptr && std::string_view(handler->name) == "default_allocator" &&
                     handler->version == 1 && handler->functions.allocate != nullptr;
  return known ? handler : nullptr;
}

}  // namespace

void share_numpy_memory(const Numpy& numpy, std::shared_ptr<Arena> arena, std::size_t threshold) {
  const std::optional<Numpy::MemoryHandling> handling = numpy.memory_handling();
  if (births != nullptr || !handling) return;
  if (Handler* handler = known_default_handler(*handling)) {
    make_births(handler->functions, std::move(arena), threshold);
    // Any order will do: each function serves what the old and the new ones made.
    handler->functions = {handler->functions.context, shared_functions.allocate, shared_functions.allocate_zeroed,
                          shared_functions.reallocate, shared_functions.release};
    return;
  }
  make_births(plain_functions, std::move(arena), threshold);
  static Handler ours = {"py4cpp_allocator", 1, shared_functions};
  const Ref capsule = checked(PyCapsule_New(&ours, capsule_name, nullptr));
  checked(handling->set_handler(capsule.get()));
}

}  // namespace py4cpp
