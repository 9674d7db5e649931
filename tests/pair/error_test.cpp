// What Python raises, in C++.
#include "pair_fixture.hpp"

namespace py4cpp::test {

using Errors = PairTest;

TEST_F(Errors, HaveTypeMessageAndTraceback) {
  const auto e = thrown_by<PythonError>([&] { py.eval("{}['x']"); });
  EXPECT_EQ(e.kind(), ErrorKind::raised);
  EXPECT_EQ(e.type(), "KeyError");
  EXPECT_EQ(e.message(), "'x'");
  EXPECT_TRUE(e.matches("LookupError"));
  EXPECT_TRUE(e.matches("KeyError"));
  EXPECT_FALSE(e.matches("ValueError"));
  EXPECT_NE(e.traceback().find("KeyError: 'x'"), std::string::npos);
  EXPECT_EQ(e.cause(), nullptr);
}

TEST_F(Errors, AreCaughtByAnyAncestor) {
  EXPECT_THROW(py.eval("{}['x']"), errors::KeyError);
  EXPECT_THROW(py.eval("{}['x']"), errors::LookupError);
  EXPECT_THROW(py.eval("{}['x']"), errors::Exception);
  EXPECT_THROW(py.eval("{}['x']"), std::exception);
  EXPECT_THROW(py.eval("open('/no/such/file')"), errors::OSError);
}

TEST_F(Errors, OfUsersClassesAreTheirFirstBuiltin) {
  py.exec("class Mine(ValueError): pass\ndef f(): raise Mine('so')");
  const auto e = thrown_by<errors::ValueError>([&] { py.call("f"); });
  EXPECT_EQ(e.type(), "__main__.Mine");
  EXPECT_TRUE(e.matches("__main__.Mine"));
  EXPECT_EQ(e.message(), "so");
}

TEST_F(Errors, OfModulesMatchByTheirFullName) {
  py.exec("class Mine(__import__('numpy').linalg.LinAlgError): pass\ndef f(): raise Mine('so')");
  const auto e = thrown_by<errors::Exception>([&] { py.call("numpy.linalg.inv", xt::xarray<double>{{0, 0}, {0, 0}}); });
  EXPECT_EQ(e.type(), "numpy.linalg.LinAlgError");
  EXPECT_TRUE(e.matches("numpy.linalg.LinAlgError"));
  EXPECT_TRUE(thrown_by<errors::Exception>([&] { py.call("f"); }).matches("numpy.linalg.LinAlgError"));
}

TEST_F(Errors, HaveCausesContextsAndNotes) {
  py.exec(
      "def f():\n"
      "    try:\n        1 / 0\n"
      "    except ZeroDivisionError as e:\n"
      "        x = ValueError('outer')\n        x.add_note('a note')\n        raise x from e");
  const auto e = thrown_by<errors::ValueError>([&] { py.call("f"); });
  ASSERT_NE(e.cause(), nullptr);
  EXPECT_EQ(e.cause()->type(), "ZeroDivisionError");
  EXPECT_NE(dynamic_cast<const errors::ArithmeticError*>(e.cause()), nullptr);
  ASSERT_NE(e.context(), nullptr);
  EXPECT_EQ(e.notes(), (std::vector<std::string>{"a note"}));
  EXPECT_NE(e.traceback().find("direct cause"), std::string::npos);
}

TEST_F(Errors, KeepTheirObject) {
  py.exec("class Coded(Exception):\n    def __init__(self, code): self.code = code\ndef f(): raise Coded(42)");
  const auto e = thrown_by<PythonError>([&] { py.call("f"); });
  EXPECT_EQ(e.object().attr<int>("code"), 42);
}

TEST_F(Errors, OfEveryKindLeaveTheWorkerUsable) {
  for (const char* code :
       {"raise KeyboardInterrupt", "raise SystemExit", "raise GeneratorExit", "raise StopIteration",
        "raise MemoryError", "raise ExceptionGroup('g', [ValueError(1)])", "def f(): f()\nf()",
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E", "raise 3", "import nothing_here"}) {
    EXPECT_THROW(py.exec(code), PythonError) << code;
    EXPECT_EQ(py.eval<int>("1"), 1) << code;
  }
}

TEST_F(Errors, AreBoundedInSize) {
  const auto e = thrown_by<errors::ValueError>([&] { py.exec("raise ValueError('x' * 10_000_000)"); });
  EXPECT_LT(e.traceback().size(), 1'000'000u);
  EXPECT_LT(e.message().size(), 2'000'000u);
}

}  // namespace py4cpp::test
