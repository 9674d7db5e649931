// Evaluate and execute.
#include "pair_fixture.hpp"

namespace py4cpp::test {

using Eval = PairTest;

TEST_F(Eval, GivesTypedResults) {
  EXPECT_EQ(py.eval<int>("1 + 2 * 3"), 7);
  EXPECT_EQ(py.eval<std::string>("'abc' + 'def'"), "abcdef");
  EXPECT_DOUBLE_EQ(py.eval<double>("1.3 + 2.2"), 3.5);
  EXPECT_EQ(py.eval<std::vector<int>>("[i**2 for i in range(4)]"), (std::vector{0, 1, 4, 9}));
  EXPECT_TRUE(py.eval<bool>("1 < 2"));
  EXPECT_EQ(py.eval<std::complex<double>>("(1+2j)*(2+3j)"), std::complex<double>(-4, 7));
}

TEST_F(Eval, GivesValues) {
  const py4cpp::Value v = py.eval("[1, 2.5, 'x', None]");
  ASSERT_EQ(v.kind(), py4cpp::Kind::list);
  EXPECT_EQ(v, py4cpp::Value(py4cpp::List{1, 2.5, "x", py4cpp::None{}}));
}

TEST_F(Eval, NamedValuesAreSeenInNestedScopes) {
  EXPECT_EQ(py.eval<double>("a * x + b", "a"_a = 2.0, "x"_a = 3.0, "b"_a = 1), 7.0);
  EXPECT_EQ(py.eval<std::vector<int>>("[x + k for x in xs]", "xs"_a = std::vector{1, 2}, "k"_a = 10),
            (std::vector{11, 12}));
  EXPECT_EQ(py.eval<int>("(lambda: n)()", py4cpp::kw("n", 3)), 3);
}

TEST_F(Eval, NamedValuesAreNotLeftBehind) {
  py.eval("secret", "secret"_a = 1);
  EXPECT_THROW(py.eval("secret"), py4cpp::errors::NameError);
  py.exec("y = secret", "secret"_a = 5);
  EXPECT_EQ(py.eval<int>("y"), 5);
  EXPECT_THROW(py.eval("secret"), py4cpp::errors::NameError);
}

TEST_F(Eval, AFunctionKeepsTheNamedValuesItSaw) {
  py.exec("def add(x):\n    return x + offset", "offset"_a = 100);
  EXPECT_EQ(py.eval<int>("add(1)"), 101);
  EXPECT_THROW(py.eval("offset"), py4cpp::errors::NameError);
}

// Its body looks for a name that it assigns among the globals, past the function around it.
TEST_F(Eval, AClassMayNameAnAttributeLikeANamedValue) {
  const char* code =
      "class Settings:\n"
      "    rate: float = rate\n"
      "    def twice(self):\n"
      "        return 2 * rate\n";
  py.exec(code, "rate"_a = 0.5);
  EXPECT_EQ(py.eval<double>("Settings.rate + Settings().twice()"), 1.5);
  EXPECT_THROW(py.eval("rate"), py4cpp::errors::NameError);
  py.set("rate", 7);
  py.exec(code, "rate"_a = 2);
  EXPECT_EQ(py.eval<int>("Settings.rate + Settings().twice()"), 6);
  EXPECT_EQ(py.eval<int>("rate"), 7);
}

TEST_F(Eval, NamesAreReadAsPythonReadsThem) {
  EXPECT_EQ(py.eval<int>("\u00b5 + 1", "\u00b5"_a = 2), 3) << "the micro sign, which Python takes for the letter mu";
  py.exec("seen = \ufb01", "\ufb01"_a = 4);
  EXPECT_EQ(py.eval<int>("seen"), 4);
}

TEST_F(Eval, WhatTheTextAssignsIsGlobal) {
  py.exec("total = sum(xs)", "xs"_a = std::vector{1, 2, 3});
  EXPECT_EQ(py.eval<int>("total"), 6);
  py.exec("n = n + 1", "n"_a = 41);  // assigned although named
  EXPECT_EQ(py.eval<int>("n"), 42);
  EXPECT_EQ(py.eval<int>("(w := 7) + k", "k"_a = 1), 8);
  EXPECT_EQ(py.eval<int>("w"), 7);
}

TEST_F(Eval, NamedValuesHideGlobalsForOneTextOnly) {
  py.set("g", 1);
  EXPECT_EQ(py.eval<int>("g", "g"_a = 2), 2);
  EXPECT_EQ(py.eval<int>("g"), 1);
}

TEST_F(Eval, FunctionsSeeWhatExecDefined) {
  py.exec("import math\ndef area(r):\n    return math.pi * r * r");
  py.exec("def volume(r, h):\n    return area(r) * h");
  EXPECT_NEAR(py.call<double>("volume", 1, 2), 6.2831853, 1e-6);
}

TEST_F(Eval, SetsAnyTarget) {
  py.set("a", 5);
  py.exec("class C: pass\nobj = C()\nd = {}\nl = [0, 1, 2, 3]");
  py.set("d['k']", 7);
  py.set("obj.attr", "text");
  py.set("l[1:3]", std::vector{9});
  py.set("p, q", std::tuple{1, "two"});
  EXPECT_EQ(py.eval<int>("a + d['k']"), 12);
  EXPECT_EQ(py.eval<std::string>("obj.attr"), "text");
  EXPECT_EQ(py.eval<std::vector<int>>("l"), (std::vector{0, 9, 3}));
  EXPECT_EQ(py.eval<std::string>("q"), "two");
}

TEST_F(Eval, OnlyTargetsAreSet) {
  for (const char* target : {"f()", "a + b", "1", "a = b", "", "x; y", "None", "import os"}) {
    EXPECT_THROW(py.set(target, 1), py4cpp::errors::SyntaxError) << target;
  }
  EXPECT_EQ(py.eval<int>("1"), 1);
}

TEST_F(Eval, SyntaxErrorsAreErrors) {
  const auto error = thrown_by<py4cpp::errors::SyntaxError>([&] { py.eval("1 + "); });
  EXPECT_NE(error.traceback().find("1 +"), std::string::npos);
  EXPECT_THROW(py.eval("x = 1"), py4cpp::errors::SyntaxError);
  EXPECT_THROW(py.eval("1) + (2", "a"_a = 1), py4cpp::errors::SyntaxError);
  EXPECT_THROW(py.exec("return 1", "a"_a = 1), py4cpp::errors::SyntaxError);
  EXPECT_THROW(py.eval(""), py4cpp::errors::SyntaxError);
}

TEST_F(Eval, TracebacksShowTheSource) {
  const auto error =
      thrown_by<py4cpp::errors::ZeroDivisionError>([&] { py.exec("def f(x):\n    return 1 / x\nf(n)", "n"_a = 0); });
  EXPECT_NE(error.traceback().find("return 1 / x"), std::string::npos) << error.traceback();
}

TEST_F(Eval, TextIsDataWhenItIsAValue) {
  const std::string nasty = "'); import os; os._exit(1) #\n\0\"\\";
  EXPECT_EQ(py.eval<std::string>("s", "s"_a = nasty), nasty);
}

TEST_F(Eval, CodeMayBeLong) {
  py.exec("a = 1\n" + std::string(100'000, '#') + "\nb = 2");
  EXPECT_EQ(py.eval<int>("a + b" + std::string(20'000, ' ')), 3);
}

TEST(EvalWithoutInlineTexts, PassesThemThroughSharedMemory) {
  auto c = config();
  c.inline_limit = 0;
  py4cpp::Python py{c};
  py.exec("class Thing: pass\nthing = Thing()");
  EXPECT_EQ(py.eval<std::string>("a + b + 'c'", "a"_a = "a", "b"_a = "b"), "abc");
  EXPECT_EQ(py.call<std::string>("str.replace", "aa", "a", "b"), "bb");
  py.set("named", "text");
  auto thing = py.eval<Object>("thing");
  thing.set_attr("name", "value");
  EXPECT_EQ(thing.attr<std::string>("name"), "value");
  auto dict = py.eval<Object>("{}");
  dict.set_item("key", "item");
  EXPECT_EQ(dict.item<std::string>("key"), "item");
  EXPECT_EQ(py.eval<std::string>("named"), "text");
}

TEST_F(Eval, StringsKeepNewlinesAndNuls) {
  using namespace std::string_literals;
  EXPECT_EQ(py.eval<std::string>("s", "s"_a = "hello\r\nworld\0!"s), "hello\r\nworld\0!"s);
  EXPECT_EQ(py.eval<std::string>("'\\ud800'"), "\xed\xa0\x80");
}

}  // namespace py4cpp::test
