#include "feed_slot.hpp"

#include "arena.hpp"

#include <atomic>
#include <new>
#include <utility>

namespace py4cpp {

namespace {

constexpr std::size_t alignment = 64;

std::size_t aligned(std::size_t size) { return (size + alignment - 1) / alignment * alignment; }

// For what has its place in the slot.
struct LeaveAlone {
  void operator()(const void*) const noexcept {}
};

}  // namespace

class FeedSlot::Place {
 public:
  Place() = default;
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  virtual ~Place() = default;

  virtual void returned() noexcept = 0;
  template <class T>
  T* room() noexcept {
    static_assert(sizeof(T) <= sizeof room_ && alignof(T) <= alignof(std::max_align_t));
    return reinterpret_cast<T*>(room_);
  }

 private:
  alignas(std::max_align_t) std::byte room_[96];
};

// Gives one T the place, which is free.
template <class T>
class FeedSlot::InPlace {
 public:
  using value_type = T;

  InPlace(std::shared_ptr<FeedSlot> slot, Place& place) noexcept : slot_(std::move(slot)), place_(&place) {}
  template <class U>
  InPlace(const InPlace<U>& other) noexcept  // NOLINT(google-explicit-constructor): what allocators are
      : slot_(other.slot_), place_(other.place_) {}

  T* allocate(std::size_t) noexcept { return place_->room<T>(); }
  void deallocate(T*, std::size_t) noexcept { place_->returned(); }

  friend bool operator==(const InPlace& a, const InPlace& b) noexcept { return a.place_ == b.place_; }

 private:
  template <class U>
  friend class InPlace;
  std::shared_ptr<FeedSlot> slot_;  // lives as long as what lies in it
  Place* place_;
};

// The counts of the use of a slot.
class FeedSlot::Used final : public Place {
 public:
  explicit Used(std::size_t number) noexcept : number_(number) {}

  void begins(std::weak_ptr<Owner> owner) noexcept { owner_ = std::move(owner); }
  void returned() noexcept override {
    const auto owner = std::exchange(owner_, {}).lock();
    if (owner) owner->slot_is_free(number_);
  }

 private:
  const std::size_t number_;
  std::weak_ptr<Owner> owner_;
};

// What a handle to an array of the slot points to.
class FeedSlot::Handle final : public Place {
 public:
  Handle(std::byte* data, Layout layout) {
    state_.data = data;
    state_.layout = std::move(layout);
  }

  const ArrayState& state() const noexcept { return state_; }
  // False if there is such a handle already.
  bool begins(const std::shared_ptr<Block>& used) noexcept {
    if (taken_.exchange(true, std::memory_order_acquire)) return false;
    state_.block = used;
    return true;
  }
  void returned() noexcept override {
    const auto last = std::move(state_.block);  // goes when the place is free
    taken_.store(false, std::memory_order_release);
  }

 private:
  ArrayState state_;
  std::atomic<bool> taken_{false};
};

FeedSlot::FeedSlot(std::size_t number, const std::vector<FeedArray>& arrays)
    : number_(number), used_(std::make_unique<Used>(number)) {
  std::size_t size = 0;
  std::vector<std::size_t> offsets;
  for (const FeedArray& array : arrays) {
    sent_.push_back({array.name, Layout::row_major(array.dtype, array.shape), nullptr});
    offsets.push_back(size);
    size += aligned(sent_.back().layout.nbytes());
  }
  block_ = process_arena()->allocate(size);
  for (std::size_t i = 0; i < sent_.size(); ++i) {
    std::byte* const data = block_->data() + offsets[i];
    sent_[i].data = data;
    handles_.push_back(std::make_unique<Handle>(data, sent_[i].layout));
  }
}

FeedSlot::~FeedSlot() = default;

std::shared_ptr<Block> FeedSlot::use(std::weak_ptr<Owner> owner) {
  used_->begins(std::move(owner));
  return {block_.get(), LeaveAlone(), InPlace<Block>(shared_from_this(), *used_)};
}

AnyArray FeedSlot::array(std::size_t index, const std::shared_ptr<Block>& used) {
  Handle& handle = *handles_[index];
  if (handle.begins(used)) {
    return AnyArray(std::shared_ptr<const ArrayState>(&handle.state(), LeaveAlone(),
                                                      InPlace<ArrayState>(shared_from_this(), handle)));
  }
  auto another = std::make_shared<ArrayState>();
  another->data = handle.state().data;
  another->layout = handle.state().layout;
  another->block = used;
  return AnyArray(std::move(another));
}

std::span<const NamedArray> FeedSlot::arrays(std::size_t rows) noexcept {
  for (NamedArray& array : sent_) array.layout.shape[0] = rows;
  return sent_;
}

}  // namespace py4cpp
