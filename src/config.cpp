#include <py4cpp/config.hpp>

#include <py4cpp/error.hpp>

#include <toml++/toml.h>

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "config_file.hpp"
#include "quantity.hpp"

namespace py4cpp {
namespace {

// ---- Text forms: how a value of each type reads and prints ----

struct TextForm {
  static constexpr bool numeric = false;
  static constexpr std::string_view expected = "text";
  static std::optional<std::string> parse(std::string_view text) { return std::string(text); }
  static std::string print(const std::string& value) { return value; }
};

struct PathForm {
  static constexpr bool numeric = false;
  static constexpr std::string_view expected = "a path";
  static std::optional<std::filesystem::path> parse(std::string_view text) { return std::filesystem::path(text); }
  static std::string print(const std::filesystem::path& value) { return value.string(); }
};

struct RestartForm {
  static constexpr bool numeric = false;
  static constexpr std::string_view expected = "\"never\" or \"on_next_call\"";
  static std::optional<Restart> parse(std::string_view text) {
    if (text == "never") return Restart::never;
    if (text == "on_next_call") return Restart::on_next_call;
    return std::nullopt;
  }
  static std::string print(Restart value) { return value == Restart::never ? "never" : "on_next_call"; }
};

struct SizeForm {
  static constexpr bool numeric = true;
  static constexpr std::string_view expected = "a number of bytes such as 16384, \"64 KiB\" or \"1 GiB\"";
  static std::optional<std::uint64_t> parse(std::string_view text) { return parse_size(text); }
  static std::string print(std::uint64_t value) { return std::to_string(value); }
};

struct AutomaticSizeForm {
  static constexpr bool numeric = true;
  static constexpr std::string_view expected = "\"auto\" or a number of bytes such as 16384, \"64 KiB\" or \"1 GiB\"";
  static std::optional<std::uint64_t> parse(std::string_view text) {
    return text == "auto" ? Config::automatic : parse_size(text);
  }
  static std::string print(std::uint64_t value) { return value == Config::automatic ? "auto" : SizeForm::print(value); }
};

template <class Duration>
struct DurationForm {
  static constexpr bool numeric = true;
  static constexpr std::string_view expected =
      std::is_same_v<Duration, std::chrono::microseconds>
          ? "a whole number of microseconds, or a duration such as \"20us\" or \"1ms\""
          : "a whole number of milliseconds, or a duration such as \"200ms\", \"1.5s\" or \"2min\"";
  static std::optional<Duration> parse(std::string_view text) {
    constexpr std::uint64_t unit = std::chrono::nanoseconds(Duration{1}).count();
    const auto count = parse_duration(text, unit);
    if (!count) return std::nullopt;
    return Duration(*count);
  }
  static std::string print(Duration value) { return std::to_string(value.count()); }
};

// ---- The table: every field that has a text form ----

struct Field {
  std::string_view name;
  std::string_view expected;
  bool numeric;  // a number in TOML; print() then gives digits, where there is no word for the value
  bool (*parse)(Config&, std::string_view);
  std::string (*print)(const Config&);
};

template <auto Member, class Form>
constexpr Field field(std::string_view name) {
  return {name, Form::expected, Form::numeric,
          [](Config& config, std::string_view text) {
            auto value = Form::parse(text);
            if (value) config.*Member = std::move(*value);
            return value.has_value();
          },
          [](const Config& config) { return Form::print(config.*Member); }};
}

using SpinForm = DurationForm<std::chrono::microseconds>;
using TimeoutForm = DurationForm<std::chrono::milliseconds>;

constexpr std::array fields{
    field<&Config::python, TextForm>("python"),
    field<&Config::inline_limit, SizeForm>("inline_limit"),
    field<&Config::shared_memory_limit, SizeForm>("shared_memory_limit"),
    field<&Config::cache_limit, AutomaticSizeForm>("cache_limit"),
    field<&Config::spin, SpinForm>("spin"),
    field<&Config::timeout, TimeoutForm>("timeout"),
    field<&Config::start_timeout, TimeoutForm>("start_timeout"),
    field<&Config::stop_timeout, TimeoutForm>("stop_timeout"),
    field<&Config::restart, RestartForm>("restart"),
    field<&Config::working_directory, PathForm>("working_directory"),
    field<&Config::startup, TextForm>("startup"),
};

// The one field that is a table: its entries are the keys "environment.NAME".
constexpr std::string_view environment_key = "environment";

std::optional<std::string_view> environment_name(std::string_view key) {
  if (!key.starts_with(environment_key) || key.size() <= environment_key.size()) return std::nullopt;
  if (key[environment_key.size()] != '.') return std::nullopt;
  return key.substr(environment_key.size() + 1);
}

// `where` says to people what was read: a key, a variable, "FILE:LINE".
[[noreturn]] void reject(const std::string& where, const std::string& why) { throw ConfigError(where + ": " + why); }

[[noreturn]] void reject_key(const std::string& where, std::string_view key) {
  std::string valid;
  for (const Field& entry : fields) valid.append(entry.name).append(", ");
  reject(where, "unknown key \"" + std::string(key) + "\"; the keys are " + valid + "environment.NAME");
}

[[noreturn]] void reject_value(const std::string& where, const Field& entry, std::string_view text) {
  constexpr std::size_t shown = 80;
  const std::string quoted = "\"" + std::string(text.substr(0, shown)) + (text.size() > shown ? "...\"" : "\"");
  reject(where, "bad value " + quoted + ", expected " + std::string(entry.expected));
}

const Field* find_field(std::string_view key) {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == key; });
  return found == fields.end() ? nullptr : &*found;
}

void set_field(Config& config, const Field& entry, std::string_view text, const std::string& where) {
  if (text.find('\0') != std::string_view::npos) reject(where, "a NUL character cannot be part of the value");
  if (!entry.parse(config, text)) reject_value(where, entry, text);
}

void set_variable(Config& config, std::string_view name, std::string_view text, const std::string& where) {
  if (name.empty() || name.find_first_of(std::string_view("=\0", 2)) != std::string_view::npos) {
    reject(where, "\"" + std::string(name) + "\" cannot be the name of an environment variable");
  }
  if (text.find('\0') != std::string_view::npos) reject(where, "a NUL character cannot be part of the value");
  config.environment[std::string(name)] = text;
}

// ---- Reading ----

// The text of a TOML value, if a field with numbers or without them can have it.
std::optional<std::string> scalar_text(const toml::node& node, bool numeric) {
  if (const auto* text = node.as_string()) return text->get();
  if (!numeric) return std::nullopt;
  if (const auto* integer = node.as_integer()) return std::to_string(integer->get());
  if (const auto* number = node.as_floating_point()) {
    std::array<char, 64> buffer{};
    const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number->get());
    return std::string(buffer.data(), written.ptr);
  }
  return std::nullopt;
}

std::string place(const std::string& file, const toml::source_region& source) {
  return file + ":" + std::to_string(source.begin.line);
}

void apply_environment_table(Config& config, const toml::node& node, const std::string& file) {
  const toml::table* table = node.as_table();
  if (table == nullptr) {
    reject(place(file, node.source()) + ": environment", "expected a table: [environment] and a line NAME = \"value\"");
  }
  for (const auto& [key, value] : *table) {
    const std::string where = place(file, value.source()) + ": environment." + std::string(key.str());
    const auto text = value.is_floating_point() ? std::nullopt : scalar_text(value, true);
    if (!text) reject(where, "expected a string");
    set_variable(config, key.str(), *text, where);
  }
}

void apply_text(Config& config, std::string_view text, const std::string& file) {
  toml::table table;
  try {
    table = toml::parse(text, std::string_view(file));
  } catch (const toml::parse_error& error) {
    reject(place(file, error.source()), std::string(error.description()));
  }
  for (const auto& [key, node] : table) {
    const std::string line = place(file, key.source());
    if (key.str() == environment_key) {
      apply_environment_table(config, node, file);
      continue;
    }
    const Field* entry = find_field(key.str());
    if (entry == nullptr) reject_key(line, key.str());
    const std::string where = line + ": " + std::string(entry->name);
    const auto value = scalar_text(node, entry->numeric);
    if (!value) reject(where, "bad value, expected " + std::string(entry->expected));
    set_field(config, *entry, *value, where);
  }
}

void apply_process_environment(Config& config) {
  for (const Field& entry : fields) {
    std::string name = "PY4CPP_";
    for (const char letter : entry.name) name += letter == '_' ? '_' : static_cast<char>(letter - 'a' + 'A');
    const char* text = std::getenv(name.c_str());
    if (text != nullptr && *text != '\0') set_field(config, entry, text, name);
  }
}

// ---- Writing ----
// By hand: toml++ sorts the keys, and its formatter (3.3) loses a leading newline and breaks on ''' inside a text.

std::string toml_string(std::string_view text) {
  const bool many_lines = text.find('\n') != std::string_view::npos;
  std::string written = many_lines ? "\"\"\"\n" : "\"";
  constexpr std::string_view hex = "0123456789ABCDEF";
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\') {
      written += '\\';
      written += letter;
    } else if (letter == '\n' || letter == '\t' || (byte >= 0x20 && byte != 0x7F)) {
      written += letter;
    } else {
      written.append("\\u00").append(1, hex[byte >> 4U]).append(1, hex[byte & 15U]);
    }
  }
  return written + (many_lines ? "\"\"\"" : "\"");
}

bool toml_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

std::string toml_text(const Config& config) {
  std::string text = "# py4cpp's settings. Sizes are bytes, spin is microseconds, the timeouts are milliseconds.\n\n";
  for (const Field& entry : fields) {
    const std::string value = entry.print(config);
    text.append(entry.name).append(" = ");
    text.append(entry.numeric && toml_integer(value) ? value : toml_string(value)).append("\n");
  }
  if (!config.environment.empty()) text.append("\n[").append(environment_key).append("]\n");
  for (const auto& [name, value] : config.environment) {
    text.append(toml_string(name)).append(" = ").append(toml_string(value)).append("\n");
  }
  return text;
}

// The text as load() will take it, so that what cannot be read back (text that is no UTF-8, a negative timeout) is
// never written.
std::string readable_toml_text(const Config& config) {
  std::string text = toml_text(config);
  try {
    Config read_back;
    apply_text(read_back, text, "the text to be saved");
    if (toml_text(read_back) != text) reject("the text to be saved", "it would be read back differently");
  } catch (const ConfigError& error) {
    throw ConfigError("this configuration cannot be saved: " + std::string(error.what()));
  }
  return text;
}

// An unset variable and an empty one are the same here.
std::string variable(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? std::string() : std::string(text);
}

std::filesystem::path home_directory() {
  if (std::string home = variable("HOME"); !home.empty()) return home;
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
  return found->pw_dir == nullptr ? std::filesystem::path() : std::filesystem::path(found->pw_dir);
}

}  // namespace

std::filesystem::path Config::path() {
  if (std::string file = variable("PY4CPP_CONFIG"); !file.empty()) return file;
  // The XDG specification has relative paths ignored.
  if (std::filesystem::path base = variable("XDG_CONFIG_HOME"); base.is_absolute()) return base / "py4cpp/config.toml";
  const std::filesystem::path home = home_directory();
  return home.empty() ? home : home / ".config/py4cpp/config.toml";
}

Config Config::load() {
  Config config;
  if (const std::filesystem::path file = path(); !file.empty()) {
    if (const auto text = read_config_file(file)) apply_text(config, *text, file.string());
  }
  apply_process_environment(config);
  return config;
}

void Config::set(std::string_view key, std::string_view text) {
  if (const auto name = environment_name(key)) return set_variable(*this, *name, text, std::string(key));
  const Field* entry = find_field(key);
  if (entry == nullptr) reject_key("Config::set", key);
  set_field(*this, *entry, text, std::string(key));
}

std::string Config::get(std::string_view key) const {
  if (const auto name = environment_name(key)) {
    const auto found = environment.find(std::string(*name));
    if (found == environment.end()) reject(std::string(key), "is not set");
    return found->second;
  }
  const Field* entry = find_field(key);
  if (entry == nullptr) reject_key("Config::get", key);
  return entry->print(*this);
}

std::vector<std::string> Config::keys() {
  std::vector<std::string> names;
  names.reserve(std::size(fields));
  for (const Field& entry : fields) names.emplace_back(entry.name);
  return names;
}

void Config::save() const {
  const std::filesystem::path file = path();
  if (file.empty()) throw ConfigError("there is no home directory to save the configuration in: set PY4CPP_CONFIG");
  replace_config_file(file, readable_toml_text(*this));
}

}  // namespace py4cpp
