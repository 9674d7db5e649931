#include "async_call.hpp"

#include "elastic_executor.hpp"

#include <utility>

namespace py4cpp {

AsyncCall::AsyncCall(std::shared_ptr<Worker> worker, const Request& request, Session::Sending sending)
    : worker_(std::move(worker)), want_(request.want) {
  worker_->start_call(*this, request, true, sending, &held_);
  started_ = true;
}

AsyncCall::~AsyncCall() {
  if (!started_ || !worker_->made_in_.same_process()) return;
  if (worker_->abandon(*this, std::move(held_))) return;  // the session releases the result when it comes
  if (const Message answer = take_answer(); !answer.empty()) worker_->discard(answer);
  // A result that is a handle belongs to the Object made of it.
  if (!value_ || want_ != Want::object) worker_->session_->release_object(id());
}

bool AsyncCall::ready() { return worker_->session_->answered(*this); }

bool AsyncCall::wait(std::optional<PendingCall::Clock::time_point> deadline) {
  if (worker_->session_->answered(*this)) return true;
  worker_->check_usable();
  return worker_->session_->wait(*this, deadline) != Session::Outcome::timed_out;
}

Value AsyncCall::result() {
  if (!wait(worker_->deadline())) {
    worker_->interrupt(id());
    throw TimedOut("the call took longer than its time limit; it has been interrupted");
  }
  const std::lock_guard lock(outcome_mutex_);
  if (!value_ && !error_) take_outcome();
  if (error_) std::rethrow_exception(error_);
  return *value_;
}

void AsyncCall::take_outcome() {
  try {
    const Message answer = take_answer();
    if (answer.empty()) worker_->throw_died();
    value_ = worker_->result_of(answer);
  } catch (...) {
    error_ = std::current_exception();
  }
  held_.clear();
}

void AsyncCall::cancel() noexcept {
  if (!worker_->session_->answered(*this)) worker_->interrupt(id());
}

void AsyncCall::settled() noexcept {
  const std::lock_guard lock(continuation_mutex_);
  settled_ = true;
  if (continuation_) ElasticExecutor::instance().post(std::exchange(continuation_, nullptr));
}

void AsyncCall::follow(Followed followed) {
  when_ready([self = shared_from_this(), followed = std::move(followed)] {
    std::exception_ptr error;
    try {
      self->result();
    } catch (...) {
      error = std::current_exception();
    }
    for (const auto& object : followed) object->call_ended(error);
  });
}

void AsyncCall::when_ready(std::function<void()> continuation) {
  const std::lock_guard lock(continuation_mutex_);
  if (settled_) {
    ElasticExecutor::instance().post(std::move(continuation));
  } else if (continuation_) {
    continuation_ = [first = std::move(continuation_), second = std::move(continuation)] {
      first();
      second();
    };
  } else {
    continuation_ = std::move(continuation);
  }
}

}  // namespace py4cpp
