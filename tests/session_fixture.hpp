// Two sessions in one process, joined by two pipes: a host, whose unattended requests run on executor threads, and a
// worker, whose server thread and further threads share an emulated interpreter lock. What a request does is a named
// handler of the side that it is sent to.
//
// Both sides check what Session promises: user code runs with the interpreter held, without the session's lock, and
// only where it may. With jitter on, every virtual function of a side yields or sleeps at random, so that threads meet
// in many orders; the relay does the same to bytes.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "session_threads.hpp"

namespace py4cpp::test {

// Reads its arguments, writes one value. What it throws becomes a failure.
using Handler = std::function<void(ValueReader& arguments, ValueWriter& result)>;

struct TestCall : Session::Call {
  void settled() noexcept override {
    jitter();
    ++settlements;
  }
  std::atomic<int> settlements{0};
};

class Endpoint : public Session::Side {
 public:
  Endpoint();
  ~Endpoint() override = default;

  void on(const std::string& name, Handler handler) { handlers_[name] = std::move(handler); }

  // Asks for a handler of the other side by name, with integers, and returns the integer it answers. Throws
  // Error(disconnected) if the session is closed, TimedOut after giving the call up, std::runtime_error for a failure.
  std::int64_t ask(std::string_view name, std::initializer_list<std::int64_t> arguments = {},
                   Session::Deadline deadline = std::nullopt);
  void start(Session::Call& call, std::string_view name, std::initializer_list<std::int64_t> arguments = {},
             Session::Sending sending = Session::Sending::now, bool keep = false);
  void start(Session::Call& call, const ValueWriter& values, Session::Sending sending = Session::Sending::now,
             bool keep = false);
  std::int64_t finish(Session::Call& call, Session::Deadline deadline = std::nullopt);  // waits, as ask() does

  // Session::Side
  void serve(const wire::Request& request) noexcept override;
  void released(const wire::Release& release) override;
  void housekeep() noexcept override;
  void print(wire::Stream stream, std::string_view text) noexcept override;
  void discard(const Message& answer) noexcept override;
  void attend(std::chrono::microseconds within) noexcept override;
  void lead_is_free() noexcept override;
  void closed(const std::string& problem) noexcept override;

  virtual void check_may_run_user_code() const;
  void hold(const std::shared_ptr<Block>& block);  // until drop_held()
  void drop_held();

  std::shared_ptr<Arena> arena;
  std::shared_ptr<Session> session;
  Service service;
  std::function<void(std::string_view)> on_print;
  std::atomic<std::uint64_t> objects_released{0}, callables_released{0}, housekeepings{0}, served{0}, discarded{0},
      closings{0};

 private:
  std::map<std::string, Handler, std::less<>> handlers_;
  std::mutex mutex_;  // a leaf
  std::uint64_t objects_noted_ = 0, callables_noted_ = 0;
  std::vector<std::shared_ptr<Block>> held_;
};

class Host final : public Endpoint {
 public:
  void unattended(Message request) override;
  void output_waiting() noexcept override;

  Executor executor;
  std::atomic<std::uint64_t> unattended_requests{0};
};

class Worker final : public Endpoint {
 public:
  void unattended(Message request) override;
  void output_waiting() noexcept override;
  void suspend() noexcept override;
  void resume() noexcept override;
  void check_may_run_user_code() const override;

  // The interpreter lock, held by this thread while it lives.
  class Interpreter {
   public:
    explicit Interpreter(Worker& worker) : worker_(worker) { worker_.resume(); }
    ~Interpreter() { worker_.suspend(); }
    Interpreter(const Interpreter&) = delete;
    Interpreter& operator=(const Interpreter&) = delete;

   private:
    Worker& worker_;
  };

  std::thread server;

 private:
  std::mutex interpreter_;
};

struct PairOptions {
  std::chrono::microseconds spin{0};
  int pipe_size = 0;       // 0: what the system gives
  unsigned seed = 0;       // jitter; 0: none
  bool relayed = false;    // bytes go through a Relay
  bool host_leads = true;  // the host's service thread reads while nobody waits
  bool serving = true;     // the worker's server thread runs
};

class Pair {
 public:
  explicit Pair(const PairOptions& options = {});
  ~Pair() { stop(); }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  void start_server();
  void stop();  // bye, if the session is still open, then everything ends

  Host host;
  Worker worker;

 private:
  std::vector<std::unique_ptr<Relay>> relays_;
  bool stopped_ = false;
};

// Waits until something holds that nothing will announce.
template <class Condition>
void eventually(Condition condition) {
  while (!condition()) std::this_thread::sleep_for(100us);
}

}  // namespace py4cpp::test
