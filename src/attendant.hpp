// The service thread of a worker: it waits for the worker's end, reads its stderr and captured stdout, sends what
// nobody else sends, and reads the channel when no call has been made for a millisecond. It runs no code of the user's.
//
// It is in one of three states. Ticking: calls are being made; it looks every millisecond whether they still are.
// Leading: they aren't; it waits on the channel too. Parked: a thread waits for a long call and reads the channel; the
// one that gives up the lead wakes it. So while nothing happens, nothing ticks.
#pragma once

#include "process.hpp"
#include "session.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string_view>
#include <thread>

namespace py4cpp {

class Attendant {
 public:
  // What it sees; called on its thread.
  class Client {
   public:
    virtual void wrote(wire::Stream stream, std::string_view text) noexcept = 0;
    virtual void ended(const Process::Exit& exit) noexcept = 0;  // the last thing it does

   protected:
    ~Client() = default;
  };

  // All three must outlive it.
  Attendant(Client& client, Process& process, Session& session);
  ~Attendant();

  // From any thread, with locks held: cheap, no system call in the common case.
  void attend(std::chrono::microseconds within) noexcept;
  void lead_is_free() noexcept;
  void channel_closed() noexcept;  // the worker is to end now

  void join() noexcept;    // after the worker has ended
  void forget() noexcept;  // in a forked child: there is no such thread

 private:
  enum class State { ticking, leading, parked };

  void run() noexcept;
  bool wait() noexcept;
  void quiet() noexcept;
  void read_output(int descriptor, wire::Stream stream, bool& open) noexcept;
  void wake() noexcept;

  Client& client_;
  Process& process_;
  Session& session_;
  const int wake_;
  std::atomic<State> state_{State::ticking};
  std::atomic<bool> urgent_{false};   // frames wait: service within 200 microseconds
  std::atomic<bool> closing_{false};  // the channel is closed
  std::uint64_t seen_activity_ = 0;
  std::optional<Session::Clock::time_point> kill_at_;
  bool stderr_open_ = true;
  bool stdout_open_ = true;
  std::thread thread_;
};

}  // namespace py4cpp
