// What is asked of a worker: a chain of steps over one current object (schemas/wire.fbs says what each step takes), and
// the Peer that runs it. Requests are plain descriptions; a Peer is shared by every handle to its objects, and any
// number of threads may use one.
#pragma once

#include <py4cpp/value.hpp>

#include <cstdint>
#include <memory>
#include <span>

namespace py4cpp {

// As wire::Op, in the same order.
enum class Op : std::uint8_t {
  name, expression, code, value, assign, import_module,          // starts
  attribute, item, call, set_attribute, set_item, delete_item    // steps
};

struct Step {
  Op op;
  std::uint32_t positional = 0;
  std::uint32_t named = 0;

  friend bool operator==(const Step&, const Step&) = default;
};

// As wire::Want.
enum class Want : std::uint8_t {
  value,   // the result by value where it has one, else a handle
  object,  // a handle in any case
  nothing  // the result stays in Python
};

// Refers to steps and values that live until run() returns. The values of all steps, in order; a name, text or keyword
// is a string; a named value is its keyword, then the value. Texts and bytes may be the caller's: copies of the values
// don't keep them.
struct Request {
  std::span<const Step> steps;
  std::span<const Value> values;
  Want want = Want::value;
};

class Peer {
 public:
  virtual ~Peer();

  // Waits for the result; None for Want::nothing. Throws what Python raised, WorkerDied, TimedOut, or Error(invalid) if
  // a value is an object of another worker.
  virtual Value run(const Request& request) = 0;
  // The object is used no more. Only notes it: the release goes with a later message. From any thread.
  virtual void release(std::uint64_t id) noexcept = 0;
  // Whether calls on this thread whose result is a plain Value shall give a handle (RemoteObjects).
  virtual bool keeps_results() const noexcept { return false; }
};

// An object that a worker keeps under an id for as long as this lives.
class RemoteObject final : public ObjectState {
 public:
  RemoteObject(std::shared_ptr<Peer> peer, std::uint64_t id) noexcept
      : ObjectState(Form::remote), peer_(std::move(peer)), id_(id) {}
  ~RemoteObject() override { peer_->release(id_); }

  const std::shared_ptr<Peer>& peer() const noexcept { return peer_; }
  std::uint64_t id() const noexcept { return id_; }
  std::string describe() const override;

 private:
  std::shared_ptr<Peer> peer_;  // never null
  std::uint64_t id_;
};

namespace detail {

// What a worker keeps; null for any other value.
const RemoteObject* remote_of(const Object& object) noexcept;
const RemoteObject* remote_of(const Value& value) noexcept;

// How a result of type R is asked for. What holds an Object must come as a handle: Object itself, containers of it
// (<py4cpp/convert_container.hpp>), and types whose Convert says so by `static constexpr bool takes_handle = true`.
template <class R>
inline constexpr bool wants_handle = std::same_as<R, Object>;
template <class R>
  requires requires { requires Convert<R>::takes_handle; }
inline constexpr bool wants_handle<R> = true;

template <class R>
Want want_of(const Peer& peer) noexcept {
  if constexpr (std::is_void_v<R>) return Want::nothing;
  else if constexpr (wants_handle<R>) return Want::object;
  else if constexpr (std::same_as<R, Value>) return peer.keeps_results() ? Want::object : Want::value;
  else return Want::value;
}

// Runs and converts.
template <class R>
R run(Peer& peer, std::span<const Step> steps, std::span<const Value> values) {
  if constexpr (std::is_void_v<R>) {
    peer.run(Request{steps, values, Want::nothing});
  } else if constexpr (std::same_as<R, Value>) {
    return peer.run(Request{steps, values, want_of<R>(peer)});
  } else {
    return peer.run(Request{steps, values, want_of<R>(peer)}).template as<R>();
  }
}

}  // namespace detail

}  // namespace py4cpp
