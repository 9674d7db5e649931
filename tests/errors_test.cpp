// The twins against Python's own list: /usr/bin/python3 is asked for every builtin exception and its MRO, so nothing
// here repeats the inheritance written in errors.hpp.
#include <py4cpp/errors.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

namespace py4cpp {
namespace {

using Mro = std::vector<std::string>;

// Name of each builtin exception class -> its MRO without object; aliases have the name of what they stand for.
std::map<std::string, Mro> ask_python() {
  const char* command =
      "/usr/bin/python3 -I -c \""
      "import builtins\n"
      "for n, c in sorted(vars(builtins).items()):\n"
      "    if isinstance(c, type) and issubclass(c, BaseException) and not n.startswith('_'):\n"
      "        print(n, *(k.__name__ for k in c.__mro__ if k is not object))\"";
  std::map<std::string, Mro> builtins;
  std::FILE* pipe = popen(command, "r");
  if (pipe == nullptr) return builtins;
  std::string text;
  for (int byte = std::getc(pipe); byte != EOF; byte = std::getc(pipe)) text += static_cast<char>(byte);
  EXPECT_EQ(pclose(pipe), 0);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    for (std::string base; words >> base;) builtins[name].push_back(base);
  }
  return builtins;
}

// What 3.11 lacks, written down from the documentation of 3.13.
std::map<std::string, Mro> all_builtins() {
  std::map<std::string, Mro> builtins = ask_python();
  builtins.try_emplace("PythonFinalizationError",
                       Mro{"PythonFinalizationError", "RuntimeError", "Exception", "BaseException"});
  return builtins;
}

std::shared_ptr<const ExceptionInfo> info_of(Mro bases) {
  ExceptionInfo info;
  info.type = bases.empty() ? "strange.Thing" : bases.front();
  info.message = "said so";
  info.bases = std::move(bases);
  return std::make_shared<const ExceptionInfo>(std::move(info));
}

template <class Handler>
bool catches(const std::shared_ptr<const ExceptionInfo>& info) {
  try {
    std::rethrow_exception(make_python_error(info));
  } catch (const Handler&) {
    return true;
  } catch (...) {
    return false;
  }
}

// A handler for every class of errors.hpp, by its name in Python.
const std::map<std::string, std::function<bool(const std::shared_ptr<const ExceptionInfo>&)>>& handlers() {
#define PY4CPP_HANDLER(Name) \
  { #Name, &catches < errors::Name> }
  static const std::map<std::string, std::function<bool(const std::shared_ptr<const ExceptionInfo>&)>> table{
      PY4CPP_HANDLER(ArithmeticError),
      PY4CPP_HANDLER(AssertionError),
      PY4CPP_HANDLER(AttributeError),
      PY4CPP_HANDLER(BaseException),
      PY4CPP_HANDLER(BaseExceptionGroup),
      PY4CPP_HANDLER(BlockingIOError),
      PY4CPP_HANDLER(BrokenPipeError),
      PY4CPP_HANDLER(BufferError),
      PY4CPP_HANDLER(BytesWarning),
      PY4CPP_HANDLER(ChildProcessError),
      PY4CPP_HANDLER(ConnectionAbortedError),
      PY4CPP_HANDLER(ConnectionError),
      PY4CPP_HANDLER(ConnectionRefusedError),
      PY4CPP_HANDLER(ConnectionResetError),
      PY4CPP_HANDLER(DeprecationWarning),
      PY4CPP_HANDLER(EOFError),
      PY4CPP_HANDLER(EncodingWarning),
      PY4CPP_HANDLER(EnvironmentError),
      PY4CPP_HANDLER(Exception),
      PY4CPP_HANDLER(ExceptionGroup),
      PY4CPP_HANDLER(FileExistsError),
      PY4CPP_HANDLER(FileNotFoundError),
      PY4CPP_HANDLER(FloatingPointError),
      PY4CPP_HANDLER(FutureWarning),
      PY4CPP_HANDLER(GeneratorExit),
      PY4CPP_HANDLER(IOError),
      PY4CPP_HANDLER(ImportError),
      PY4CPP_HANDLER(ImportWarning),
      PY4CPP_HANDLER(IndentationError),
      PY4CPP_HANDLER(IndexError),
      PY4CPP_HANDLER(InterruptedError),
      PY4CPP_HANDLER(IsADirectoryError),
      PY4CPP_HANDLER(KeyError),
      PY4CPP_HANDLER(KeyboardInterrupt),
      PY4CPP_HANDLER(LookupError),
      PY4CPP_HANDLER(MemoryError),
      PY4CPP_HANDLER(ModuleNotFoundError),
      PY4CPP_HANDLER(NameError),
      PY4CPP_HANDLER(NotADirectoryError),
      PY4CPP_HANDLER(NotImplementedError),
      PY4CPP_HANDLER(OSError),
      PY4CPP_HANDLER(OverflowError),
      PY4CPP_HANDLER(PendingDeprecationWarning),
      PY4CPP_HANDLER(PermissionError),
      PY4CPP_HANDLER(ProcessLookupError),
      PY4CPP_HANDLER(PythonFinalizationError),
      PY4CPP_HANDLER(RecursionError),
      PY4CPP_HANDLER(ReferenceError),
      PY4CPP_HANDLER(ResourceWarning),
      PY4CPP_HANDLER(RuntimeError),
      PY4CPP_HANDLER(RuntimeWarning),
      PY4CPP_HANDLER(StopAsyncIteration),
      PY4CPP_HANDLER(StopIteration),
      PY4CPP_HANDLER(SyntaxError),
      PY4CPP_HANDLER(SyntaxWarning),
      PY4CPP_HANDLER(SystemError),
      PY4CPP_HANDLER(SystemExit),
      PY4CPP_HANDLER(TabError),
      PY4CPP_HANDLER(TimeoutError),
      PY4CPP_HANDLER(TypeError),
      PY4CPP_HANDLER(UnboundLocalError),
      PY4CPP_HANDLER(UnicodeDecodeError),
      PY4CPP_HANDLER(UnicodeEncodeError),
      PY4CPP_HANDLER(UnicodeError),
      PY4CPP_HANDLER(UnicodeTranslateError),
      PY4CPP_HANDLER(UnicodeWarning),
      PY4CPP_HANDLER(UserWarning),
      PY4CPP_HANDLER(ValueError),
      PY4CPP_HANDLER(Warning),
      PY4CPP_HANDLER(ZeroDivisionError)};
#undef PY4CPP_HANDLER
  return table;
}

TEST(Errors, EveryBuiltinOfPythonHasATwin) {
  const auto builtins = all_builtins();
  ASSERT_GE(builtins.size(), 69U) << "python3 did not answer";
  for (const auto& [name, mro] : builtins) EXPECT_TRUE(handlers().count(name)) << name;
  for (const auto& [name, handler] : handlers()) EXPECT_TRUE(builtins.count(name)) << name << " is not Python's";
}

TEST(Errors, AreCaughtByTheirAncestorsAndByNobodyElse) {
  const auto builtins = all_builtins();
  for (const auto& [name, mro] : builtins) {
    const auto info = info_of(mro);
    EXPECT_TRUE(catches<PythonError>(info)) << name;
    EXPECT_TRUE(catches<Error>(info)) << name;
    EXPECT_TRUE(catches<std::runtime_error>(info)) << name;
    EXPECT_TRUE(catches<std::exception>(info)) << name;
    for (const auto& [handler_name, handler] : handlers()) {
      // An alias stands where its class stands.
      const auto& handled = builtins.at(handler_name).front();
      const bool ancestor = std::find(mro.begin(), mro.end(), handled) != mro.end();
      EXPECT_EQ(handler(info), ancestor) << name << " with a handler for " << handler_name;
    }
  }
}

TEST(Errors, KeepTheirInfoThroughEveryBase) {
  const auto info = info_of({"ExceptionGroup", "BaseExceptionGroup", "Exception", "BaseException"});
  try {
    std::rethrow_exception(make_python_error(info));
  } catch (const errors::BaseExceptionGroup& group) {
    EXPECT_EQ(group.info(), info);
    EXPECT_STREQ(group.what(), "ExceptionGroup: said so");
    EXPECT_EQ(group.kind(), ErrorKind::raised);
    EXPECT_NE(dynamic_cast<const errors::Exception*>(&group), nullptr);
    EXPECT_NE(dynamic_cast<const errors::ExceptionGroup*>(&group), nullptr);
  }
}

TEST(Errors, ASubclassIsTheFirstBuiltinOfItsMro) {
  const auto axis = info_of({"numpy.AxisError", "ValueError", "IndexError", "LookupError", "Exception"});
  EXPECT_TRUE(catches<errors::ValueError>(axis));
  EXPECT_FALSE(catches<errors::IndexError>(axis));
  try {
    std::rethrow_exception(make_python_error(axis));
  } catch (const PythonError& error) {
    EXPECT_EQ(error.type(), "numpy.AxisError");
    EXPECT_TRUE(error.matches("IndexError"));
  }
}

TEST(Errors, AnUnknownMroIsAPlainPythonError) {
  EXPECT_TRUE(catches<PythonError>(info_of({})));
  EXPECT_FALSE(catches<errors::BaseException>(info_of({"app.KeyError"})));
  EXPECT_TRUE(catches<PythonError>(nullptr));
}

TEST(Errors, PointersHoldTheSameTwin) {
  for (const auto& [name, mro] : all_builtins()) {
    const auto info = info_of(mro);
    std::string from_pointer = "nothing";
    try {
      std::rethrow_exception(make_python_error(info));
    } catch (const PythonError& error) {
      from_pointer = typeid(error).name();
    }
    const std::shared_ptr<const PythonError> shared = share_python_error(info);
    const PythonError& held = *shared;
    EXPECT_EQ(typeid(held).name(), from_pointer) << name;
    EXPECT_EQ(shared->info(), info);
    try {
      std::rethrow_exception(make_python_error(info));
    } catch (const PythonError& error) {
      EXPECT_EQ(typeid(error).name(), from_pointer) << name;
    }
  }
  EXPECT_NE(share_python_error(nullptr), nullptr);
  EXPECT_NE(make_python_error(nullptr), nullptr);
}

// A program may extend the hierarchy.
class Missing : public errors::KeyError {
 public:
  explicit Missing(std::shared_ptr<const ExceptionInfo> info) : PythonError(info), KeyError(info) {}
};

TEST(Errors, MayBeDerivedFrom) {
  const auto info = info_of({"KeyError"});
  try {
    throw Missing(info);
  } catch (const errors::LookupError& error) {
    EXPECT_EQ(error.info(), info);
  }
}

}  // namespace
}  // namespace py4cpp
