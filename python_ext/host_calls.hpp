// The calls that Python makes of C++: callables of the host, called or started, what comes back of them, and when the
// host hears that nobody refers to one any more. One a session, made with it on the main thread and owned by the
// server; it also makes the session's Conversion, in which callables go to and fro. All functions need the GIL unless
// they say otherwise.
#pragma once

#include "conversion.hpp"
#include "failure.hpp"
#include "fork_mark.hpp"
#include "host_reference.hpp"
#include "object_table.hpp"
#include "pending_call.hpp"
#include "refs.hpp"
#include "session.hpp"
#include "started_calls.hpp"

#include <cstdint>
#include <memory>
#include <thread>

namespace py4cpp {

class HostCalls final : private CallableHost, private PendingCallHost, private HostExceptions {
 public:
  HostCalls(Session& session, ObjectTable& objects, std::shared_ptr<Arena> own, std::uint64_t inline_limit);
  ~HostCalls();

  Conversion& conversion() noexcept;  // of the whole session

  // An answer that nobody waits for any more. Any thread, with or without the GIL.
  void discard(const Message& answer) noexcept;

 private:
  class Bridge;

  // CallableHost, PendingCallHost, HostExceptions
  Ref call(std::uint64_t id, PyObject* arguments, PyObject* keywords, const char* name) override;
  Ref start(std::uint64_t id, PyObject* arguments, PyObject* keywords, const char* name) override;
  Message next_answer(Session::Call& call) override;
  Ref digest(const Message& answer, const char* name) override;
  bool answered(const Session::Call& call) const noexcept override { return session_.answered(call); }
  void drop(Session::Call& call) noexcept override;
  void release_callable(std::uint64_t id, std::uint64_t count) noexcept override;
  void send_released() noexcept override;
  void release_host_exception(std::uint64_t id) noexcept override { release_callable(id, 1); }

  void check_usable() const;
  void write_call(ValueWriter& writer, std::uint64_t id, PyObject* arguments, PyObject* keywords);
  void note_last(const Message& answer) noexcept;
  Ref take_answer(const Message& answer, const char* name);

  const ForkMark made_in_;
  const std::thread::id main_thread_ = std::this_thread::get_id();
  Session& session_;
  StartedCalls started_;
  HostReferences references_{*this};
  std::unique_ptr<Bridge> bridge_;
  Conversion* conversion_ = nullptr;  // the bridge
};

}  // namespace py4cpp
