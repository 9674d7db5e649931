// One side of a conversation: calls asked and not yet answered, requests to run, releases, and who reads the channel.
// The same class serves the host and the worker; what differs is behind Session::Side.
//
// Who reads: nobody hops threads. Of the threads that wait, one leads: it reads the channel and hands out what arrives.
//
// Invariants
//   1. A request issued under a call of ours runs on a thread that waits for that call, be it further out than what the
//      thread waits for now. One issued under none, or under a call that nobody waits for, goes to the server thread
//      (serve_until_closed) if this side has one, else to Side::unattended. If the call is waited for before the server
//      thread has come to it, it runs there after all.
//   2. mutex_ is never held, and the lead never kept, while user code runs: serve(), housekeep() and print() are called
//      with neither. Side's other functions may be called with mutex_ held and must only take note.
//   3. Only the leader uses the channel's reading half; the writing half is used under mutex_. A service thread that
//      leads (lead_idle) reads under mutex_ instead, so that a waiting thread can take the lead from it at any moment.
//   4. No wake-up is lost.
//      a. A thread goes to sleep only while another one leads. While a thread sleeps, somebody leads, or a thread that
//         waits is awake and not in user code; before that one runs user code, takes the interpreter back or leaves, it
//         leads, or wakes a sleeper in its place (session_lead.cpp has the argument).
//      b. What a thread waits for changes under mutex_ only, and whoever changes it wakes the thread: through `wakeup`
//         if it sleeps, through wake_ if it leads and may be blocked in poll. What any thread may do (housekeeping,
//         output) is first seen by the thread that read it, which waits itself, or is the service thread and says so;
//         output that is left when a thread stops printing is passed on.
//   5. Frames leave in the order they were queued; what was released goes with the next request or answer. While
//      bytes are queued, the leader polls for room in the pipe, or Side has been told to attend to them.
//   6. A Call is in calls_ from start() until it is answered, given up or the session closes; then nothing touches it
//      but the threads that wait for it.
//   7. Output is printed in the order in which it arrived, by one thread at a time, ahead of what arrived after it: no
//      request is run and no answer returned before what came earlier is printed. The exception: while the thread that
//      prints waits for a call itself, nobody waits for it. While it is busy and too much has arrived, nothing is read;
//      that holds up nothing that could be returned or run, and a flood of output fills no memory.
//
// Any thread may use a Session. A Call belongs to whoever made it; it must outlive its stay in calls_ and every wait()
// for it. Whoever owns the Side calls close() before it goes: after that only threads that are inside a member still
// call it.
#pragma once

#include "arena.hpp"
#include "call_table.hpp"
#include "channel.hpp"
#include "ledger.hpp"
#include "message.hpp"

#include <boost/circular_buffer.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace py4cpp {

class Session final : public SegmentObserver, public std::enable_shared_from_this<Session> {
  struct Waiter;  // a thread that waits, on its stack
  class Serving;  // what this thread runs, on its stack
  class Dispatching;

 public:
  using Clock = std::chrono::steady_clock;
  using Deadline = std::optional<Clock::time_point>;

  // What differs between the two sides.
  class Side {
   public:
    virtual ~Side() = default;
    // Runs a request and answers it with reply() or failure(). User code.
    virtual void serve(const wire::Request& request) noexcept = 0;
    // A request that no waiting thread may run: keep it and call run() with it soon, on any thread.
    virtual void unattended(Message request) = 0;
    // Around blocking, on the side that has a server: the worker lets go of the interpreter, and takes it back.
    virtual void suspend() noexcept {}
    virtual void resume() noexcept {}
    // The other side released these objects and callables: note it; housekeep() follows on a thread that waits.
    virtual void released(const wire::Release& release) = 0;
    // Drops what was released. User code (destructors).
    virtual void housekeep() noexcept = 0;
    // Something printed, in order; user code.
    virtual void print(wire::Stream stream, std::string_view text) noexcept = 0;
    // Output or releases arrived and no thread waits: call drain_output() soon, on a thread that may run user code.
    virtual void output_waiting() noexcept = 0;
    // An answer that nobody waits for any more: let go of what it carries. Without the lock, but on any thread, be it
    // the service thread, and with or without the interpreter.
    virtual void discard(const Message& answer) noexcept = 0;
    // Frames or releases wait and nobody is bound to send them: call service() within this time. Zero: the pipe was
    // full; call it soon, at the latest when channel().write_descriptor() can be written. Also called by whatever
    // thread drops a block or a handle.
    virtual void attend(std::chrono::microseconds within) noexcept = 0;
    // No thread reads the channel any more, and none is about to.
    virtual void lead_is_free() noexcept {}
    // Once, when the channel is closed or has failed. `problem` is empty if the other side just closed it.
    virtual void closed(const std::string& problem) noexcept = 0;
  };

  // Requests that wait for one thread.
  using Inbox = boost::circular_buffer<Message>;

  // One call of ours.
  class Call {
   public:
    enum class Answers { one, many };
    explicit Call(Answers answers = Answers::one) noexcept : many_(answers == Answers::many) {}
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    virtual ~Call() = default;
    std::uint64_t id() const noexcept { return id_; }
    // After Outcome::answered: a Reply or a Failure. One that may have many answers: next_answer().
    const Message& answer() const noexcept { return answer_; }
    Message take_answer() noexcept { return std::move(answer_); }

   protected:
    // Answered or lost, with mutex_ held: must only take note.
    virtual void settled() noexcept {}

   private:
    friend class Session;
    friend class CallTable<Call>;
    enum class State { idle, waiting, answered, lost };
    std::uint64_t id_ = 0;
    State state_ = State::idle;
    bool keep_ = false;
    Waiter* waiting_ = nullptr;  // the threads that wait for it, linked by Waiter::next
    Message answer_;
    const bool many_;
    Inbox answers_;  // of one with many: arrived, not yet taken
    Inbox nested_;   // requests under it that one of them is to run
    Call* next_in_bucket_ = nullptr;
  };

  enum class Outcome { answered, timed_out, closed };
  // When a request leaves: at once, or together with others (at the latest after batch_delay).
  enum class Sending { now, batched };

  static constexpr std::chrono::microseconds batch_delay{200};  // that a message waits for company at most

  struct Options {
    std::chrono::microseconds spin{0};
    ArenaId peer_arena;       // the other side's, from its hello
    bool has_server = false;  // a thread will call serve_until_closed()
    // User code shares our descriptors: they are out of its way, and before each flush we look whether they are ours.
    bool guard_descriptors = false;
  };

  // `side` must outlive every call of a member. `channel`'s handshake is over.
  static std::shared_ptr<Session> make(Side& side, std::unique_ptr<Channel> channel, std::shared_ptr<Arena> arena,
                                       const Options& options);
  ~Session() override;

  // Asks. Throws Error(disconnected) if the session is closed; then, or if the message is too large, nothing was sent
  // and nothing lent. Blocks only while more bytes wait to be sent than max_queued.
  void start(Call& call, std::span<const wire::Step> steps, wire::Want want, bool keep, const ValueWriter& values,
             Sending sending);
  // Waits for the answer, running what is asked under this call meanwhile. May be called again after timed_out, and by
  // several threads for one call.
  Outcome wait(Call& call, Deadline deadline);
  // Ends with timed_out, too, when `stop` has become true and look_again() has been called.
  Outcome wait(Call& call, const std::atomic<bool>& stop);
  void look_again() noexcept;
  // Waits for nothing but `stop` and the deadline, as a thread does that waits for a call. False if the session is
  // closed.
  bool wait(const std::atomic<bool>& stop, Deadline deadline);
  // look_again() soon, for whoever sets a `stop` with locks held, be they the session's own.
  void nudge() noexcept;
  // The first answer of a call with many that has arrived and wasn't taken; empty if there is none.
  Message next_answer(Call& call) noexcept;
  // start() and wait() in one: what is asked under this call runs on this thread from the first such request on. Lets
  // go of the values' blocks before it waits.
  Outcome ask(Call& call, std::span<const wire::Step> steps, wire::Want want, bool keep, ValueWriter& values,
              Deadline deadline);
  bool answered(const Call& call) const;  // or lost; a call with many: there is one to be taken
  // No longer interested: the answer will be discarded, a kept result released; whoever waits for it gets timed_out.
  // False if it is settled already: then the answer, if there is one, is the caller's to let go of.
  bool abandon(Call& call) noexcept;

  // Answers. If the session is closed they do nothing. They leave when the thread has nothing more to run, or with
  // others (at the latest after batch_delay).
  void reply(std::uint64_t id, const ValueWriter& values, bool more = false);
  void failure(std::uint64_t id, const std::vector<WireException>& exceptions);
  // Sends it at once. Blocks only while the other side doesn't keep up.
  void print(wire::Stream stream, std::string_view text);

  // For destructors: never blocks, sends nothing by itself.
  void release_object(std::uint64_t id) noexcept;
  void release_callable(std::uint64_t id, std::uint64_t count) noexcept;
  void send_released() noexcept;  // likewise, but sends what has been released as far as the pipe takes it now

  // Runs one request on this thread (for Side::unattended), then sends the answer.
  void run(Message request) noexcept;
  // The worker's main thread: runs requests until the other side has said bye and all earlier ones are answered, the
  // answers written to the pipe, or until the channel closes.
  void serve_until_closed();
  void drain_output() noexcept;  // prints what has arrived, drops what was released

  // Service thread. service(): sends what waits. service_on_time(): likewise, for whoever is told by Side::attend(); if
  // it returns true, again within batch_delay, as if told. lead_idle(): takes the lead if nobody has it and no thread
  // waits; then pump_idle() whenever the channel can be read, until it returns false: a waiting thread has taken over.
  void service() noexcept;
  bool service_on_time() noexcept;
  bool lead_idle();
  bool pump_idle();
  bool led_by_thread() const;  // a waiting thread reads the channel
  std::uint64_t activity() const noexcept { return activity_.load(std::memory_order_relaxed); }

  void say_bye() noexcept;
  void close(const std::string& problem) noexcept;  // fails every call; idempotent
  bool closed() const;
  std::string problem() const;

  // The call of the other side that this thread is running, 0 if none.
  std::uint64_t current() const noexcept;
  // The first call asked that isn't answered, 0 if none: what the other side is running or will run next.
  std::uint64_t oldest_call() const;

  BlockLedger& ledger() noexcept { return *ledger_; }
  const Channel& channel() const noexcept { return *channel_; }
  std::uint64_t calls_started() const noexcept { return next_id_.load(std::memory_order_relaxed) - 1; }

  void retired(std::uint32_t segment) noexcept override;  // SegmentObserver: tells the other side

 private:
  Session(Side& side, std::unique_ptr<Channel> channel, const std::shared_ptr<Arena>& arena, const Options& options);

  using Lock = std::unique_lock<std::mutex>;

  // session_wait.cpp
  Outcome wait(Lock& lock, Call& call, Deadline deadline, const std::atomic<bool>* stop = nullptr) noexcept;
  void block(Lock& lock, Waiter& me, Deadline deadline) noexcept;
  void sleep(Lock& lock, Waiter& me, Deadline deadline) noexcept;
  bool done(const Waiter& me) const noexcept;
  static bool stopped(const Waiter& me) noexcept;
  bool has_work(const Waiter& me) noexcept;
  Inbox* inbox(const Waiter& me) noexcept;
  bool more_to_run() noexcept;
  bool run_one(Lock& lock, Waiter& me, bool& suspended) noexcept;
  void serve(Lock& lock, const Message& request) noexcept;
  void drain(Lock& lock, std::size_t limit) noexcept;
  void enlist(Waiter& me) noexcept;
  void leave(Waiter& me) noexcept;
  void wake(Waiter& waiter) noexcept;
  void wake_drained() noexcept;
  void wake_stopped() noexcept;

  // session_lead.cpp
  bool lead_is_to_be_had() const noexcept { return leader_ == nullptr; }
  void lead(Lock& lock, Waiter& me, Deadline deadline) noexcept;
  void read_held(Lock& lock, Waiter& me) noexcept;
  void read_once(Lock& lock, Waiter& me, Spin* spinning) noexcept;
  Channel::Arrival read_some(Spin& spinning, bool more, bool writing, Deadline deadline) noexcept;
  Spin& spin_of(const Waiter& me) noexcept;
  Channel::Arrival spin(Spin& spin, std::chrono::nanoseconds budget) noexcept;
  Channel::Arrival look_up(bool reading, bool writing, Deadline deadline) noexcept;
  Channel::Arrival receive() noexcept;
  void take_lead(Waiter& me) noexcept;
  void give_up_lead(Lock& lock) noexcept;
  void offer_lead() noexcept;
  void wake_leader() noexcept;

  // session_output.cpp
  bool output_to_print() const noexcept { return !output_.empty() && printer_ == std::thread::id(); }
  bool too_much_output() const noexcept;
  void output_goes_on() noexcept;
  void print_arrived(Lock& lock) noexcept;
  void print_until(Lock& lock, std::uint64_t last) noexcept;
  void pass_output_on() noexcept;

  // session_receive.cpp
  void arrived(Channel::Arrival arrival) noexcept;
  void dispatch(Message&& message);
  void dispatch_request(Message&& message);
  void dispatch_answer(std::uint64_t id, Message&& message, bool more);
  void dispatch_output(const wire::Output& output);
  void dispatch_release(const wire::Release& release);
  void reroute(Call& call) noexcept;
  void fetch_strays(Call& call) noexcept;
  void settle(Call& call, Call::State state) noexcept;
  void notify(Call& call) noexcept;
  void notify_server() noexcept;
  void discard_unwanted(Lock& lock) noexcept;

  // session.cpp
  // Of what is only written with the lock, and read without: the value before. No locked instruction.
  static std::uint64_t count(std::atomic<std::uint64_t>& counter) noexcept {
    const std::uint64_t before = counter.load(std::memory_order_relaxed);
    counter.store(before + 1, std::memory_order_relaxed);
    return before;
  }
  std::uint64_t next_id() noexcept { return count(next_id_); }
  void send(Call& call, bool keep, const RequestMessage& message);
  template <class Message>
  void queue_call(const Message& message);  // a request or reply
  void queue(const MessageBytes& message);
  bool has_releases() const noexcept {
    return release_pending_.load(std::memory_order_acquire) || ledger_->has_releases();
  }
  void queue_releases();
  void release_now() noexcept;
  void service_locked() noexcept;
  void flush(bool leading = false) noexcept;
  void attend_soon(std::chrono::microseconds within) noexcept;
  void attend_release() noexcept;
  template <class Note>
  void note_release(Note note) noexcept;
  void close_locked(const std::string& problem) noexcept;

  Side& side_;
  const std::unique_ptr<Channel> channel_;
  const ArenaId peer_arena_;
  const std::shared_ptr<BlockLedger> ledger_;
  std::atomic<std::uint64_t> next_id_{1};
  std::atomic<std::uint64_t> activity_{0};
  const int wake_;  // eventfd: the leader looks up from the channel
  const bool has_server_;
  const bool guard_descriptors_;

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  CallTable<Call> calls_;
  std::unordered_map<std::uint64_t, bool> abandoned_;  // id -> its result was to be kept
  Waiter* waiters_ = nullptr;                          // linked by Waiter::after
  std::size_t draining_ = 0;                           // those of them that wait for bytes to leave
  std::size_t stoppable_ = 0;                          // those of them with a `stop`
  Waiter* server_ = nullptr;
  Inbox server_inbox_;
  std::size_t strays_ = 0;  // requests in it that were issued under a call
  bool closed_ = false;
  bool bye_ = false;
  bool housekeeping_ = false;  // Side::housekeep() is due
  std::string problem_;
  std::vector<Message> discarded_;  // by the last reading, to be discarded without the lock

  Waiter* leader_ = nullptr;     // the waiting thread that leads
  Waiter* heir_ = nullptr;       // woken to lead, not yet running
  bool service_leads_ = false;   // then leader_ and heir_ are null, and nobody sleeps
  bool lead_announced_ = false;  // by lead_is_free(), since somebody last led
  bool polling_ = false;         // the leader reads without the lock and nobody has written to wake_ since it began
  bool polling_writes_ = false;  // it looks up when the pipe has room
  bool polling_reads_ = false;   // it looks up when something arrives
  std::optional<std::chrono::microseconds> attended_;  // what Side was asked for, until it calls service()
  bool batching_ = false;                              // something was left to it since service_on_time() looked last

  Spin spin_;                      // used by the leader only, without the lock
  Spin stream_spin_;               // likewise, while it waits for one of many answers, or for what one of them frees
  Spin held_spin_;                 // likewise, while it holds the interpreter
  const char* read_failure_ = "";  // likewise: why nothing more can be read, other than that the other side has ended

  struct Printed {
    wire::Stream stream;
    std::string text;
  };
  boost::circular_buffer<Printed> output_;  // arrived, not yet taken
  std::uint64_t output_arrived_ = 0;
  std::uint64_t output_printed_ = 0;
  std::size_t unprinted_ = 0;   // bytes that wait in output_
  std::thread::id printer_;     // the thread that prints
  unsigned printer_waits_ = 0;  // waits of the printing thread, one within the other
  std::condition_variable printed_;
  ReleaseBatch sending_;
  std::vector<BlockLedger::Release> released_blocks_;  // on their way into that
  MessageBuilder builder_;                             // of the messages that call_message.hpp doesn't lay out

  std::mutex release_mutex_;  // a leaf: nothing else is locked under it
  ReleaseBatch releases_;
  std::atomic<bool> release_pending_{false};

  std::mutex hook_mutex_;  // held while a hook calls Side::attend(), so that close() can wait for it
  bool hooks_off_ = false;
};

}  // namespace py4cpp
