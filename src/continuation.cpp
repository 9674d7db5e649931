// Work that follows a call: Future::then.
#include <py4cpp/future.hpp>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include "elastic_executor.hpp"

namespace py4cpp {

namespace {

class Continuation final : public PendingCall {
 public:
  Continuation(std::shared_ptr<PendingCall> source, std::function<Value()> work)
      : source_(std::move(source)), work_(std::move(work)) {}

  bool ready() override {
    const std::lock_guard lock(mutex_);
    return done_;
  }
  bool wait(std::optional<Clock::time_point> deadline) override {
    std::unique_lock lock(mutex_);
    if (deadline) return changed_.wait_until(lock, *deadline, [&] { return done_; });
    changed_.wait(lock, [&] { return done_; });
    return true;
  }
  Value result() override {
    wait(std::nullopt);
    if (error_) std::rethrow_exception(error_);
    return value_;
  }
  void cancel() noexcept override { source_->cancel(); }
  void when_ready(std::function<void()> continuation) override {
    {
      const std::lock_guard lock(mutex_);
      if (!done_) return following_.push_back(std::move(continuation));
    }
    ElasticExecutor::instance().post(std::move(continuation));
  }

  void run() noexcept {
    Value value;
    std::exception_ptr error;
    try {
      value = std::exchange(work_, nullptr)();
    } catch (...) {
      error = std::current_exception();
    }
    std::vector<std::function<void()>> following;
    {
      const std::lock_guard lock(mutex_);
      value_ = std::move(value);
      error_ = std::move(error);
      done_ = true;
      following.swap(following_);
      changed_.notify_all();
    }
    for (auto& next : following) ElasticExecutor::instance().post(std::move(next));
  }

 private:
  const std::shared_ptr<PendingCall> source_;
  std::function<Value()> work_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  Value value_;  // these two never change once it is done
  std::exception_ptr error_;
  std::vector<std::function<void()>> following_;
};

}  // namespace

std::shared_ptr<PendingCall> detail::follow(const std::shared_ptr<PendingCall>& call, std::function<Value()> work) {
  auto continuation = std::make_shared<Continuation>(call, std::move(work));
  call->when_ready([continuation] { continuation->run(); });
  return continuation;
}

}  // namespace py4cpp
