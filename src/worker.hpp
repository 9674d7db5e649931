// Worker: one Python process as the host sees it, from its start to its end; never started again. It asks (Peer),
// serves what Python asks of C++ (Session::Side), and knows what handles mean there (Linkage). Shared by the Python
// that started it, which also ends it, and by every handle to its objects. Any thread.
#pragma once

#include "attendant.hpp"
#include "codec.hpp"
#include "elastic_executor.hpp"
#include "exports.hpp"
#include "followed_object.hpp"
#include "fork_mark.hpp"
#include "launch.hpp"
#include "session.hpp"

#include <py4cpp/config.hpp>
#include <py4cpp/python.hpp>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace py4cpp {

class AsyncCall;
struct NamedArray;

class Worker final : public AsyncPeer,
                     private Session::Side,
                     private Attendant::Client,
                     private Linkage,
                     public std::enable_shared_from_this<Worker> {
 public:
  // `python` is what guards (RemoteObjects, Timeout) know this worker by. Throws what launch() throws.
  static std::shared_ptr<Worker> start(const Config& config, const void* python);
  ~Worker() override;  // the worker has been stopped

  Value run(const Request& request) override;
  std::shared_ptr<PendingCall> run_async(const Request& request) override;
  void release(std::uint64_t id) noexcept override;
  bool keeps_results() const noexcept override;

  bool alive() const;
  int pid() const noexcept { return process_.pid(); }
  void stop() noexcept;
  void interrupt(std::uint64_t call_id) noexcept;  // KeyboardInterrupt in that call, now or when it starts
  void interrupt_oldest() noexcept;
  const HelloInfo& hello() const noexcept { return hello_; }
  Stats host_stats() const;
  void watch_end(std::weak_ptr<EndWatcher> watcher);
  // Waits until `stop` or the deadline, as a thread does that waits for a call; false if the session is closed. Whoever
  // sets `stop` calls nudge(), whatever it has locked. Throws Error(invalid) in a forked child.
  bool wait(const std::atomic<bool>& stop, Session::Deadline deadline);
  Session::Deadline time_limit() const;  // what a Timeout sets on this thread
  void nudge() noexcept { session_->nudge(); }
  std::uint64_t current_callback() const noexcept { return session_->current(); }

 private:
  friend class AsyncCall;
  class Answer;
  class Writing;
  using Held = std::vector<std::shared_ptr<ObjectState>>;  // objects that a message names

  Worker(const Config& config, const void* python, Launched launched);

  // Asking.
  void check_usable() const;
  void start_call(Session::Call& call, const Request& request, bool keep, Session::Sending sending, Held* held);
  Session::Deadline deadline() const;      // of a call made now
  Value result_of(const Message& answer);  // throws what it says
  Value ask(const Request& request);
  template <class Send>
  auto send(const Request& request, Held* held, Send send);
  void answer(std::uint64_t id, const Value& value, bool more = false);
  void answer(std::uint64_t id, const std::exception_ptr& exception);
  void answer_more(std::uint64_t id, std::span<const NamedArray> arrays, const std::shared_ptr<Block>& block);
  [[noreturn]] void throw_died(std::string what = {});
  [[noreturn]] static void throw_foreign(Peer& peer);
  [[noreturn]] void give_up(Session::Call& call, Held held);
  bool abandon(Session::Call& call, Held held);  // false if it is settled already

  // Session::Side
  void serve(const wire::Request& request) noexcept override;
  void unattended(Message request) override;
  void released(const wire::Release& release) override;
  void housekeep() noexcept override;
  void print(wire::Stream stream, std::string_view text) noexcept override;
  void output_waiting() noexcept override;
  void discard(const Message& answer) noexcept override;
  void attend(std::chrono::microseconds within) noexcept override;
  void lead_is_free() noexcept override;
  void closed(const std::string& problem) noexcept override;
  bool call_back(const wire::Request& request, Value& result);

  // Attendant::Client
  void wrote(wire::Stream stream, std::string_view text) noexcept override;
  void ended(const Process::Exit& exit) noexcept override;
  class HandlerLock;
  bool in_handler() const noexcept;  // whether this thread runs an output handler of this worker

  // Linkage
  std::uint64_t object_id(const ObjectState& state) override;
  Value resolved(const ObjectState& state) override;
  std::uint64_t lend_callable(const std::shared_ptr<HostCallable>& callable) override;
  void count_array(bool shared, std::uint64_t bytes) noexcept override;
  Object object(std::uint64_t id) override;
  Object callable(std::uint64_t id) override;
  std::shared_ptr<Block> borrow(const BlockPlace& place) override;

  const Config config_;
  const void* const python_;
  const ForkMark made_in_;
  const HelloInfo hello_;
  Process process_;
  Exports exports_;
  std::recursive_mutex handling_;  // while an output handler runs
  Strand printing_;                // stderr, and stdout that didn't come through the channel
  std::shared_ptr<Session> session_;
  std::unique_ptr<Attendant> attendant_storage_;
  std::atomic<Attendant*> attendant_{nullptr};

  std::atomic<std::uint64_t> arrays_shared_{0}, arrays_copied_{0}, bytes_shared_{0}, bytes_copied_{0};
  std::atomic<std::uint64_t> live_objects_{0};
  std::atomic<std::size_t> callbacks_{0};       // running now
  std::atomic<bool> callbacks_awaited_{false};  // the end of the last is to be told

  // Objects named in a message whose last handle is gone before the worker has read it: a call given up, by its id; an
  // answer to a callback, by the callback's. Destroyed without locks.
  void hold(std::unordered_map<std::uint64_t, Held>& where, std::uint64_t id, Held held);
  void let_go(std::unordered_map<std::uint64_t, Held>& where, std::uint64_t id) noexcept;
  std::mutex held_mutex_;  // a leaf
  std::unordered_map<std::uint64_t, Held> held_calls_, held_answers_;

  std::mutex released_mutex_;  // a leaf
  std::vector<std::pair<std::uint64_t, std::uint64_t>> released_callables_;
  std::vector<std::uint64_t> taken_answers_;

  std::mutex joining_;  // of the attendant's thread
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Process::Exit> exit_;
  bool stopping_ = false;
  std::vector<std::weak_ptr<EndWatcher>> watchers_;
  std::string stderr_tail_;
};

}  // namespace py4cpp
