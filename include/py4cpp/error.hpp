// Every exception py4cpp throws. Error::kind() says what the caller does next; the subclasses carry data.
//
// Errors are values: copying one never throws, since whatever is long is shared. Any thread may read one. An error
// names no segment, no token and no address. The C++ twins of Python's own exceptions are in <py4cpp/errors.hpp>.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace py4cpp {

class Object;

enum class ErrorKind {
  invalid,       // fix the call
  raised,        // Python raised
  exhausted,     // free or grow memory (or descriptors, processes)
  disconnected,  // start a new worker
  timeout,       // wait longer, or do less
  incompatible,  // rebuild one side
  bug,           // ours: report it
};

// "invalid", "raised", ...
std::string_view to_string(ErrorKind kind) noexcept;

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

// The worker ended, or was stopped, while something was asked of it.
class WorkerDied : public Error {
 public:
  // `message` says what happened in a few words; what() adds the exit status and the last lines of `stderr_tail`.
  explicit WorkerDied(std::string_view message, std::optional<int> exit_code = std::nullopt,
                      std::optional<int> signal = std::nullopt, std::string stderr_tail = {});

  // Both empty when nobody can know: the host ignores SIGCHLD, or somebody else reaped the worker.
  std::optional<int> exit_code() const noexcept { return exit_code_; }
  std::optional<int> signal() const noexcept { return signal_; }
  const std::string& stderr_tail() const noexcept { return *stderr_tail_; }

 private:
  std::optional<int> exit_code_;
  std::optional<int> signal_;
  std::shared_ptr<const std::string> stderr_tail_;
};

class TimedOut : public Error {
 public:
  explicit TimedOut(const std::string& message) : Error(ErrorKind::timeout, message) {}
};

// A bad key or value; the message names the file and line, the environment variable, or the key given to set().
class ConfigError : public Error {
 public:
  explicit ConfigError(const std::string& message) : Error(ErrorKind::invalid, message) {}
};

// A value that has no faithful counterpart of the asked type.
class ConversionError : public Error {
 public:
  // `path` leads from the outermost value to the culprit ("[3]['k']"), empty when that is the value itself.
  // `expected` and `found` are phrases: "int in -128..127", "str 'x'".
  ConversionError(std::string path, std::string expected, std::string found);

  const std::string& path() const noexcept { return data_->path; }
  const std::string& expected() const noexcept { return data_->expected; }
  const std::string& found() const noexcept { return data_->found; }

  // The same error seen from one container further out.
  ConversionError prefixed(std::string_view step) const;

 private:
  struct Data {
    std::string path, expected, found;
  };

  explicit ConversionError(std::shared_ptr<const Data> data);

  std::shared_ptr<const Data> data_;
};

class OutOfSharedMemory : public Error {
 public:
  // Bytes. `detail` is what else is known, for instance "shared_memory_limit is 64 MiB"; may be empty.
  OutOfSharedMemory(std::uint64_t asked, std::uint64_t available, std::string_view detail = {});

  std::uint64_t asked() const noexcept { return asked_; }
  std::uint64_t available() const noexcept { return available_; }

 private:
  std::uint64_t asked_;
  std::uint64_t available_;
};

class PythonError;

// What is known of one Python exception. Names are qualified as in Object::type(): "KeyError", "numpy.AxisError".
struct ExceptionInfo {
  std::string type;
  std::string message;
  std::string traceback;  // Python's full text, causes included
  std::vector<std::string> notes;
  std::vector<std::string> bases;  // the class's MRO without `object`: bases[0] == type
  std::shared_ptr<const PythonError> cause;
  std::shared_ptr<const PythonError> context;
  std::shared_ptr<void> object;  // an ObjectState: keeps the exception itself alive in Python
};

// Python raised. Thrown as the twin (py4cpp::errors) of the first builtin class in the exception's MRO.
class PythonError : public Error {
 public:
  explicit PythonError(std::shared_ptr<const ExceptionInfo> info);
  PythonError(const PythonError&) noexcept = default;
  PythonError& operator=(const PythonError&) noexcept = default;
  ~PythonError() override;  // a chain of causes of any length is destroyed without recursion

  const std::string& type() const noexcept { return info_->type; }
  const std::string& message() const noexcept { return info_->message; }
  const std::string& traceback() const noexcept { return info_->traceback; }
  const std::vector<std::string>& notes() const noexcept { return info_->notes; }
  const PythonError* cause() const noexcept { return info_->cause.get(); }
  const PythonError* context() const noexcept { return info_->context.get(); }

  // Whether Python's isinstance would say so; `name` is qualified as in type(), "__main__." may be left out.
  bool matches(std::string_view name) const noexcept;

  // A handle to the exception. Include <py4cpp/object.hpp> to use it.
  Object object() const;

  const std::shared_ptr<const ExceptionInfo>& info() const noexcept { return info_; }

 protected:
  // Only so that a twin, whose virtual base this is, need not name it in every ancestor's constructor: the most
  // derived twin always passes the info.
  PythonError() : PythonError(nullptr) {}

 private:
  std::shared_ptr<const ExceptionInfo> info_;  // never null
};

}  // namespace py4cpp
