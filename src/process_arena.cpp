// The process's own arena: when it is made, and when its names go. A forked child of a program has another than its
// parent, so that it can start a worker of its own.
#include "arena.hpp"
#include "fork_mark.hpp"
#include "lease.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

namespace py4cpp {

namespace {

struct Made {
  std::shared_ptr<Arena> arena;
  ForkMark made_in;
};

struct Configured {
  std::mutex mutex;
  std::optional<ArenaLimits> limits;  // of the first who configured it
};

// Never destroyed, like the arena: arrays in static storage may die after everything of ours.
Configured& configured() {
  static auto* const instance = new Configured;
  return *instance;
}

std::atomic<const Made*> made{nullptr};

const Made* made_here() noexcept {
  const Made* const found = made.load(std::memory_order_acquire);
  return found != nullptr && found->made_in.same_process() ? found : nullptr;
}

// Static objects are destroyed in the reverse order of their construction, and this one is constructed before those of
// the ordinary kind: programs' own static arrays and workers are gone when the names go.
struct RemoveNamesAtExit {
  ~RemoveNamesAtExit() {
    if (const Made* const found = made_here()) found->arena->close();
  }
};
[[gnu::init_priority(101)]] const RemoveNamesAtExit remove_names_at_exit;

const std::shared_ptr<Arena>& make_process_arena() {
  Configured& state = configured();
  const std::lock_guard lock(state.mutex);
  if (const Made* const found = made_here()) return found->arena;
  sweep_abandoned();
  const auto* const fresh = new Made{std::make_shared<Arena>(state.limits.value_or(ArenaLimits{})), {}};
  made.store(fresh, std::memory_order_release);
  return fresh->arena;
}

}  // namespace

std::shared_ptr<Arena> process_arena() {
  const Made* const found = made_here();
  return found != nullptr ? found->arena : make_process_arena();
}

void configure_process_arena(const ArenaLimits& limits) {
  Configured& state = configured();
  const std::lock_guard lock(state.mutex);
  if (state.limits) return;
  state.limits = limits;
  if (const Made* const found = made_here()) found->arena->set_limits(limits);
}

}  // namespace py4cpp
