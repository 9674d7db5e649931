// The C++ twins of Python's builtin exceptions (3.11 to 3.13), with Python's inheritance.
//
// Every class derives virtually, since ExceptionGroup is both a BaseExceptionGroup and an Exception: so a handler for
// any ancestor, for PythonError, Error or std::exception is unambiguous. A Python version that lacks one of these
// never raises it; one that has more is caught as the nearest ancestor here.
#pragma once

#include <py4cpp/error.hpp>

#include <exception>
#include <memory>
#include <string_view>
#include <utility>

namespace py4cpp {
namespace errors {

// One class per line: its name, then its bases. `python_name` is the name in Python's builtins. Constructors and
// destructor are in the library, and so is the vtable: 66 of them are a lot to compile.
#define PY4CPP_TWIN(Name, ...)                                  \
  class Name : __VA_ARGS__ {                                    \
   public:                                                      \
    static constexpr std::string_view python_name = #Name;      \
    explicit Name(std::shared_ptr<const ExceptionInfo> raised); \
    ~Name() override;                                           \
                                                                \
   protected:                                                   \
    Name();                                                     \
  };

PY4CPP_TWIN(BaseException, public virtual PythonError)
PY4CPP_TWIN(Exception, public virtual BaseException)
PY4CPP_TWIN(GeneratorExit, public virtual BaseException)
PY4CPP_TWIN(KeyboardInterrupt, public virtual BaseException)
PY4CPP_TWIN(SystemExit, public virtual BaseException)
PY4CPP_TWIN(BaseExceptionGroup, public virtual BaseException)
PY4CPP_TWIN(ExceptionGroup, public virtual BaseExceptionGroup, public virtual Exception)

PY4CPP_TWIN(ArithmeticError, public virtual Exception)
PY4CPP_TWIN(FloatingPointError, public virtual ArithmeticError)
PY4CPP_TWIN(OverflowError, public virtual ArithmeticError)
PY4CPP_TWIN(ZeroDivisionError, public virtual ArithmeticError)

PY4CPP_TWIN(AssertionError, public virtual Exception)
PY4CPP_TWIN(AttributeError, public virtual Exception)
PY4CPP_TWIN(BufferError, public virtual Exception)
PY4CPP_TWIN(EOFError, public virtual Exception)
PY4CPP_TWIN(MemoryError, public virtual Exception)
PY4CPP_TWIN(ReferenceError, public virtual Exception)
PY4CPP_TWIN(StopAsyncIteration, public virtual Exception)
PY4CPP_TWIN(StopIteration, public virtual Exception)
PY4CPP_TWIN(SystemError, public virtual Exception)
PY4CPP_TWIN(TypeError, public virtual Exception)

PY4CPP_TWIN(ImportError, public virtual Exception)
PY4CPP_TWIN(ModuleNotFoundError, public virtual ImportError)

PY4CPP_TWIN(LookupError, public virtual Exception)
PY4CPP_TWIN(IndexError, public virtual LookupError)
PY4CPP_TWIN(KeyError, public virtual LookupError)

PY4CPP_TWIN(NameError, public virtual Exception)
PY4CPP_TWIN(UnboundLocalError, public virtual NameError)

PY4CPP_TWIN(OSError, public virtual Exception)
PY4CPP_TWIN(BlockingIOError, public virtual OSError)
PY4CPP_TWIN(ChildProcessError, public virtual OSError)
PY4CPP_TWIN(ConnectionError, public virtual OSError)
PY4CPP_TWIN(BrokenPipeError, public virtual ConnectionError)
PY4CPP_TWIN(ConnectionAbortedError, public virtual ConnectionError)
PY4CPP_TWIN(ConnectionRefusedError, public virtual ConnectionError)
PY4CPP_TWIN(ConnectionResetError, public virtual ConnectionError)
PY4CPP_TWIN(FileExistsError, public virtual OSError)
PY4CPP_TWIN(FileNotFoundError, public virtual OSError)
PY4CPP_TWIN(InterruptedError, public virtual OSError)
PY4CPP_TWIN(IsADirectoryError, public virtual OSError)
PY4CPP_TWIN(NotADirectoryError, public virtual OSError)
PY4CPP_TWIN(PermissionError, public virtual OSError)
PY4CPP_TWIN(ProcessLookupError, public virtual OSError)
PY4CPP_TWIN(TimeoutError, public virtual OSError)
using EnvironmentError = OSError;  // Python's own aliases
using IOError = OSError;

PY4CPP_TWIN(RuntimeError, public virtual Exception)
PY4CPP_TWIN(NotImplementedError, public virtual RuntimeError)
PY4CPP_TWIN(PythonFinalizationError, public virtual RuntimeError)
PY4CPP_TWIN(RecursionError, public virtual RuntimeError)

PY4CPP_TWIN(SyntaxError, public virtual Exception)
PY4CPP_TWIN(IndentationError, public virtual SyntaxError)
PY4CPP_TWIN(TabError, public virtual IndentationError)

PY4CPP_TWIN(ValueError, public virtual Exception)
PY4CPP_TWIN(UnicodeError, public virtual ValueError)
PY4CPP_TWIN(UnicodeDecodeError, public virtual UnicodeError)
PY4CPP_TWIN(UnicodeEncodeError, public virtual UnicodeError)
PY4CPP_TWIN(UnicodeTranslateError, public virtual UnicodeError)

PY4CPP_TWIN(Warning, public virtual Exception)
PY4CPP_TWIN(BytesWarning, public virtual Warning)
PY4CPP_TWIN(DeprecationWarning, public virtual Warning)
PY4CPP_TWIN(EncodingWarning, public virtual Warning)
PY4CPP_TWIN(FutureWarning, public virtual Warning)
PY4CPP_TWIN(ImportWarning, public virtual Warning)
PY4CPP_TWIN(PendingDeprecationWarning, public virtual Warning)
PY4CPP_TWIN(ResourceWarning, public virtual Warning)
PY4CPP_TWIN(RuntimeWarning, public virtual Warning)
PY4CPP_TWIN(SyntaxWarning, public virtual Warning)
PY4CPP_TWIN(UnicodeWarning, public virtual Warning)
PY4CPP_TWIN(UserWarning, public virtual Warning)

#undef PY4CPP_TWIN

}  // namespace errors

// The twin of the first builtin in info->bases; a plain PythonError if none of them is known here.
std::exception_ptr make_python_error(std::shared_ptr<const ExceptionInfo> info);

// The same twin, for ExceptionInfo::cause and context: a dynamic_cast finds out what it is. Never null.
std::shared_ptr<const PythonError> share_python_error(std::shared_ptr<const ExceptionInfo> info);

}  // namespace py4cpp
