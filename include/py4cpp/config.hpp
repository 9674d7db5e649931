// How a worker is started and how much memory it may use. A plain value; copy it, compare nothing, share at will.
//
// An aggregate in this order, for designated initialisers; new fields are appended. One table in config.cpp gives
// every field its name, its text form and its place in the file, so load, get, set and save cannot disagree.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace py4cpp {

// What the next call does after the worker has died or was stopped.
enum class Restart { never, on_next_call };

struct Config {
  // cache_limit: the smaller of 1 GiB and a quarter of /dev/shm. Its text form is "auto".
  static constexpr std::uint64_t automatic = std::numeric_limits<std::uint64_t>::max();

  std::string python = {};                          // path or name; empty: PY4CPP_PYTHON, virtual environment, PATH
  std::uint64_t inline_limit = 8192;                // bytes; larger arrays go through shared memory
  std::uint64_t shared_memory_limit = 0;            // bytes this process may hold; 0: what /dev/shm has
  std::uint64_t cache_limit = automatic;            // bytes of freed segments kept warm
  std::chrono::microseconds spin{20};               // reading before blocking, in a feed thrice; 0: block at once
  std::chrono::milliseconds timeout{0};             // of one call; 0: none
  std::chrono::milliseconds start_timeout{30'000};  // 0: none
  std::chrono::milliseconds stop_timeout{5'000};    // until SIGTERM, then SIGKILL; 0: none
  Restart restart = Restart::never;
  std::filesystem::path working_directory = {};          // of the worker; empty: the host's
  std::map<std::string, std::string> environment = {};   // added to the host's, or replacing
  std::string startup = {};                              // Python code run when the worker starts
  std::function<void(std::string_view)> on_stdout = {};  // empty: the worker writes to the host's stdout
  std::function<void(std::string_view)> on_stderr = {};  // empty: forwarded to the host's stderr

  // Defaults, then the file path() names if there is one, then PY4CPP_PYTHON, PY4CPP_INLINE_LIMIT, ... (an empty
  // variable counts as unset). Throws ConfigError naming the file, line and key, or the variable.
  static Config load();

  // $PY4CPP_CONFIG, else $XDG_CONFIG_HOME/py4cpp/config.toml, else ~/.config/py4cpp/config.toml; empty without a home.
  static std::filesystem::path path();

  // Text forms: sizes "16384", "64 MiB", "1.5GB"; durations "20us", "200ms", "1.5s", a plain number is in the field's
  // unit (spin microseconds, the others milliseconds); restart "never", "on_next_call"; the rest as is.
  // "environment.NAME" is one variable. get() gives sizes and durations as plain numbers. Both throw ConfigError.
  void set(std::string_view key, std::string_view text);
  std::string get(std::string_view key) const;
  static std::vector<std::string> keys();  // all but those of the environment

  // Replaces the file path() names by one that holds every field but on_stdout and on_stderr: a reader sees the old
  // file or the new one, also after a crash. Missing directories are made, permissions kept. Throws ConfigError.
  void save() const;
};

}  // namespace py4cpp
