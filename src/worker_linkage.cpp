// What handles, callables and arrays of a message mean in this worker.
#include "async_call.hpp"
#include "worker.hpp"

#include <py4cpp/error.hpp>

#include <utility>

namespace py4cpp {

// What a stale handle is says what happened to its worker, wherever it is used.
void Worker::throw_foreign(Peer& peer) {
  if (auto* other = dynamic_cast<Worker*>(&peer); other != nullptr && !other->alive()) {
    other->throw_died("an Object of a worker that has ended was used: ");
  }
  throw Error(ErrorKind::invalid, "an Object can only be used with the Python it came from; this one is of another");
}

std::uint64_t Worker::object_id(const ObjectState& state) {
  if (state.form() == ObjectState::Form::remote) {
    const auto& remote = static_cast<const RemoteObject&>(state);
    if (remote.peer().get() != this) throw_foreign(*remote.peer());
    return remote.id();
  }
  if (const auto* followed = dynamic_cast<const FollowedObject*>(&state)) {
    if (&followed->worker() != this) throw_foreign(followed->worker());
    return object_id(*followed->target().get());
  }
  if (const auto* future = dynamic_cast<const FutureObject*>(&state)) {
    const auto* call = dynamic_cast<const AsyncCall*>(future->call().get());
    if (call != nullptr && call->worker() == this) return call->id();
  }
  return 0;
}

Value Worker::resolved(const ObjectState& state) {
  if (const auto* future = dynamic_cast<const FutureObject*>(&state)) return future->call()->result();
  throw Error(ErrorKind::invalid, "this cannot travel to Python: " + state.describe());
}

std::uint64_t Worker::lend_callable(const std::shared_ptr<HostCallable>& callable) { return exports_.lend(callable); }

void Worker::count_array(bool shared, std::uint64_t bytes) noexcept {
  (shared ? arrays_shared_ : arrays_copied_).fetch_add(1, std::memory_order_relaxed);
  (shared ? bytes_shared_ : bytes_copied_).fetch_add(bytes, std::memory_order_relaxed);
}

Object Worker::object(std::uint64_t id) {
  auto state = std::make_shared<RemoteObject>(shared_from_this(), id);
  live_objects_.fetch_add(1, std::memory_order_relaxed);
  return Object(std::move(state));
}

Object Worker::callable(std::uint64_t id) {
  auto callable = exports_.callable(id);
  if (!callable) throw BadMessage("a C++ callable that isn't known");
  return Object(std::make_shared<CallableObject>(std::move(callable)));
}

// The worker may have died after it answered: what the answer names and nobody has mapped is gone with it.
std::shared_ptr<Block> Worker::borrow(const BlockPlace& place) {
  try {
    return session_->ledger().borrow(place);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::disconnected) throw;
  }
  throw_died();
}

}  // namespace py4cpp
