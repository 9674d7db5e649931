// The process's own arena: when it is made, and when its names go.
#include "arena.hpp"
#include "lease.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

namespace py4cpp {

namespace {

struct Configured {
  std::mutex mutex;
  std::optional<ArenaLimits> limits;  // of the first who configured it
  std::shared_ptr<Arena> arena;
};

// Never destroyed, like the arena: arrays in static storage may die after everything of ours.
Configured& configured() {
  static auto* const instance = new Configured;
  return *instance;
}

std::atomic<const std::shared_ptr<Arena>*> made{nullptr};

// Static objects are destroyed in the reverse order of their construction, and this one is constructed before those of
// the ordinary kind: programs' own static arrays and workers are gone when the names go.
struct RemoveNamesAtExit {
  ~RemoveNamesAtExit() {
    if (const auto* const arena = made.load(std::memory_order_acquire)) (*arena)->close();
  }
};
[[gnu::init_priority(101)]] const RemoveNamesAtExit remove_names_at_exit;

const std::shared_ptr<Arena>& make_process_arena() {
  Configured& state = configured();
  const std::lock_guard lock(state.mutex);
  if (!state.arena) {
    sweep_abandoned();
    state.arena = std::make_shared<Arena>(state.limits.value_or(ArenaLimits{}));
    made.store(&state.arena, std::memory_order_release);
  }
  return state.arena;
}

}  // namespace

std::shared_ptr<Arena> process_arena() {
  const auto* const arena = made.load(std::memory_order_acquire);
  return arena != nullptr ? *arena : make_process_arena();
}

void configure_process_arena(const ArenaLimits& limits) {
  Configured& state = configured();
  const std::lock_guard lock(state.mutex);
  if (state.limits) return;
  state.limits = limits;
  if (state.arena) state.arena->set_limits(limits);
}

}  // namespace py4cpp
