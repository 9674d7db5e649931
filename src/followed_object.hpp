// An argument that wants to know what becomes of the calls that it is given to.
#pragma once

#include <py4cpp/handle.hpp>
#include <py4cpp/object.hpp>

#include <exception>
#include <memory>
#include <vector>

namespace py4cpp {

// Stands for an object of a worker. It is followed where it is an argument itself, not inside a container.
class FollowedObject : public ObjectState {
 public:
  FollowedObject() noexcept : ObjectState(Form::other) {}

  virtual const Object& target() const noexcept = 0;
  virtual Peer& worker() const noexcept = 0;
  virtual void call_started() noexcept = 0;
  // `error` is null if it returned. Without locks, on any thread.
  virtual void call_ended(const std::exception_ptr& error) noexcept = 0;
};

// Something the worker tells when it is about to be stopped and when it has ended; without locks.
class EndWatcher {
 public:
  virtual ~EndWatcher() = default;
  virtual void worker_stops() noexcept = 0;
  virtual void worker_ended() noexcept = 0;
};

using Followed = std::vector<std::shared_ptr<FollowedObject>>;

}  // namespace py4cpp
