#include "feed_state.hpp"

#include <py4cpp/error.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace py4cpp {

namespace {

std::exception_ptr stopped() { return std::make_exception_ptr(WorkerDied("the Python worker has been stopped")); }

std::string in_quotes(const std::string& name) { return "'" + name + "'"; }

constexpr std::size_t most_slots = 65536;  // a larger number is a mistake that would fill the machine's memory first

void check(const std::vector<FeedArray>& arrays, const FeedOptions& options) {
  const auto refuse = [](const std::string& what) { throw Error(ErrorKind::invalid, "a feed " + what); };
  if (options.slots < 2) refuse("needs at least two slots: one that Python works on while another is filled");
  if (options.slots > most_slots) refuse("has at most " + std::to_string(most_slots) + " slots");
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

FeedState::FeedState(const std::shared_ptr<Worker>& worker, std::vector<FeedArray> arrays, FeedOptions options)
    : worker_(worker), arrays_(std::move(arrays)), options_(std::move(options)) {
  check(arrays_, options_);
  rows_ = arrays_[0].shape[0];
  for (std::size_t slot = 0; slot < options_.slots; ++slot) {
    slots_.push_back(std::make_shared<FeedSlot>(slot, arrays_));
    free_.push_back(options_.slots - 1 - slot);
  }
  waiting_.set_capacity(1);
  published_.set_capacity(options_.slots);
}

// ---- slots

FeedSlot& FeedState::slot_of(const Block& block) const noexcept {
  const auto is_its = [&](const auto& slot) { return slot->block() == &block; };
  return **std::find_if(slots_.begin(), slots_.end(), is_its);
}

void FeedState::slot_is_free(std::size_t slot) noexcept {
  bool woken = false;
  {
    const std::lock_guard lock(mutex_);
    free_.push_back(slot);  // there is room: it held every slot before
    woken = !waiting_.empty();
    wake_one();
  }
  if (woken) nudge();
}

std::optional<Batch> FeedState::acquire(Deadline deadline) {
  Lock lock(mutex_);
  for (bool first = true;; first = false) {
    check_open();
    if (!free_.empty()) break;
    check_reader();
    if (first) ++stats_.waits;
    if (!keepers_.empty()) {
      lock.unlock();
      answer_keepers(true);
      lock.lock();
      continue;
    }
    bool limited = false;
    if (!wait(lock, deadline, limited) && free_.empty()) {
      check_open();
      if (limited) throw TimedOut("no slot of the feed was free within the time limit");
      return std::nullopt;
    }
  }
  const std::size_t slot = free_.back();
  free_.pop_back();
  lock.unlock();
  return Batch(shared_from_this(), slots_[slot]->use(weak_from_this()));
}

// Reading, if no other thread does: what frees a slot is what Python sends.
bool FeedState::wait(Lock& lock, Deadline deadline, bool& limited) {
  auto worker = worker_.lock();
  if (!worker) throw_died();
  if (const Deadline limit = worker->time_limit(); limit && (!deadline || *limit < *deadline)) {
    deadline = limit;
    limited = true;
  }
  Waiting look{false};
  if (waiting_.full()) waiting_.set_capacity(2 * waiting_.capacity());
  waiting_.push_back(&look);
  lock.unlock();
  std::exception_ptr error;
  bool open = true;
  try {
    open = worker->wait(look, deadline);
  } catch (...) {
    error = std::current_exception();
  }
  worker.reset();  // its end may free slots, if this was its last owner: without the lock
  lock.lock();
  waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), &look), waiting_.end());
  if (error) std::rethrow_exception(error);
  const auto ended = [&] { return worker_ended_; };
  if (!open && deadline) return ended_.wait_until(lock, *deadline, ended);
  if (!open) ended_.wait(lock, ended);
  return look.load() || !open;
}

void FeedState::wake_one() noexcept {
  if (waiting_.empty()) return;
  waiting_.front()->store(true);
  waiting_.pop_front();
}

void FeedState::wake_all() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) return;
    while (!waiting_.empty()) wake_one();
  }
  nudge();
}

void FeedState::nudge() const noexcept {
  if (const auto worker = worker_.lock()) worker->nudge();
}

AnyArray FeedState::array(const std::shared_ptr<Block>& block, std::string_view name) const {
  for (std::size_t i = 0; i < arrays_.size(); ++i) {
    if (arrays_[i].name == name) return slot_of(*block).array(i, block);
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
  if (called_ && calls_ == 0 && change_ % 2 == 1) {
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
  wake_all();
  answer_keepers(false);
  send();
}

void FeedState::fail(std::exception_ptr error) noexcept {
  Queue dropped;  // after the lock
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || error_) return;
    error_ = std::move(error);
    dropped.swap(published_);
  }
  wake_all();
  answer_keepers(false);
  send();
}

// A loop that waits for more would hold up its end.
void FeedState::worker_stops() noexcept {
  {
    const std::lock_guard lock(mutex_);
    worker_stops_ = true;
  }
  answer_keepers(false);
  send();
}

void FeedState::worker_ended() noexcept {
  Queue dropped;
  std::shared_ptr<OwedAnswer> unanswered;
  std::vector<std::unique_ptr<OwedAnswer>> keepers;
  {
    const std::lock_guard lock(mutex_);
    keepers.swap(keepers_);
    worker_ended_ = true;
    dropped.swap(published_);
    unanswered.swap(stream_);
  }
  ended_.notify_all();
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
  wake_all();
}

// ---- batches

void FeedState::publish(std::shared_ptr<Block> block, std::size_t rows) { queue({std::move(block), rows, false}); }

void FeedState::end_epoch() { queue({}); }

void FeedState::queue(Published published) {
  bool is_kept = false;
  {
    const std::lock_guard lock(mutex_);
    check_open();
    if (published.block) ++stats_.published;
    push(std::move(published));
    is_kept = !keepers_.empty();
  }
  if (is_kept) answer_keepers(false);
  send();
}

void FeedState::push(Published published) {
  if (published_.full()) published_.set_capacity(2 * published_.capacity());  // with ends of epochs between batches
  published_.push_back(std::move(published));
}

void FeedState::look_again() {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_ && !error_) push({nullptr, 0, true});
  }
  send();
}

void FeedState::stream(std::shared_ptr<OwedAnswer> answer) {
  {
    const std::lock_guard lock(mutex_);
    stream_.swap(answer);
  }
  if (answer) answer->value(Value(false));  // nobody asks for two
  send();
}

void FeedState::left(std::uint64_t change) {
  {
    const std::lock_guard lock(mutex_);
    change_ = std::max(change_, change);
  }
  wake_all();
}

void FeedState::keeps_all(std::uint64_t taken, std::unique_ptr<OwedAnswer> answer) {
  bool in_vain = false;
  {
    const std::lock_guard lock(mutex_);
    const bool more = closed_ || error_ || worker_stops_ || !published_.empty() || sent_ > taken;
    in_vain = !more && !waiting_.empty();
    if (!more && !in_vain) return keepers_.push_back(std::move(answer));
  }
  answer->value(Value(in_vain));
}

void FeedState::answer_keepers(bool in_vain) noexcept {
  std::vector<std::unique_ptr<OwedAnswer>> keepers;
  {
    const std::lock_guard lock(mutex_);
    keepers.swap(keepers_);
  }
  for (const auto& keeper : keepers) keeper->value(Value(in_vain));
}

// Sends what there is, unless another thread does: that one sends this, too.
void FeedState::send() noexcept {
  Lock lock(mutex_);
  if (sending_) return;
  sending_ = true;
  while (stream_ && (!published_.empty() || closed_ || error_ || worker_stops_)) {
    if (published_.empty()) {
      const auto last = std::move(stream_);
      const auto error = error_ || closed_ ? error_ : stopped();
      lock.unlock();
      error ? last->exception(error) : last->value(Value(false));
    } else {
      const auto stream = stream_;
      const Published next = std::move(published_.front());
      published_.pop_front();
      ++sent_;
      lock.unlock();
      send(*stream, next);
    }
    lock.lock();
  }
  sending_ = false;
}

void FeedState::send(OwedAnswer& stream, const Published& published) const noexcept {
  if (!published.block) return stream.more(published.look_again ? Value(0) : Value());
  stream.more(slot_of(*published.block).arrays(published.rows), published.block);
}

FeedStats FeedState::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace py4cpp
