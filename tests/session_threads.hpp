// The threads around two sessions under test, and what makes them meet in many orders.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "session.hpp"

namespace py4cpp::test {

using namespace std::chrono_literals;

// jitter() does nothing, yields or sleeps for a moment, at random; with seed 0, nothing.
void set_jitter(unsigned seed) noexcept;
void jitter() noexcept;

// As many threads as there is work at once.
class Executor {
 public:
  void post(std::function<void()> task);
  void finish();  // waits for everything posted

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool finishing_ = false;
};

// The service thread: sends what nobody else sends, and reads while no thread waits.
class Service {
 public:
  void start(Session& session, bool leads);
  void stop();
  void attend(std::chrono::microseconds within) noexcept;
  void lead_is_free() noexcept;

 private:
  void run(Session& session, bool leads);
  void wake() noexcept;

  std::mutex mutex_;
  std::optional<Session::Clock::time_point> due_;
  bool lead_is_free_ = true;
  bool stopping_ = false;
  int wake_ = -1;
  std::thread thread_;
};

// Moves bytes from one pipe to another in pieces of random sizes at random moments.
class Relay {
 public:
  Relay(int from, int to, unsigned seed);
  ~Relay();

 private:
  std::thread thread_;
};

// A pipe's ends: {read, write}. `size` in bytes, 0 for what the system gives.
std::pair<int, int> make_pipe(int size = 0);

}  // namespace py4cpp::test
