// Frames on two pipes. A Channel owns two non-blocking descriptors and has two independent halves, each used by one
// thread at a time (the session sees to it): the writing half queues frames and writes what the pipe takes, the reading
// half yields verified messages. Nothing here blocks but wait().
//
// Invariants
//   1. Frames leave in the order they were queued, whole, whoever flushes.
//   2. A false length allocates nothing: the receive buffer grows only with bytes that have arrived.
//   3. Reading never writes and writing never reads, so two sides that both write can't deadlock as long as somebody
//      reads.
//   4. Writing to a pipe that nobody can read raises SIGPIPE: the process ignores it (Python does), or keeps the other
//      end of its own pipe open (the host does).
#pragma once

#include "message.hpp"
#include "plain_vector.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace py4cpp {

// How long a reader tries again before it blocks. Adapts: while tries go on being in vain it spins less and less often.
class Spin {
 public:
  explicit Spin(std::chrono::microseconds longest);
  std::chrono::nanoseconds budget() noexcept;  // for the next wait
  void outcome(bool arrived) noexcept;         // whether spinning was enough

 private:
  std::chrono::nanoseconds longest_;
  unsigned misses_ = 0;
  unsigned skipped_ = 0;
};

class Channel {
 public:
  Channel(int read_descriptor, int write_descriptor);  // owns both, makes them non-blocking
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Writing half.
  void queue(const MessageBytes& message);
  void make_room(std::size_t message_size);  // for the next queue(): `size` isn't larger then, and it doesn't throw
  // For a message of that many bytes, which the caller writes there, a multiple of 8.
  std::uint8_t* queue(wire::MessageKind kind, std::size_t size);
  // Writes what the pipe takes, within reason; false if something is left. Throws Error(disconnected) on a closed pipe.
  bool flush();
  std::size_t queued() const noexcept { return out_.size() - out_start_; }

  // Reading half.
  enum class Arrival { bytes, nothing, closed };
  Arrival receive();              // one read
  std::optional<Message> next();  // the next whole message received; throws BadMessage

  // Blocks until something can be read if `reading`, or written if `writing`, or `wake` (an eventfd) is readable, or
  // the deadline. Any thread that holds the reading half.
  void wait(int wake, bool reading, bool writing, std::optional<std::chrono::steady_clock::time_point> deadline) const;

  int read_descriptor() const noexcept { return read_; }
  int write_descriptor() const noexcept { return write_; }

  // Whether the descriptors are still the pipes they were: user code may have closed or replaced them.
  bool reads_its_own() const noexcept { return Identity::of(read_) == read_identity_; }
  bool writes_its_own() const noexcept;  // by a mark on the pipe, which is quicker to see than which pipe it is

 private:
  struct Identity {
    std::uint64_t device = 0, inode = 0;
    static Identity of(int descriptor) noexcept;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  struct Header {
    std::uint32_t size;
    std::uint16_t kind;
    std::uint16_t sequence;
  };

  int read_;
  int write_;
  Identity read_identity_;
  Identity write_identity_;
  int write_mark_ = 0;

  PlainVector<std::uint8_t> out_;
  std::size_t out_start_ = 0;
  std::uint16_t out_sequence_ = 0;

  std::vector<std::uint8_t> in_;  // [in_start_, in_end_) has arrived and is not taken
  std::size_t in_start_ = 0;
  std::size_t in_end_ = 0;
  std::uint16_t in_sequence_ = 0;
};

}  // namespace py4cpp
