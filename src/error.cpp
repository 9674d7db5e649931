#include <py4cpp/error.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>

namespace py4cpp {
namespace {

constexpr std::size_t shown_tail_lines = 20;
constexpr std::size_t shown_tail_bytes = 4000;

std::string exit_text(std::optional<int> exit_code, std::optional<int> signal) {
  if (exit_code) return "exit code " + std::to_string(*exit_code);
  if (!signal) return {};
  const char* name = sigabbrev_np(*signal);
  std::string text = "killed by signal " + std::to_string(*signal);
  return name == nullptr ? text : text + " (SIG" + name + ")";
}

// The end of `text`, whole lines where possible; what() stays readable however much a worker wrote.
std::string_view last_lines(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  std::size_t start = text.size();
  for (std::size_t lines = 0; lines < shown_tail_lines && start != 0; ++lines) {
    const std::size_t newline = text.rfind('\n', start - 1);
    const std::size_t line = newline == std::string_view::npos ? 0 : newline + 1;
    if (text.size() - line > shown_tail_bytes) {
      if (start == text.size()) start = text.size() - shown_tail_bytes;  // one long line: its end
      break;
    }
    start = newline == std::string_view::npos ? 0 : newline;
  }
  text.remove_prefix(start);
  if (!text.empty() && text.front() == '\n') text.remove_prefix(1);
  return text;
}

std::string death_text(std::string_view message, std::optional<int> exit_code, std::optional<int> signal,
                       std::string_view stderr_tail) {
  std::string text(message);
  if (const std::string how = exit_text(exit_code, signal); !how.empty()) text += ": " + how;
  if (const std::string_view lines = last_lines(stderr_tail); !lines.empty()) {
    text += "\nits last lines on stderr:\n";
    text += lines;
  }
  return text;
}

std::string conversion_text(const std::string& path, const std::string& expected, const std::string& found) {
  return (path.empty() ? "" : path + ": ") + "expected " + expected + ", found " + found;
}

// "1536 bytes (1.5 KiB)"
std::string bytes_text(std::uint64_t bytes) {
  std::string text = std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
  if (bytes < 1024) return text;
  constexpr std::array<const char*, 6> units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double scaled = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; scaled >= 1024 && unit + 1 < units.size(); ++unit) scaled /= 1024;
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.1f", scaled);
  return text + " (" + buffer.data() + " " + units[unit] + ")";
}

std::string shortage_text(std::uint64_t asked, std::uint64_t available, std::string_view detail) {
  std::string text =
      "out of shared memory: asked for " + bytes_text(asked) + ", " + bytes_text(available) + " available";
  if (!detail.empty()) text.append("; ").append(detail);
  return text +
         ". Let go of arrays, or give it more room: `df -h /dev/shm` shows what there is, `docker run --shm-size=4g` "
         "or `mount -o remount,size=4g /dev/shm` enlarges it, py4cpp's own cap is shared_memory_limit";
}

std::string python_text(const ExceptionInfo& info) {
  std::string text = info.message.empty() ? info.type : info.type + ": " + info.message;
  for (const std::string& note : info.notes) text += "\n" + note;
  return text;
}

std::shared_ptr<const ExceptionInfo> never_null(std::shared_ptr<const ExceptionInfo> info) {
  static const auto& nothing =
      *new std::shared_ptr(std::make_shared<const ExceptionInfo>());  // outlives static objects
  if (!info) info = nothing;
  return info;
}

// A worker can send a chain of causes of any length, and each link owns the next. A link that dies while another is
// being destroyed on this thread therefore only joins the queue of that one.
void destroy_flat(std::shared_ptr<const ExceptionInfo> info) noexcept {
  thread_local std::vector<std::shared_ptr<const ExceptionInfo>>* queue = nullptr;
  try {
    if (queue != nullptr) return queue->push_back(std::move(info));
    std::vector<std::shared_ptr<const ExceptionInfo>> links;
    links.push_back(std::move(info));
    queue = &links;
    while (!links.empty()) {
      const std::shared_ptr<const ExceptionInfo> link = std::move(links.back());
      links.pop_back();
    }
    queue = nullptr;
  } catch (...) {
    // No memory for the queue: `info` dies here, by recursion, which is the best left.
  }
}

}  // namespace

std::string_view to_string(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::invalid:
      return "invalid";
    case ErrorKind::raised:
      return "raised";
    case ErrorKind::exhausted:
      return "exhausted";
    case ErrorKind::disconnected:
      return "disconnected";
    case ErrorKind::timeout:
      return "timeout";
    case ErrorKind::incompatible:
      return "incompatible";
    case ErrorKind::bug:
      return "bug";
  }
  return "unknown";
}

WorkerDied::WorkerDied(std::string_view message, std::optional<int> exit_code, std::optional<int> signal,
                       std::string stderr_tail)
    : Error(ErrorKind::disconnected, death_text(message, exit_code, signal, stderr_tail)),
      exit_code_(exit_code),
      signal_(signal),
      stderr_tail_(std::make_shared<const std::string>(std::move(stderr_tail))) {}

ConversionError::ConversionError(std::string path, std::string expected, std::string found)
    : ConversionError(std::make_shared<const Data>(Data{std::move(path), std::move(expected), std::move(found)})) {}

ConversionError::ConversionError(std::shared_ptr<const Data> data)
    : Error(ErrorKind::invalid, conversion_text(data->path, data->expected, data->found)), data_(std::move(data)) {}

ConversionError ConversionError::prefixed(std::string_view step) const {
  return ConversionError(std::string(step) + path(), expected(), found());
}

OutOfSharedMemory::OutOfSharedMemory(std::uint64_t asked, std::uint64_t available, std::string_view detail)
    : Error(ErrorKind::exhausted, shortage_text(asked, available, detail)), asked_(asked), available_(available) {}

PythonError::PythonError(std::shared_ptr<const ExceptionInfo> info)
    : Error(ErrorKind::raised, info ? python_text(*info) : std::string()), info_(never_null(std::move(info))) {}

PythonError::~PythonError() {
  if (info_->cause || info_->context) destroy_flat(std::move(info_));
}

bool PythonError::matches(std::string_view name) const noexcept {
  static constexpr std::string_view builtins = "builtins.", main = "__main__.";
  if (name.starts_with(builtins)) name.remove_prefix(builtins.size());
  const auto is = [name](std::string_view type) {
    return type == name || (type.starts_with(main) && type.substr(main.size()) == name);
  };
  return is(info_->type) || std::any_of(info_->bases.begin(), info_->bases.end(), is);
}

}  // namespace py4cpp
