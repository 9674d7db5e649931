// The worker's side of the session: runs what the host asks, on the main thread or, nested in a callback, on the thread
// that waits for it. One a process, made on the main thread and never destroyed, since daemon threads of Python may
// outlive everything. All functions need the GIL unless they say otherwise.
#pragma once

#include "conversion.hpp"
#include "failure.hpp"
#include "fork_mark.hpp"
#include "host_calls.hpp"
#include "interrupt.hpp"
#include "object_table.hpp"
#include "refs.hpp"
#include "session.hpp"
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

class Server final : private Session::Side {
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

  BlockLedger& ledger() noexcept { return session_->ledger(); }
  const ObjectTable& objects() const noexcept { return objects_; }
  const SentArrays& sent() const noexcept { return conversion_->sent; }

 private:
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

  void answer(const wire::Request& request, const Ref& result, ActiveCall& active);
  void fail(const wire::Request& request, const Ref& exception) noexcept;
  [[noreturn]] void leave_child(PyObject* exception) const noexcept;

  const ForkMark made_in_;
  const std::thread::id main_thread_ = std::this_thread::get_id();
  Watchdog& watchdog_;
  ObjectTable objects_;
  Steps steps_;
  std::shared_ptr<Session> session_;
  std::unique_ptr<HostCalls> host_calls_;
  Conversion* conversion_ = nullptr;  // theirs

  std::atomic<bool> ending_{false};
  std::atomic<unsigned> resuming_{0};  // threads that are getting the GIL back

  std::mutex released_mutex_;  // a leaf
  std::vector<std::uint64_t> released_objects_;
};

}  // namespace py4cpp
