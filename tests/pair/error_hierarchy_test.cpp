// Every builtin exception has its twin, with everything Python says of it.
#include "pair_fixture.hpp"

#include <stdexcept>

namespace py4cpp::test {

class ErrorHierarchy : public PairTest {
 protected:
  // The names of the lines that say which function was running, from the outside in.
  static std::vector<std::string> frames(const std::string& traceback) {
    std::vector<std::string> names;
    std::size_t at = 0;
    while ((at = traceback.find(", in ", at)) != std::string::npos) {
      at += 5;
      names.push_back(traceback.substr(at, traceback.find('\n', at) - at));
    }
    return names;
  }
};

template <class Twin>
bool is(const PythonError& error) {
  return dynamic_cast<const Twin*>(&error) != nullptr;
}

TEST_F(ErrorHierarchy, EveryBuiltinIsItsTwin) {
  py.exec(
      "import builtins\n"
      "special = {'UnicodeDecodeError': ('utf-8', b'x', 0, 1, 'r'), 'UnicodeEncodeError': ('utf-8', 'x', 0, 1, 'r'),\n"
      "           'UnicodeTranslateError': ('x', 0, 1, 'r'), 'ExceptionGroup': ('g', [ValueError(1)]),\n"
      "           'BaseExceptionGroup': ('g', [KeyboardInterrupt()])}\n"
      "names = sorted({c.__name__ for c in vars(builtins).values()\n"
      "                if isinstance(c, type) and issubclass(c, BaseException)})\n"
      "def make(name): return getattr(builtins, name)(*special.get(name, ('m',)))\n"
      "def throw(name): raise make(name)\n"
      "def mro(name): return [c.__name__ for c in type(make(name)).__mro__ if c is not object]");
  const auto names = py.eval<std::vector<std::string>>("names");
  EXPECT_GT(names.size(), 60u);
  for (const std::string& name : names) {
    try {
      py.call("throw", name);
      FAIL() << name;
    } catch (const errors::BaseException& error) {
      EXPECT_EQ(error.type(), name);
      EXPECT_EQ(is<errors::Exception>(error), error.matches("Exception")) << name;
      EXPECT_EQ(is<errors::OSError>(error), error.matches("OSError")) << name;
      EXPECT_EQ(is<errors::ValueError>(error), error.matches("ValueError")) << name;
      EXPECT_EQ(is<errors::Warning>(error), error.matches("Warning")) << name;
      for (const auto& ancestor : py.call<std::vector<std::string>>("mro", name)) {
        EXPECT_TRUE(error.matches(ancestor)) << name << ' ' << ancestor;
      }
    }
  }
}

TEST_F(ErrorHierarchy, SubclassesAreTheFirstBuiltinOfTheirMro) {
  py.exec(
      "class Plain(Exception): pass\nclass Mixed(Plain, KeyError): pass\nclass Left(OSError, ValueError): pass\n"
      "class Group(ExceptionGroup): pass");
  const auto mixed = thrown_by<errors::KeyError>([&] { py.exec("raise Mixed('x')"); });
  EXPECT_TRUE(mixed.matches("__main__.Plain") && mixed.matches("Plain") && mixed.matches("builtins.LookupError"));
  EXPECT_FALSE(mixed.matches("ValueError"));
  const auto left = thrown_by<errors::OSError>([&] { py.exec("raise Left('x')"); });
  EXPECT_TRUE(left.matches("ValueError")) << "matches() sees all";
  EXPECT_EQ(thrown_by<errors::ExceptionGroup>([&] { py.exec("raise Group('g', [ValueError(1)])"); }).type(),
            "__main__.Group");
}

TEST_F(ErrorHierarchy, TracebacksShowTheFunctionsOfBothLanguages) {
  py.export_function("outer", [&](int n) { return py.call<int>("step", n); }, {"n"});
  py.exec("def step(n):\n    if n == 0: raise ValueError('deep')\n    return outer(n - 1)");
  const auto error = thrown_by<errors::ValueError>([&] { py.call("step", 2); });
  EXPECT_EQ(frames(error.traceback()), (std::vector<std::string>{"step", "outer", "step", "outer", "step"}));
  EXPECT_NE(error.traceback().find("<C++>"), std::string::npos);
}

TEST_F(ErrorHierarchy, OneExceptionThroughSeveralLevelsStaysItself) {
  int seen = 0;
  py.export_function("through", [&](const Object& function) {
    try {
      function();
    } catch (const errors::LookupError&) {
      ++seen;
      throw;
    }
  });
  py.exec(
      "def bad(): raise KeyError('same')\n"
      "def both():\n    global kept\n    try:\n        through(lambda: through(bad))\n"
      "    except KeyError as e:\n        kept = e\n        raise");
  try {
    py.call("both");
    FAIL();
  } catch (const errors::KeyError& error) {
    EXPECT_TRUE(py.eval<bool>("e is kept", "e"_a = error.object()));
    EXPECT_EQ(frames(error.traceback()), (std::vector<std::string>{"both", "through", "<lambda>", "through", "bad"}));
  }
  EXPECT_EQ(seen, 2);
}

TEST_F(ErrorHierarchy, CausesAndContextsTellAsMuch) {
  py.exec(
      "def f():\n    try:\n        try:\n            1 / 0\n        except ZeroDivisionError:\n            {}['k']\n"
      "    except KeyError as e:\n        e.add_note('noted')\n        raise TypeError('t') from e");
  const auto error = thrown_by<errors::TypeError>([&] { py.call("f"); });
  const PythonError* key = error.cause();
  ASSERT_NE(key, nullptr);
  EXPECT_TRUE(is<errors::KeyError>(*key));
  EXPECT_EQ(key->message(), "'k'");
  EXPECT_EQ(key->notes(), std::vector<std::string>{"noted"});
  EXPECT_NE(key->traceback().find("ZeroDivisionError"), std::string::npos);
  EXPECT_EQ(key->object().type(), "KeyError");
  EXPECT_EQ(key->cause(), nullptr);
  ASSERT_NE(key->context(), nullptr);
  EXPECT_TRUE(is<errors::ArithmeticError>(*key->context()));
  EXPECT_EQ(error.context()->type(), "KeyError");
}

TEST_F(ErrorHierarchy, CausesThatLoopEnd) {
  py.exec("def f():\n    a, b = ValueError('a'), KeyError('b')\n    a.__cause__ = b\n    b.__cause__ = a\n    raise a");
  const auto error = thrown_by<errors::ValueError>([&] { py.call("f"); });
  ASSERT_NE(error.cause(), nullptr);
  EXPECT_EQ(error.cause()->type(), "KeyError");
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST_F(ErrorHierarchy, GroupsKeepTheirMembers) {
  const auto group = thrown_by<errors::ExceptionGroup>(
      [&] { py.exec("raise ExceptionGroup('g', [ValueError('a'), ExceptionGroup('h', [KeyError('k')])])"); });
  EXPECT_TRUE(is<errors::Exception>(group) && is<errors::BaseExceptionGroup>(group));
  const auto members = group.object().attr<std::vector<Object>>("exceptions");
  ASSERT_EQ(members.size(), 2u);
  EXPECT_EQ(members[0].type(), "ValueError");
  EXPECT_NE(group.traceback().find("KeyError: 'k'"), std::string::npos);
}

TEST_F(ErrorHierarchy, CppExceptionsAreHostErrorsInPython) {
  struct Mine : std::runtime_error {
    using runtime_error::runtime_error;
    int code = 5;
  };
  py.export_function("mine", [] { throw Mine("what it says"); });
  py.exec(
      "import py4cpp\n"
      "def caught():\n    try: mine()\n    except py4cpp.HostError as e: return str(e), isinstance(e, RuntimeError)\n"
      "def wrapped():\n    try: mine()\n    except py4cpp.HostError as e: raise ValueError('outer') from e");
  EXPECT_EQ((py.call<std::tuple<std::string, bool>>("caught")), (std::tuple{std::string("what it says"), true}));
  EXPECT_EQ(thrown_by<Mine>([&] { py.call("mine"); }).code, 5);
  const auto error = thrown_by<errors::ValueError>([&] { py.call("wrapped"); });
  ASSERT_NE(error.cause(), nullptr);
  EXPECT_EQ(error.cause()->type(), "py4cpp.HostError");
  EXPECT_EQ(error.cause()->message(), "what it says");
  EXPECT_NE(error.traceback().find("<C++>"), std::string::npos);
}

}  // namespace py4cpp::test
