// Threads for work that no waiting thread can do: callbacks from Python threads, continuations, output handlers. As
// many as there is work at once, so that one that blocks holds up no other; idle ones end after a moment. One a
// process: a forked child, which has none of these threads, has another.
#pragma once

#include "fork_mark.hpp"

#include <functional>
#include <memory>

namespace py4cpp {

class ElasticExecutor {
 public:
  static ElasticExecutor& instance();

  // Runs the task soon, on some thread. It must not throw. Takes only note: may be called with locks held. If no
  // thread can be had, the task runs when one becomes free; throws std::system_error if there is none to become free.
  void post(std::function<void()> task);

 private:
  struct State;
  static void work(const std::shared_ptr<State>& state);

  ElasticExecutor();

  const ForkMark made_in_;
  const std::shared_ptr<State> state_;
};

// Tasks that run one after the other, in order, on the executor.
class Strand {
 public:
  Strand();
  void post(std::function<void()> task);
  void wait_until_idle() const;  // returns at once when called by one of its tasks

 private:
  struct State;
  static void drain(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
};

}  // namespace py4cpp
