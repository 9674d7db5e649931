#include "feed_state.hpp"

#include "arena.hpp"

#include <py4cpp/error.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace py4cpp {

namespace {

constexpr std::size_t alignment = 64;

std::size_t aligned(std::size_t size) { return (size + alignment - 1) / alignment * alignment; }

std::string in_quotes(const std::string& name) { return "'" + name + "'"; }

void check(const std::vector<FeedArray>& arrays, const FeedOptions& options) {
  const auto refuse = [](const std::string& what) { throw Error(ErrorKind::invalid, "a feed " + what); };
  if (options.slots < 2) refuse("needs at least two slots: one that Python works on while another is filled");
  if (arrays.empty()) refuse("needs at least one array");
  for (auto array = arrays.begin(); array != arrays.end(); ++array) {
    const auto same = [&](const FeedArray& other) { return other.name == array->name; };
    if (std::any_of(arrays.begin(), array, same)) refuse("has two arrays named " + in_quotes(array->name));
    if (array->shape.empty() || array->shape[0] == 0) {
      refuse("needs rows: the shape of " + in_quotes(array->name) + " has none");
    }
    if (array->shape[0] != arrays[0].shape[0]) {
      refuse("needs the same number of rows in every array: " + in_quotes(array->name) + " has " +
             std::to_string(array->shape[0]) + ", " + in_quotes(arrays[0].name) + " has " +
             std::to_string(arrays[0].shape[0]));
    }
  }
}

}  // namespace

struct FeedState::ReturnSlot {
  std::weak_ptr<FeedState> feed;
  std::shared_ptr<Block> block;
  std::size_t slot;

  void operator()(Block*) noexcept {
    block.reset();
    if (const auto living = feed.lock()) living->slot_is_free(slot);
  }
};

FeedState::FeedState(const std::shared_ptr<AsyncPeer>& worker, std::vector<FeedArray> arrays, FeedOptions options)
    : worker_(worker), arrays_(std::move(arrays)), options_(std::move(options)) {
  check(arrays_, options_);
  rows_ = arrays_[0].shape[0];
  std::size_t size = 0;
  for (const FeedArray& array : arrays_) {
    offsets_.push_back(size);
    size += aligned(Layout::row_major(array.dtype, array.shape).nbytes());
  }
  for (std::size_t slot = 0; slot < options_.slots; ++slot) {
    slots_.push_back(process_arena()->allocate(size));
    free_.push_back(options_.slots - 1 - slot);
  }
}

// ---- slots

std::shared_ptr<Block> FeedState::tracked(std::size_t slot) {
  return {slots_[slot].get(), ReturnSlot{weak_from_this(), slots_[slot], slot}};
}

void FeedState::slot_is_free(std::size_t slot) noexcept {
  {
    const std::lock_guard lock(mutex_);
    free_.push_back(slot);  // there is room: it held every slot before
  }
  changed_.notify_one();
}

std::optional<Batch> FeedState::acquire(Deadline deadline) {
  Lock lock(mutex_);
  for (bool first = true;; first = false) {
    check_open();
    if (!free_.empty()) break;
    check_reader();
    if (first) ++stats_.waits;
    if (!deadline) {
      changed_.wait(lock);
    } else if (changed_.wait_until(lock, *deadline) == std::cv_status::timeout && free_.empty()) {
      check_open();
      return std::nullopt;
    }
  }
  const std::size_t slot = free_.back();
  free_.pop_back();
  lock.unlock();
  return Batch(shared_from_this(), tracked(slot));
}

AnyArray FeedState::array(const std::shared_ptr<Block>& block, std::string_view name) const {
  for (std::size_t i = 0; i < arrays_.size(); ++i) {
    if (arrays_[i].name != name) continue;
    ArrayState state;
    state.layout = Layout::row_major(arrays_[i].dtype, arrays_[i].shape);
    state.data = block->data() + offsets_[i];
    state.block = block;
    return AnyArray(std::make_shared<const ArrayState>(std::move(state)));
  }
  std::string known;
  for (const FeedArray& array : arrays_) known += (known.empty() ? "" : ", ") + in_quotes(array.name);
  throw Error(ErrorKind::invalid, "this feed has no array " + in_quotes(std::string(name)) + ", but " + known);
}

// ---- what ends it

void FeedState::check_open() const {
  if (closed_) throw Error(ErrorKind::invalid, "this feed is closed");
  if (error_) std::rethrow_exception(error_);
  if (reader_error_) std::rethrow_exception(reader_error_);
  if (worker_ended_) throw_died();
}

// For whoever is about to wait.
void FeedState::check_reader() const {
  if (called_ && calls_ == 0 && read_ && !reading_) {
    throw Error(ErrorKind::invalid,
                "Python has returned without reading the feed to its end: nobody takes its batches any more");
  }
}

void FeedState::throw_died() const {
  if (const auto worker = worker_.lock()) {
    const Step steps[] = {{Op::value}};
    const Value values[] = {Value()};
    worker->run(Request{steps, values, Want::nothing});  // throws what there is to say
  }
  throw WorkerDied("the Python worker has been stopped");
}

void FeedState::close() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
  }
  changed_.notify_all();
  answer_waiting();
}

void FeedState::fail(std::exception_ptr error) noexcept {
  std::deque<Published> dropped;  // after the lock
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || error_) return;
    error_ = std::move(error);
    dropped.swap(published_);
  }
  changed_.notify_all();
  answer_waiting();
}

void FeedState::worker_ended() noexcept {
  std::deque<Published> dropped;
  std::map<std::uint64_t, std::unique_ptr<OwedAnswer>> unanswered;
  {
    const std::lock_guard lock(mutex_);
    worker_ended_ = true;
    dropped.swap(published_);
    unanswered.swap(waiting_);
  }
  changed_.notify_all();
}

void FeedState::call_started() noexcept {
  const std::lock_guard lock(mutex_);
  ++calls_;
  called_ = true;
  reader_error_ = nullptr;
}

void FeedState::call_ended(const std::exception_ptr& error) noexcept {
  {
    const std::lock_guard lock(mutex_);
    --calls_;
    if (error) reader_error_ = error;
  }
  changed_.notify_all();
}

// ---- batches

void FeedState::publish(std::shared_ptr<Block> block, std::size_t rows) {
  {
    const std::lock_guard lock(mutex_);
    check_open();
    published_.push_back({std::move(block), rows});
    ++stats_.published;
  }
  answer_waiting();
}

void FeedState::end_epoch() {
  {
    const std::lock_guard lock(mutex_);
    check_open();
    published_.emplace_back();
  }
  answer_waiting();
}

void FeedState::take(std::uint64_t turn, std::unique_ptr<OwedAnswer> answer) {
  {
    const std::lock_guard lock(mutex_);
    asked_ = std::max(asked_, turn + 1);
    read_ = true;
    if (turn >= left_before_) reading_ = true;
    waiting_[turn] = std::move(answer);
  }
  answer_waiting();
}

void FeedState::left(std::uint64_t next_turn) {
  {
    const std::lock_guard lock(mutex_);
    no_reader_before(next_turn);
  }
  changed_.notify_all();
}

// Python's requests come on several threads, so some that the loop made may be seen only after its end.
void FeedState::no_reader_before(std::uint64_t turn) noexcept {
  left_before_ = std::max(left_before_, turn);
  if (asked_ <= left_before_) reading_ = false;
}

// Gives each request whose turn it is what there is for it.
void FeedState::answer_waiting() noexcept {
  for (;;) {
    std::unique_ptr<OwedAnswer> answer;
    std::optional<Published> next;
    std::exception_ptr error;
    {
      const std::lock_guard lock(mutex_);
      const bool over = closed_ || error_;
      const auto first = waiting_.find(turn_);
      if (first == waiting_.end() || (published_.empty() && !over)) return;
      answer = std::move(first->second);
      waiting_.erase(first);
      ++turn_;
      error = error_;
      if (!published_.empty()) {
        next = std::move(published_.front());
        published_.pop_front();
        // Python asks for as many turns ahead as there are slots.
        if (!next->block) no_reader_before(turn_ + options_.slots - 1);
      }
    }
    if (next) {
      this->answer(*answer, *next);
      if (!next->block) changed_.notify_all();
    } else if (error) {
      answer->exception(error);
    } else {
      answer->value(Value(false));
    }
  }
}

void FeedState::answer(OwedAnswer& answer, const Published& published) const noexcept {
  try {
    if (!published.block) return answer.value(Value());
    std::vector<std::pair<Value, Value>> items;
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
      ArrayState state;
      Shape shape = arrays_[i].shape;
      shape[0] = published.rows;
      state.layout = Layout::row_major(arrays_[i].dtype, std::move(shape));
      state.data = published.block->data() + offsets_[i];
      state.block = published.block;
      items.emplace_back(Value::make(std::string_view(arrays_[i].name)),
                         Value(AnyArray(std::make_shared<const ArrayState>(std::move(state)))));
    }
    answer.value(Value(Dict(std::move(items))));
  } catch (...) {
    answer.exception(std::current_exception());
  }
}

FeedStats FeedState::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace py4cpp
