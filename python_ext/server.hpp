// The worker's side of the session: runs what the host asks, on the main thread or, nested in a callback, on the thread
// that waits for it, and calls the host's callables. One a process, made on the main thread and never destroyed, since
// daemon threads of Python may outlive everything. All functions need the GIL unless they say otherwise.
#pragma once

#include "conversion.hpp"
#include "failure.hpp"
#include "fork_mark.hpp"
#include "host_reference.hpp"
#include "interrupt.hpp"
#include "object_table.hpp"
#include "pending_call.hpp"
#include "refs.hpp"
#include "session.hpp"
#include "started_calls.hpp"
#include "steps.hpp"
#include "watchdog.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace py4cpp {

class Server final : private Session::Side, private CallableHost, private PendingCallHost, private HostExceptions {
 public:
  // `host` is its hello; the handshake is over.
  Server(std::unique_ptr<Channel> channel, const HelloInfo& host, std::shared_ptr<Arena> arena, Watchdog& watchdog);
  ~Server() override;

  // On the main thread: serves until the host says goodbye or is gone. Returns what went wrong, empty if nothing did.
  std::string run();
  // The interpreter is about to end: from now on no thread but the main one gets the GIL back from us.
  void ending() noexcept;

  // Sends what Python printed.
  void print(std::string_view text);

  Names& names() noexcept { return steps_.names(); }
  BlockLedger& ledger() noexcept { return session_->ledger(); }
  const ObjectTable& objects() const noexcept { return objects_; }
  const SentArrays& sent() const noexcept { return conversion_->sent; }

 private:
  class Bridge;

  // Session::Side
  void serve(const wire::Request& request) noexcept override;
  void unattended(Message request) override;
  void suspend() noexcept override;  // lets go of the GIL
  void resume() noexcept override;   // without the GIL
  void released(const wire::Release& release) override;
  void housekeep() noexcept override;
  void print(wire::Stream stream, std::string_view text) noexcept override;
  void output_waiting() noexcept override {}
  void discard(const Message& answer) noexcept override;
  void attend(std::chrono::microseconds within) noexcept override;
  void closed(const std::string& problem) noexcept override;

  // CallableHost, PendingCallHost, HostExceptions
  Ref call(std::uint64_t id, PyObject* arguments, PyObject* keywords, const char* name) override;
  Ref start(std::uint64_t id, PyObject* arguments, PyObject* keywords, const char* name) override;
  Message next_answer(Session::Call& call) override;
  Ref digest(const Message& answer, const char* name) override;
  bool answered(const Session::Call& call) const noexcept override { return session_->answered(call); }
  void drop(Session::Call& call) noexcept override;
  void release_callable(std::uint64_t id, std::uint64_t count) noexcept override;
  void release_host_exception(std::uint64_t id) noexcept override { release_callable(id, 1); }

  void answer(const wire::Request& request, const Ref& result, ActiveCall& active);
  void note_last(const Message& answer) noexcept;
  void write_call(ValueWriter& writer, std::uint64_t id, PyObject* arguments, PyObject* keywords);
  Ref take_answer(const Message& answer, const char* name);
  void fail(const wire::Request& request, const Ref& exception) noexcept;
  void check_usable() const;
  [[noreturn]] void leave_child(PyObject* exception) const noexcept;

  const ForkMark made_in_;
  const std::thread::id main_thread_ = std::this_thread::get_id();
  Watchdog& watchdog_;
  ObjectTable objects_;
  StartedCalls started_;
  HostReferences references_{*this};
  Steps steps_;
  std::shared_ptr<Session> session_;
  std::unique_ptr<Bridge> bridge_;
  Conversion* conversion_ = nullptr;  // the bridge

  std::atomic<bool> ending_{false};
  std::atomic<unsigned> resuming_{0};  // threads that are getting the GIL back

  std::mutex released_mutex_;  // a leaf
  std::vector<std::uint64_t> released_objects_;
};

}  // namespace py4cpp
