// What a Feed's two ends share: which slots are free, which batches wait to be sent, and the stream on which they are:
// one call that Python makes when it begins to read, and that has a batch as each of its answers. So a batch costs one
// message there, and one back when Python lets go of it.
//
//   1. A slot is in use from acquire() until the last owner of its block is gone (feed_slot.hpp): the Batch, the queue,
//      an array of the user's, or the session's ledger, which holds what Python has borrowed. So there are never more
//      batches under way than slots.
//   2. Batches are sent in the order in which they were published: by one thread at a time, the first that finds
//      something to send and nobody who does so.
//   3. A thread that waits in acquire() waits in the session: it reads what frees a slot itself, if no other does.
//   4. Nothing is answered, and nothing of the user's runs, under mutex_, which is a leaf: the last owner of a
//      slot's block may go under the session's lock.
//   5. A steady feed takes no memory in this process.
#pragma once

#include "deferred_callable.hpp"
#include "feed_slot.hpp"
#include "followed_object.hpp"
#include "worker.hpp"

#include <py4cpp/feed.hpp>

#include <boost/circular_buffer.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace py4cpp {

class FeedState final : public EndWatcher, public FeedSlot::Owner, public std::enable_shared_from_this<FeedState> {
 public:
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;

  FeedState(const std::shared_ptr<Worker>& worker, std::vector<FeedArray> arrays, FeedOptions options);

  std::optional<Batch> acquire(Deadline deadline);
  AnyArray array(const std::shared_ptr<Block>& block, std::string_view name) const;
  std::size_t rows() const noexcept { return rows_; }
  void publish(std::shared_ptr<Block> block, std::size_t rows);
  void end_epoch();
  void close() noexcept;
  void fail(std::exception_ptr error) noexcept;
  FeedStats stats() const;
  const FeedOptions& options() const noexcept { return options_; }

  // Python's end.
  // Batches from now on: each a dict of arrays, none where an epoch ends, 0 for look_again(), at last false, or what
  // fail() was given.
  void stream(std::shared_ptr<OwedAnswer> answer);
  // Python has left its last loop before the end (an odd number), or begun another one after that (the next number). On
  // several threads, so the highest number is how it is.
  void left(std::uint64_t change);
  // Python, which has taken so many answers of the stream, keeps every slot and wants another batch. Answers with
  // whether that is in vain, once it is known: a producer waits for a slot (true), or something else comes (false).
  void keeps_all(std::uint64_t taken, std::unique_ptr<OwedAnswer> answer);
  void look_again();
  void call_started() noexcept;
  void call_ended(const std::exception_ptr& error) noexcept;
  void worker_stops() noexcept override;
  void worker_ended() noexcept override;

 private:
  struct Published {
    std::shared_ptr<Block> block;  // null: an epoch ends here
    std::size_t rows = 0;
    bool look_again = false;  // instead of the end of an epoch
  };
  using Queue = boost::circular_buffer<Published>;
  using Lock = std::unique_lock<std::mutex>;
  using Waiting = std::atomic<bool>;  // set when a thread that waits in acquire() is to look again

  void slot_is_free(std::size_t slot) noexcept override;
  FeedSlot& slot_of(const Block& block) const noexcept;
  void check_open() const;
  void check_reader() const;
  [[noreturn]] void throw_died() const;
  // False when the deadline has passed, or the thread's time limit before it: then it is `limited`.
  bool wait(Lock& lock, Deadline deadline, bool& limited);
  void wake_one() noexcept;
  void wake_all() noexcept;
  void nudge() const noexcept;
  void answer_keepers(bool in_vain) noexcept;
  void send() noexcept;
  void queue(Published published);
  void push(Published published);  // with mutex_
  void send(OwedAnswer& stream, const Published& published) const noexcept;

  const std::weak_ptr<Worker> worker_;
  const std::vector<FeedArray> arrays_;
  const FeedOptions options_;
  std::size_t rows_ = 0;  // of a full batch
  std::vector<std::shared_ptr<FeedSlot>> slots_;

  mutable std::mutex mutex_;
  std::condition_variable ended_;  // once worker_ended_ is true
  // Guarded by mutex_:
  std::vector<std::size_t> free_;
  boost::circular_buffer<Waiting*> waiting_;  // longest first; each once, until it is set
  Queue published_;
  std::shared_ptr<OwedAnswer> stream_;                // null while Python hasn't asked
  bool sending_ = false;                              // a thread is
  std::uint64_t sent_ = 0;                            // batches and ends of epochs
  std::vector<std::unique_ptr<OwedAnswer>> keepers_;  // that wait to hear what becomes of them
  FeedStats stats_;
  bool closed_ = false;
  bool worker_stops_ = false;
  bool worker_ended_ = false;
  std::exception_ptr error_;         // fail()
  std::exception_ptr reader_error_;  // of the last call that read and failed
  std::size_t calls_ = 0;            // that were given the feed and run
  bool called_ = false;              // there was one
  std::uint64_t change_ = 0;         // the highest that left() was given
};

}  // namespace py4cpp
