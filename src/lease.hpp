// Leases: what tells a living process's names in /dev/shm from those of a dead one, and the janitor's work on the
// latter. A lease is a file `py4cpp.<pid>.<32 hexadecimal digits>.lease` and a lock on it:
//   1. The owner of an arena, and each peer that met it, holds a shared OFD lock (a POSIX lock would drop when any
//      descriptor of the file is closed). It ends with its process, whatever ends that; forked children get no part.
//   2. Whoever holds the exclusive lock, and has seen after taking it that the path still leads to the file it locked,
//      may remove the arena's names: first the segments', last the lease's, so a janitor that dies half way leaves the
//      rest to the next.
//   3. An owner that finds its new lease locked or removed by a janitor gives up that id and takes another. It creates
//      no segment before it has the lock and has checked the path.
// So names of an arena exist only while its lease does, and no name goes while anybody who may use it lives.
#pragma once

#include "fork_mark.hpp"
#include "segment.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_set>
#include <vector>

namespace py4cpp {

// Move-only; any thread, one at a time.
class Lease {
 public:
  // Creates the lease of an arena of ours; destroying it removes the file. Nothing if the id is taken or a janitor came
  // in between: try another. Throws Error(exhausted) where /dev/shm can't be used.
  static std::optional<Lease> acquire(const ArenaId& arena);
  // Shares the lease of somebody else's arena; destroying it leaves the file. Nothing if it isn't there any more.
  static std::optional<Lease> join(const ArenaId& arena) noexcept;
  // Takes the lease of a dead owner for itself alone; destroying it removes the file. Nothing if anybody holds it.
  static std::optional<Lease> take(const ArenaId& arena);

  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease();  // nothing in a forked child

  void take_over() noexcept { removes_ = true; }      // the owner is dead: the file goes with us
  void leave_behind() noexcept { removes_ = false; }  // somebody who shares it will remove the file

 private:
  Lease(const ArenaId& arena, int descriptor, bool removes) noexcept;
  static std::optional<Lease> locked(const ArenaId& arena, int descriptor, bool exclusive, bool removes);
  void drop() noexcept;

  ArenaId arena_;
  int descriptor_ = -1;
  bool removes_ = false;
  ForkMark made_in_;
};

// Removes what dead processes of this user left in /dev/shm. Returns the number of names removed. Never touches an
// arena whose lease is held, has another owner or is missing, nor a name that isn't exactly one of ours. Safe against
// any number of processes that sweep or start at once.
std::size_t sweep_abandoned() noexcept;

// Removes every name of an arena whose owner is known to be dead, the lease's last.
void unlink_arena(const ArenaId& arena) noexcept;
// Removes the names of its segments, but not of those in `keep`, nor the lease's.
void unlink_segments_except(const ArenaId& arena, const std::unordered_set<std::uint32_t>& keep) noexcept;

struct ArenaListing {
  ArenaId arena;
  bool leased = false;  // it has a lease file
  bool held = false;    // somebody holds it
  std::size_t segments = 0;
  std::uint64_t bytes = 0;
};
// Every arena of this user with a name in /dev/shm.
std::vector<ArenaListing> list_arenas();

}  // namespace py4cpp
