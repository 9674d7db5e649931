#include <py4cpp/errors.hpp>

#include <algorithm>
#include <array>
#include <string>

namespace py4cpp {
namespace {

using Info = std::shared_ptr<const ExceptionInfo>;

// How to make the twin of one builtin.
struct Twin {
  std::string_view name;
  void (*raise)(Info);
  std::exception_ptr (*make)(Info);
  std::shared_ptr<const PythonError> (*share)(Info);
};

template <class T>
constexpr Twin twin{
    T::python_name,
    [](Info info) { throw T(std::move(info)); },
    [](Info info) { return std::make_exception_ptr(T(std::move(info))); },
    [](Info info) -> std::shared_ptr<const PythonError> { return std::make_shared<const T>(std::move(info)); },
};

template <class... T>
constexpr auto sorted_by_name() {
  std::array<Twin, sizeof...(T)> table{twin<T>...};
  std::sort(table.begin(), table.end(), [](const Twin& a, const Twin& b) { return a.name < b.name; });
  return table;
}

using namespace errors;

// Every class of errors.hpp; the test asks Python for the names and misses the one that is forgotten here.
constexpr auto twins = sorted_by_name<
    BaseException, Exception, GeneratorExit, KeyboardInterrupt, SystemExit, BaseExceptionGroup, ExceptionGroup,
    ArithmeticError, FloatingPointError, OverflowError, ZeroDivisionError, AssertionError, AttributeError, BufferError,
    EOFError, MemoryError, ReferenceError, StopAsyncIteration, StopIteration, SystemError, TypeError, ImportError,
    ModuleNotFoundError, LookupError, IndexError, KeyError, NameError, UnboundLocalError, OSError, BlockingIOError,
    ChildProcessError, ConnectionError, BrokenPipeError, ConnectionAbortedError, ConnectionRefusedError,
    ConnectionResetError, FileExistsError, FileNotFoundError, InterruptedError, IsADirectoryError, NotADirectoryError,
    PermissionError, ProcessLookupError, TimeoutError, RuntimeError, NotImplementedError, PythonFinalizationError,
    RecursionError, SyntaxError, IndentationError, TabError, ValueError, UnicodeError, UnicodeDecodeError,
    UnicodeEncodeError, UnicodeTranslateError, Warning, BytesWarning, DeprecationWarning, EncodingWarning,
    FutureWarning, ImportWarning, PendingDeprecationWarning, ResourceWarning, RuntimeWarning, SyntaxWarning,
    UnicodeWarning, UserWarning>();

// Null if no class of the MRO is a builtin known here.
const Twin* nearest_twin(const ExceptionInfo& info) {
  for (const std::string& base : info.bases) {
    const auto found = std::lower_bound(twins.begin(), twins.end(), std::string_view(base),
                                        [](const Twin& entry, std::string_view name) { return entry.name < name; });
    if (found != twins.end() && found->name == base) return &*found;
  }
  return nullptr;
}

}  // namespace

void throw_python_error(std::shared_ptr<const ExceptionInfo> info) {
  if (const Twin* entry = info ? nearest_twin(*info) : nullptr) entry->raise(std::move(info));
  throw PythonError(std::move(info));
}

std::exception_ptr make_python_error(std::shared_ptr<const ExceptionInfo> info) {
  if (const Twin* entry = info ? nearest_twin(*info) : nullptr) return entry->make(std::move(info));
  return std::make_exception_ptr(PythonError(std::move(info)));
}

std::shared_ptr<const PythonError> share_python_error(std::shared_ptr<const ExceptionInfo> info) {
  if (const Twin* entry = info ? nearest_twin(*info) : nullptr) return entry->share(std::move(info));
  return std::make_shared<const PythonError>(std::move(info));
}

}  // namespace py4cpp
