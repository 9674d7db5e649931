#include "elastic_executor.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace py4cpp {

struct ElasticExecutor::State {
  static constexpr auto idle_time = std::chrono::milliseconds(200);

  std::mutex mutex;
  std::condition_variable work_arrived;
  std::deque<std::function<void()>> tasks;
  std::size_t idle = 0;
  std::size_t threads = 0;
};

// Never destroyed: a thread may still be running a task when static objects go. A child's copy of its parent's counts
// threads that it hasn't got, and may be locked for ever.
ElasticExecutor& ElasticExecutor::instance() {
  static std::atomic<ElasticExecutor*> current{new ElasticExecutor};
  ElasticExecutor* found = current.load(std::memory_order_acquire);
  if (found->made_in_.same_process()) return *found;
  std::unique_ptr<ElasticExecutor> own(new ElasticExecutor);
  return current.compare_exchange_strong(found, own.get()) ? *own.release() : *found;
}

ElasticExecutor::ElasticExecutor() : state_(std::make_shared<State>()) {}

void ElasticExecutor::post(std::function<void()> task) {
  const std::lock_guard lock(state_->mutex);
  state_->tasks.push_back(std::move(task));
  if (state_->tasks.size() <= state_->idle) {
    state_->work_arrived.notify_one();
    return;
  }
  try {
    std::thread([state = state_] { work(state); }).detach();
    ++state_->threads;
  } catch (const std::system_error&) {
    if (state_->threads == 0) {  // nobody would ever come for it
      state_->tasks.pop_back();
      throw;
    }
  }
}

void ElasticExecutor::work(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  for (;;) {
    if (state->tasks.empty()) {
      ++state->idle;
      const bool more = state->work_arrived.wait_for(lock, State::idle_time, [&] { return !state->tasks.empty(); });
      --state->idle;
      if (!more) break;
    }
    std::function<void()> task = std::move(state->tasks.front());
    state->tasks.pop_front();
    lock.unlock();
    task();
    task = nullptr;  // what it holds goes without the lock
    lock.lock();
  }
  --state->threads;
}

struct Strand::State {
  std::mutex mutex;
  std::condition_variable idle;
  std::deque<std::function<void()>> tasks;
  bool running = false;
  std::thread::id runner;
};

Strand::Strand() : state_(std::make_shared<State>()) {}

void Strand::post(std::function<void()> task) {
  const std::lock_guard lock(state_->mutex);
  state_->tasks.push_back(std::move(task));
  if (state_->running) return;
  state_->running = true;
  ElasticExecutor::instance().post([state = state_] { drain(state); });
}

void Strand::drain(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  state->runner = std::this_thread::get_id();
  while (!state->tasks.empty()) {
    std::function<void()> task = std::move(state->tasks.front());
    state->tasks.pop_front();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
  state->runner = {};
  state->running = false;
  state->idle.notify_all();
}

void Strand::wait_until_idle() const {
  std::unique_lock lock(state_->mutex);
  if (state_->runner == std::this_thread::get_id()) return;
  state_->idle.wait(lock, [&] { return !state_->running; });
}

}  // namespace py4cpp
