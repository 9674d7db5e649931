#include <py4cpp/feed.hpp>

#include "feed_state.hpp"
#include "worker.hpp"

#include <py4cpp/error.hpp>
#include <py4cpp/future.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace py4cpp {

namespace {

// What Python calls: take() for the stream of batches, take(change) when it has left its last loop and when it begins
// another after that, take(taken, None) to ask whether more can come though Python keeps every slot, take(None, None,
// None) when the loop that waits is to ask that.
class FeedTake final : public DeferredCallable {
 public:
  explicit FeedTake(std::shared_ptr<FeedState> feed) noexcept : feed_(std::move(feed)) {}

  using DeferredCallable::call;
  void call(std::vector<Value> positional, std::unique_ptr<OwedAnswer> answer) override {
    if (positional.empty()) return feed_->stream(std::move(answer));
    if (positional.size() == 2) return feed_->keeps_all(positional.front().as<std::uint64_t>(), std::move(answer));
    positional.size() == 3 ? feed_->look_again() : feed_->left(positional.front().as<std::uint64_t>());
    answer->value(Value());
  }

 private:
  const std::shared_ptr<FeedState> feed_;
};

// The feed as an argument: Python's object for it.
class FeedObject final : public FollowedObject {
 public:
  FeedObject(std::shared_ptr<FeedState> feed, std::shared_ptr<Peer> worker, Object target) noexcept
      : feed_(std::move(feed)), worker_(std::move(worker)), target_(std::move(target)) {}

  const Object& target() const noexcept override { return target_; }
  Peer& worker() const noexcept override { return *worker_; }
  void call_started() noexcept override { feed_->call_started(); }
  void call_ended(const std::exception_ptr& error) noexcept override { feed_->call_ended(error); }
  std::string describe() const override { return "<feed>"; }

 private:
  const std::shared_ptr<FeedState> feed_;
  const std::shared_ptr<Peer> worker_;
  const Object target_;
};

// Python's object for it, as it will be: a worker that runs a loop over another feed makes this one only after that,
// and the caller may be the one who fills the other.
Object make_target(Worker& worker, const std::shared_ptr<FeedState>& feed) {
  const Object take(std::make_shared<CallableObject>(std::make_shared<FeedTake>(feed)));
  const Value values[] = {Value::make(std::string_view("py4cpp._feed")), Value::make(std::string_view("Feed")),
                          Value::make(take), Value(feed->options().slots), Value(feed->options().name)};
  const Step steps[] = {{Op::import_module}, {Op::attribute}, {Op::call, 3, 0}};
  return Object(std::make_shared<FutureObject>(worker.run_async(Request{steps, values, Want::nothing})));
}

template <class State>
State& checked(const std::shared_ptr<State>& state) {
  if (!state) throw Error(ErrorKind::invalid, "this feed has been moved from");
  return *state;
}

}  // namespace

// ---- Batch

Batch::Batch(std::shared_ptr<FeedState> feed, std::shared_ptr<Block> block) noexcept
    : feed_(std::move(feed)), block_(std::move(block)) {}
Batch::Batch(Batch&&) noexcept = default;
Batch& Batch::operator=(Batch&&) noexcept = default;
Batch::~Batch() = default;

AnyArray Batch::array(std::string_view name) const {
  if (!feed_) throw Error(ErrorKind::invalid, "this batch has been published: its arrays are Python's now");
  return feed_->array(block_, name);
}

void Batch::publish() { publish(feed_ ? feed_->rows() : 0); }

void Batch::publish(std::size_t rows) {
  if (!feed_) throw Error(ErrorKind::invalid, "this batch has been published already");
  if (rows == 0 || rows > feed_->rows()) {
    throw Error(ErrorKind::invalid, "a batch of this feed has 1 to " + std::to_string(feed_->rows()) + " rows, not " +
                                        std::to_string(rows));
  }
  const auto feed = std::exchange(feed_, nullptr);
  feed->publish(std::move(block_), rows);
}

// ---- Feed

Feed::Feed(Python& python, std::vector<FeedArray> arrays, FeedOptions options)
    : exceptions_(std::uncaught_exceptions()) {
  const auto peer = python.peer();
  const auto worker = std::dynamic_pointer_cast<Worker>(peer);
  if (!worker) throw Error(ErrorKind::invalid, "a feed needs a Python worker");
  auto state = std::make_shared<FeedState>(worker, std::move(arrays), std::move(options));
  worker->watch_end(state);
  object_ = Object(std::make_shared<FeedObject>(state, worker, make_target(*worker, state)));
  state_ = std::move(state);
}

Feed::Feed(Feed&&) noexcept = default;

Feed& Feed::operator=(Feed&& other) noexcept {
  if (this == &other) return *this;
  close();
  state_ = std::move(other.state_);
  object_ = std::move(other.object_);
  exceptions_ = other.exceptions_;
  return *this;
}

Feed::~Feed() {
  if (!state_) return;
  if (std::uncaught_exceptions() <= exceptions_) {
    close();
    return;
  }
  state_->fail(std::make_exception_ptr(
      Error(ErrorKind::disconnected, "the C++ program that fills the feed " + state_->options().name +
                                         (state_->options().name.empty() ? "" : " ") + "was ended by an exception")));
}

Batch Feed::acquire() { return std::move(*checked(state_).acquire(std::nullopt)); }

std::optional<Batch> Feed::acquire_until(std::chrono::steady_clock::time_point deadline) {
  return checked(state_).acquire(deadline);
}

void Feed::end_epoch() { checked(state_).end_epoch(); }

void Feed::close() noexcept {
  if (state_) state_->close();
}

void Feed::fail(std::exception_ptr error) noexcept {
  if (!state_) return;
  if (!error) error = std::make_exception_ptr(Error(ErrorKind::disconnected, "the C++ program gave the feed up"));
  state_->fail(std::move(error));
}

FeedStats Feed::stats() const { return checked(state_).stats(); }

const Object& Feed::object() const {
  checked(state_);
  return object_;
}

}  // namespace py4cpp
