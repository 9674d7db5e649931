#include <py4cpp/errors.hpp>

#include <algorithm>
#include <array>
#include <string>

// Every class of errors.hpp; the test asks Python for the names and misses the one that is forgotten here.
// clang-format off
#define PY4CPP_TWINS(X)                                                                                          \
  X(BaseException) X(Exception) X(GeneratorExit) X(KeyboardInterrupt) X(SystemExit) X(BaseExceptionGroup)        \
  X(ExceptionGroup) X(ArithmeticError) X(FloatingPointError) X(OverflowError) X(ZeroDivisionError)               \
  X(AssertionError) X(AttributeError) X(BufferError) X(EOFError) X(MemoryError) X(ReferenceError)                \
  X(StopAsyncIteration) X(StopIteration) X(SystemError) X(TypeError) X(ImportError) X(ModuleNotFoundError)       \
  X(LookupError) X(IndexError) X(KeyError) X(NameError) X(UnboundLocalError) X(OSError) X(BlockingIOError)       \
  X(ChildProcessError) X(ConnectionError) X(BrokenPipeError) X(ConnectionAbortedError) X(ConnectionRefusedError) \
  X(ConnectionResetError) X(FileExistsError) X(FileNotFoundError) X(InterruptedError) X(IsADirectoryError)       \
  X(NotADirectoryError) X(PermissionError) X(ProcessLookupError) X(TimeoutError) X(RuntimeError)                 \
  X(NotImplementedError) X(PythonFinalizationError) X(RecursionError) X(SyntaxError) X(IndentationError)         \
  X(TabError) X(ValueError) X(UnicodeError) X(UnicodeDecodeError) X(UnicodeEncodeError) X(UnicodeTranslateError) \
  X(Warning) X(BytesWarning) X(DeprecationWarning) X(EncodingWarning) X(FutureWarning) X(ImportWarning)          \
  X(PendingDeprecationWarning) X(ResourceWarning) X(RuntimeWarning) X(SyntaxWarning) X(UnicodeWarning)           \
  X(UserWarning)
// clang-format on

namespace py4cpp {

namespace errors {

#define PY4CPP_BODIES(Name)                                                                   \
  Name::Name(std::shared_ptr<const ExceptionInfo> raised) : PythonError(std::move(raised)) {} \
  Name::Name() = default;                                                                     \
  Name::~Name() = default;
PY4CPP_TWINS(PY4CPP_BODIES)
#undef PY4CPP_BODIES

}  // namespace errors

namespace {

using Info = std::shared_ptr<const ExceptionInfo>;

// How to make the twin of one builtin.
struct Twin {
  std::string_view name;
  std::exception_ptr (*make)(Info);
  std::shared_ptr<const PythonError> (*share)(Info);
};

template <class T>
constexpr Twin twin{
    T::python_name,
    [](Info info) { return std::make_exception_ptr(T(std::move(info))); },
    [](Info info) -> std::shared_ptr<const PythonError> { return std::make_shared<const T>(std::move(info)); },
};

constexpr bool by_name(const Twin& a, const Twin& b) { return a.name < b.name; }

using namespace errors;

#define PY4CPP_ENTRY(Name) twin<Name>,
constexpr auto twins = [] {
  std::array table{PY4CPP_TWINS(PY4CPP_ENTRY)};
  std::sort(table.begin(), table.end(), by_name);
  return table;
}();
#undef PY4CPP_ENTRY

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

std::exception_ptr make_python_error(std::shared_ptr<const ExceptionInfo> info) {
  if (const Twin* entry = info ? nearest_twin(*info) : nullptr) return entry->make(std::move(info));
  return std::make_exception_ptr(PythonError(std::move(info)));
}

std::shared_ptr<const PythonError> share_python_error(std::shared_ptr<const ExceptionInfo> info) {
  if (const Twin* entry = info ? nearest_twin(*info) : nullptr) return entry->share(std::move(info));
  return std::make_shared<const PythonError>(std::move(info));
}

}  // namespace py4cpp
