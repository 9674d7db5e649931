// A call that was asked and not waited for. Held by futures; the result stays in the worker under the call's id until
// the last of them goes, so that it can be an argument. Any thread.
#pragma once

#include "worker.hpp"

#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace py4cpp {

class AsyncCall final : public PendingCall, public Session::Call, public std::enable_shared_from_this<AsyncCall> {
 public:
  AsyncCall(std::shared_ptr<Worker> worker, const Request& request, Session::Sending sending);
  ~AsyncCall() override;

  bool ready() override;
  bool wait(std::optional<PendingCall::Clock::time_point> deadline) override;
  Value result() override;
  void cancel() noexcept override;
  void when_ready(std::function<void()> continuation) override;

  const Worker* worker() const noexcept { return worker_.get(); }

  // Tells these how the call ends; until then it lives, whoever else drops it.
  void follow(Followed followed);

 private:
  void settled() noexcept override;
  void take_outcome();

  const std::shared_ptr<Worker> worker_;
  const Want want_;
  bool started_ = false;
  std::vector<std::shared_ptr<ObjectState>> held_;  // the arguments: they must live until Python has taken them

  std::mutex outcome_mutex_;
  std::optional<Value> value_;
  std::exception_ptr error_;

  std::mutex continuation_mutex_;  // a leaf
  bool settled_ = false;
  std::function<void()> continuation_;
};

}  // namespace py4cpp
