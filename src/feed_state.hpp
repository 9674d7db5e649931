// What a Feed's two ends share: which slots are free, which batches wait for Python, which of Python's requests wait
// for a batch. Python asks ahead, once for each slot, and is answered when there is something: by the thread that
// publishes if a request waits, by the one that receives the request if a batch does.
//
//   1. A slot is in use from acquire() until the last owner of its tracked block is gone: the Batch, the queue, an
//   array
//      of the user's, or the session's ledger, which holds what Python has borrowed.
//   2. Requests are answered in the order in which Python made them, which is the order in which it takes the answers:
//      a batch given out of turn would hold a slot that Python can't come to.
//   3. Nothing is answered, and nothing of the user's runs, under mutex_, which is a leaf: a tracked block may die
//   under
//      the session's lock.
#pragma once

#include "block.hpp"
#include "deferred_callable.hpp"
#include "followed_object.hpp"

#include <py4cpp/feed.hpp>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace py4cpp {

class FeedState final : public EndWatcher, public std::enable_shared_from_this<FeedState> {
 public:
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;

  FeedState(const std::shared_ptr<AsyncPeer>& worker, std::vector<FeedArray> arrays, FeedOptions options);

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
  void take(std::uint64_t turn, std::unique_ptr<OwedAnswer> answer);
  void left(std::uint64_t next_turn);  // the last loop was left before its end; the next one will ask for this turn
  void call_started() noexcept;
  void call_ended(const std::exception_ptr& error) noexcept;
  void worker_ended() noexcept override;

 private:
  struct Published {
    std::shared_ptr<Block> block;  // null: an epoch ends here
    std::size_t rows = 0;
  };
  struct ReturnSlot;  // the deleter of a tracked block
  using Lock = std::unique_lock<std::mutex>;

  std::shared_ptr<Block> tracked(std::size_t slot);
  void slot_is_free(std::size_t slot) noexcept;
  void check_open() const;
  void check_reader() const;
  [[noreturn]] void throw_died() const;
  void no_reader_before(std::uint64_t turn) noexcept;  // needs the lock
  void answer_waiting() noexcept;
  void answer(OwedAnswer& answer, const Published& published) const noexcept;

  const std::weak_ptr<AsyncPeer> worker_;
  const std::vector<FeedArray> arrays_;
  const FeedOptions options_;
  std::size_t rows_ = 0;              // of a full batch
  std::vector<std::size_t> offsets_;  // of the arrays in a slot, bytes
  std::vector<std::shared_ptr<Block>> slots_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::vector<std::size_t> free_;
  std::deque<Published> published_;
  std::map<std::uint64_t, std::unique_ptr<OwedAnswer>> waiting_;  // by turn: they come on several threads
  std::uint64_t turn_ = 0;                                        // whose it is to be answered
  FeedStats stats_;
  bool closed_ = false;
  bool worker_ended_ = false;
  std::exception_ptr error_;         // fail()
  std::exception_ptr reader_error_;  // of the last call that read and failed
  std::size_t calls_ = 0;            // that were given the feed and run
  bool called_ = false;              // there was one
  bool read_ = false;                // Python has asked for a batch
  bool reading_ = false;             // and hasn't left the loop or come to the end of an epoch since
  std::uint64_t asked_ = 0;          // one more than the highest turn asked for
  std::uint64_t left_before_ = 0;    // what was asked for before this turn, was so by a loop that is over
};

}  // namespace py4cpp
