// The worker, alone with the protocol: every kind of step, names, named values, errors, callbacks.
#include "worker_fixture.hpp"

#include <atomic>
#include <set>

namespace py4cpp::test {
namespace {

class WorkerTest : public ::testing::Test {
 protected:
  WorkerHost host;
};

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

// ---- steps

TEST_F(WorkerTest, RunsEveryKindOfStep) {
  EXPECT_EQ(host.eval("1 + 1"), "2");
  host.exec("import math\nd = {}\ndef area(r):\n    return math.pi * r * r");
  EXPECT_EQ(host.eval("round(area(1), 2)"), "3.140000");
  EXPECT_EQ(host.ask(Chain().name("sorted").call({integers({3, 1, 2})}, {{"reverse", integer(1)}})).value, "[3, 2, 1]");
  EXPECT_EQ(host.ask(Chain().value(text("abc")).attribute("upper").call()).value, "'ABC'");
  EXPECT_EQ(host.ask(Chain().name("d").set_item({text("k")}, integer(7))).value, "None");
  EXPECT_EQ(host.ask(Chain().name("d").item({text("k")})).value, "7");
  EXPECT_EQ(host.ask(Chain().name("d").set_item({integer(1), integer(2)}, integer(3))).value, "None");
  EXPECT_EQ(host.ask(Chain().name("d").item({integer(1), integer(2)})).value, "3");
  EXPECT_EQ(host.ask(Chain().name("d").delete_item({text("k")})).value, "None");
  EXPECT_EQ(host.eval("d"), "{(1, 2), 3}");
  EXPECT_EQ(host.ask(Chain().name("area").set_attribute("unit", text("m2"))).value, "None");
  EXPECT_EQ(host.eval("area.unit"), "'m2'");
  EXPECT_EQ(host.ask(Chain().import("os.path").attribute("__name__")).value, "'posixpath'");
  EXPECT_EQ(host.ask(Chain().name("d"), wire::Want::nothing).value, "");
  EXPECT_EQ(host.ask(Chain().eval("5"), wire::Want::object).value, "<object>");
}

TEST_F(WorkerTest, AssignsToAnyTarget) {
  host.exec("class C: pass\no = C()\nd = {}\nx = [0, 1, 2, 3]");
  for (const char* target : {"a", "d['k']", "o.attr", "b, c", "x[1:3]", " spaced "}) {
    EXPECT_EQ(host.ask(Chain().assign(target, integers({8, 9}))).value, "None") << target;
  }
  EXPECT_EQ(host.eval("(a, d, o.attr, b, c, x, spaced)"),
            "([8, 9], {'k', [8, 9]}, [8, 9], 8, 9, [0, 8, 9, 3], [8, 9])");
  for (const char* target : {"f()", "1", "a = b", "a; b", "None", "", "__import__('os').x()", "*a"}) {
    const Raised raised = host.fails(Chain().assign(target, integers({1, 2})));
    EXPECT_EQ(raised.type, "SyntaxError") << target;
  }
  EXPECT_EQ(host.fails(Chain().assign("nowhere.attr", integer(1))).type, "NameError");
}

TEST_F(WorkerTest, FindsDottedNames) {
  EXPECT_EQ(host.ask(Chain().name("os.path.join").call({text("a"), text("b")})).value, "'a/b'");
  EXPECT_EQ(host.ask(Chain().name("xml.dom.minidom.parseString").attribute("__name__")).value, "'parseString'");
  host.exec("class math:\n    sqrt = staticmethod(lambda x: 'mine')");  // globals come first
  EXPECT_EQ(host.ask(Chain().name("math.sqrt").call({integer(4)})).value, "'mine'");

  EXPECT_EQ(host.fails(Chain().name("nosuch")).type, "NameError");
  EXPECT_EQ(host.fails(Chain().name("nosuch")).message, "name 'nosuch' is not defined");
  EXPECT_EQ(host.fails(Chain().name("nosuch.thing")).type, "ModuleNotFoundError");
  const Raised attribute = host.fails(Chain().name("os.path.nosuch"));
  EXPECT_EQ(attribute.type, "AttributeError");
  EXPECT_TRUE(contains(attribute.message, "nosuch")) << attribute.message;
  EXPECT_EQ(host.fails(Chain().name("xml.nosuch.deeper")).type, "AttributeError");
  EXPECT_EQ(host.fails(Chain().name("")).type, "NameError");
  EXPECT_EQ(host.fails(Chain().name("a..b")).type, "NameError");
  EXPECT_EQ(host.fails(Chain().import("nosuch.thing")).type, "ModuleNotFoundError");
}

TEST_F(WorkerTest, TheNamespaceIsCleanAndIsMain) {
  EXPECT_EQ(host.eval("[n for n in dir() if not n.startswith('__')]"), "[]");
  EXPECT_EQ(host.eval("__name__"), "'__main__'");
  EXPECT_EQ(host.eval("__import__('sys').argv"), "['']");
  host.exec("x = 5");
  EXPECT_EQ(host.eval("__import__('__main__').x"), "5");
}

// ---- named values

TEST_F(WorkerTest, NamedValuesAreSeenByTheirTextAlone) {
  EXPECT_EQ(host.eval("[a * i for i in range(3)] + [(lambda: a)()]", {{"a", integer(5)}}), "[0, 5, 10, 5]");
  host.exec("def keeps():\n    return a\ntotal = sum(xs)\nimport math as m\nfor i in xs: pass",
            {{"a", integer(1)}, {"xs", integers({1, 2, 3})}});
  EXPECT_EQ(host.eval("(keeps(), total, m.pi > 3, i)"), "(1, 6, True, 3)");
  EXPECT_EQ(host.eval("'a' in globals() or 'xs' in globals()"), "False");
  host.exec("a = 'global'");
  EXPECT_EQ(host.eval("a", {{"a", integer(2)}}), "2");
  EXPECT_EQ(host.eval("(a, keeps())"), "('global', 1)");
  EXPECT_EQ(host.eval("(y := x + 1)", {{"x", integer(1)}}), "2");
  EXPECT_EQ(host.eval("y"), "2");
}

TEST_F(WorkerTest, ANamedValueThatTheTextAssignsStays) {
  host.exec("n = 'before'");
  host.exec("n = n + 1", {{"n", integer(1)}});
  EXPECT_EQ(host.eval("n"), "2");
  host.exec("xs += [4]", {{"xs", integers({1})}});  // the same object
  EXPECT_EQ(host.eval("xs"), "[1, 4]");
  host.exec("if n > 99: n = 0", {{"n", integer(7)}});  // not assigned after all
  EXPECT_EQ(host.eval("n"), "2");
  EXPECT_EQ(host.fails(Chain().exec("n = n / 0", {{"n", integer(7)}})).type, "ZeroDivisionError");
  EXPECT_EQ(host.eval("n"), "2");
}

// ---- errors

TEST_F(WorkerTest, AnErrorTellsEverything) {
  host.exec(
      "class Own(LookupError):\n    pass\ndef boom():\n    error = Own('bad')\n    error.add_note('note 1')\n"
      "    raise error from ValueError('the cause')");
  const Answer answer = host.ask(Chain().name("boom").call());
  const Raised& raised = answer.error();
  EXPECT_EQ(raised.type, "__main__.Own");
  EXPECT_EQ(raised.message, "bad");
  EXPECT_EQ(raised.notes, std::vector<std::string>{"note 1"});
  EXPECT_EQ(raised.bases, (std::vector<std::string>{"__main__.Own", "LookupError", "Exception", "BaseException"}));
  EXPECT_TRUE(contains(raised.traceback, "line 6, in boom\n    raise error from ValueError('the cause')"))
      << raised.traceback;
  EXPECT_TRUE(contains(raised.traceback, "direct cause")) << raised.traceback;
  EXPECT_FALSE(contains(raised.traceback, "_code.py")) << raised.traceback;
  ASSERT_EQ(raised.cause, 2u);
  EXPECT_EQ(answer.raised[1].type, "ValueError");
  EXPECT_EQ(host.ask(Chain().value(object(raised.object)).attribute("args")).value, "('bad')");
}

TEST_F(WorkerTest, CausesAndContextsNeverLoop) {
  host.exec(R"(
def three():
    try:
        try:
            raise KeyError('b')
        except KeyError as error:
            b = error
            raise IndexError('c')
    except IndexError:
        raise TypeError('a') from b
def loop():
    a, b = ValueError('a'), ValueError('b')
    a.__context__ = b
    b.__cause__ = a
    raise a
def long():
    error = None
    for i in range(1000):
        new = ValueError(i)
        new.__cause__, error = error, new
    raise error)");
  const Answer three = host.ask(Chain().name("three").call());
  ASSERT_EQ(three.raised.size(), 3u);
  EXPECT_EQ(three.raised[three.error().cause - 1].type, "KeyError");
  EXPECT_EQ(three.raised[three.error().context - 1].type, "IndexError");
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(three.raised[i].cause == 0 || three.raised[i].cause > i + 1);
    EXPECT_TRUE(three.raised[i].context == 0 || three.raised[i].context > i + 1);
  }
  EXPECT_EQ(host.ask(Chain().name("loop").call()).raised.size(), 2u);
  EXPECT_EQ(host.ask(Chain().name("long").call()).raised.size(), 64u);
}

TEST_F(WorkerTest, AnErrorInAText) {
  const Raised syntax = host.fails(Chain().eval("1 +"));
  EXPECT_EQ(syntax.type, "SyntaxError");
  EXPECT_TRUE(contains(syntax.traceback, "File \"<py4cpp>\", line 1\n    1 +")) << syntax.traceback;
  EXPECT_FALSE(contains(syntax.traceback, "_code.py")) << syntax.traceback;
  for (const bool named : {false, true}) {
    const std::vector<Named> values = named ? std::vector<Named>{{"x", integer(1)}} : std::vector<Named>{};
    const Raised inside = host.fails(Chain().exec("\n\nnot_there(1)", values));
    EXPECT_EQ(inside.type, "NameError");
    EXPECT_TRUE(contains(inside.traceback, "line 3, in <module>\n    not_there(1)")) << inside.traceback;
    EXPECT_FALSE(contains(inside.traceback, ".py\"")) << inside.traceback;
  }
}

TEST_F(WorkerTest, NothingThatIsRaisedEndsTheWorker) {
  EXPECT_EQ(host.fails(Chain().exec("import sys; sys.exit(3)")).type, "SystemExit");
  EXPECT_EQ(host.fails(Chain().exec("raise KeyboardInterrupt")).type, "KeyboardInterrupt");
  EXPECT_EQ(host.fails(Chain().exec("raise GeneratorExit")).type, "GeneratorExit");
  EXPECT_EQ(host.fails(Chain().exec("raise ExceptionGroup('g', [ValueError(1)])")).type, "ExceptionGroup");
  EXPECT_EQ(host.fails(Chain().exec("def f(): f()\nf()")).type, "RecursionError");
  EXPECT_EQ(host.fails(Chain().eval("[0] * 10**18")).type, "MemoryError");
  const Raised nasty = host.fails(
      Chain().exec("class Nasty(Exception):\n    def __str__(self): raise ValueError\nraise Nasty('x' * 100)"));
  EXPECT_EQ(nasty.type, "__main__.Nasty");
  const Raised huge = host.fails(Chain().exec("raise ValueError('x' * 10**7)"));
  EXPECT_LT(huge.message.size() + huge.traceback.size(), std::size_t{3} << 20);
  EXPECT_EQ(host.fails(Chain().exec("raise ValueError('\\udc80\\0')")).message, std::string("\xed\xb2\x80\0", 4));
  EXPECT_EQ(host.eval("1 + 1"), "2");
}

TEST_F(WorkerTest, MemoryThatRunsOutIsAnError) {
  host.exec("import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 30, resource.RLIM_INFINITY))");
  host.exec(
      "def fill():\n    rest = []\n    for size in (1 << 20, 1 << 10, 100, 0):\n        try:\n"
      "            while True: rest.append(bytearray(size))\n        except MemoryError: pass\n"
      "    while True: rest.append(bytearray(50))");
  for (int i = 0; i < 3; ++i) {
    const Raised raised = host.fails(Chain().name("fill").call());
    EXPECT_EQ(raised.type, "MemoryError");
    host.release(raised.object);  // which holds all that memory by its traceback
    host.ask(Chain().name("None"));
    EXPECT_EQ(host.fails(Chain().name("nosuch")).type, "NameError");
  }
  EXPECT_EQ(host.eval("1 + 1"), "2");
}

TEST_F(WorkerTest, KeptResultsLiveUntilReleased) {
  host.exec("import weakref\nclass T: pass");
  const Answer kept = host.ask(Chain().name("T").call(), wire::Want::nothing, true);
  EXPECT_EQ(host.eval("(w := weakref.ref(t)) is not None", {{"t", object(kept.object)}}), "True");
  EXPECT_EQ(host.eval("w() is not None"), "True");
  host.release(kept.object);
  host.eval("0");  // the release travels with it
  EXPECT_EQ(host.eval("w() is None"), "True");
  EXPECT_EQ(host.fails(Chain().value(object(kept.object))).type, "RuntimeError");

  const Answer failed = host.ask(Chain().eval("{}['x']"), wire::Want::value, true);
  EXPECT_EQ(failed.error().type, "KeyError");
  EXPECT_EQ(host.fails(Chain().name("len").call({object(failed.object)})).type, "KeyError");
  EXPECT_EQ(host.fails(Chain().value(object(12345678))).type, "RuntimeError");
}

TEST_F(WorkerTest, CountsWhatItHolds) {
  host.exec("import py4cpp");
  EXPECT_EQ(host.eval("py4cpp.stats()['live_objects']"), "0");
  const Answer answer = host.ask(Chain().eval("[object(), (object(), {1: object()})]"));
  EXPECT_EQ(answer.value, "[<object>, (<object>, {1, <object>})]");
  EXPECT_EQ(host.eval("py4cpp.stats()['live_objects']"), "3");
  for (std::uint64_t id = answer.object - 2; id <= answer.object; ++id) host.release(id);
  host.eval("0");
  EXPECT_EQ(host.eval("py4cpp.stats()['live_objects']"), "0");
  EXPECT_EQ(host.ask(Chain().name("py4cpp._worker.sent_arrays").call()).value, "[0, 0, 0, 0]");
}

// ---- callbacks

TEST_F(WorkerTest, CallsCpp) {
  std::string seen;
  const Write function = host.callable(7,
                                       [&](const WorkerHost::Arguments& arguments, ValueWriter& result) {
                                         seen.clear();
                                         for (const std::string& value : arguments.values) seen += value + ";";
                                         result.integer(42);
                                       },
                                       {"a", "k"});
  EXPECT_EQ(host.ask(Chain().assign("f", function)).value, "None");
  EXPECT_EQ(host.eval("f(1, 'x', k=[2, None])"), "42");
  EXPECT_EQ(seen, "1;'x';k=[2, None];");
  EXPECT_EQ(host.eval("f is g", {{"g", function}}), "True");  // the same Python object
  EXPECT_EQ(host.eval("f"), "<callable 7>");
  EXPECT_EQ(host.eval("str(__import__('inspect').signature(f))"), "'(a, k)'");
  EXPECT_EQ(host.references(7), 2u);
  host.exec("del f");
  host.eval("0");
  EXPECT_EQ(host.references(7), 0u);
}

TEST_F(WorkerTest, CallbacksNestToDepth64) {
  Write function;
  function = host.callable(1, [&](const WorkerHost::Arguments& arguments, ValueWriter& result) {
    const int depth = std::stoi(arguments.values.at(0));
    const Answer inner = host.ask(Chain().name("down").call({integer(depth - 1)}));
    if (!inner.raised.empty()) throw HostThrows{inner.error().type, inner.error().message, inner.error().object, 0};
    result.integer(std::stoi(inner.value) + 1);
  });
  host.exec("def down(n):\n    return up(n) if n else end()\ndef end(): return 0");
  host.ask(Chain().assign("up", function));
  EXPECT_EQ(host.eval("down(64)"), "64");

  host.exec("error = LookupError('deep')\ndef end(): raise error");
  const Raised raised = host.fails(Chain().eval("down(64)"));
  EXPECT_EQ(raised.type, "LookupError");
  EXPECT_TRUE(contains(raised.traceback, "File \"<C++>\", line 1, in callback")) << raised.traceback;
  EXPECT_EQ(host.eval("e is error", {{"e", object(raised.object)}}), "True");  // that very object

  host.exec("def end(): return 0");
  const Answer deep = host.ask(Chain().eval("down(400)"));  // works, or fails clean
  EXPECT_TRUE(deep.raised.empty() || deep.error().type == "RecursionError") << deep.error().traceback;
  EXPECT_EQ(host.eval("down(3)"), "3");
}

TEST_F(WorkerTest, CppExceptionsPassThrough) {
  std::uint64_t id = 900;
  HostThrows next;
  const Write function = host.callable(2, [&](const WorkerHost::Arguments&, ValueWriter&) { throw next; });
  host.ask(Chain().assign("f", function));

  next = {"py4cpp.HostError", "what() says", 0, ++id};
  const Raised raised = host.fails(Chain().eval("f()"));
  EXPECT_EQ(raised.type, "py4cpp.HostError");
  EXPECT_EQ(raised.message, "what() says");
  EXPECT_EQ(raised.host_exception, id);
  EXPECT_EQ(raised.bases, (std::vector<std::string>{"py4cpp.HostError", "RuntimeError", "Exception", "BaseException"}));
  host.release(raised.object);

  next = {"py4cpp.HostError", "caught", 0, ++id};
  host.exec("import py4cpp\ntry: f()\nexcept py4cpp.HostError as error: text = str(error)");
  EXPECT_EQ(host.eval("text"), "'caught'");
  host.eval("0");
  EXPECT_EQ(host.references(id), std::uint64_t(-1));  // given back, though this test never counted it

  next = {"TypeError", "2 arguments expected", 0, 0};
  EXPECT_EQ(host.fails(Chain().eval("f()")).type, "TypeError");
  next = {"UnicodeDecodeError", "odd", 0, 0};
  EXPECT_EQ(host.fails(Chain().eval("f()")).message, "UnicodeDecodeError: odd");
}

TEST_F(WorkerTest, PythonThreadsCallCpp) {
  std::atomic<int> calls{0};
  const Write function = host.callable(3, [&](const WorkerHost::Arguments& arguments, ValueWriter& result) {
    ++calls;
    result.integer(std::stoi(arguments.values.at(0)) * 2);
  });
  host.ask(Chain().assign("f", function));
  host.exec(R"(
import threading
out = {}
def work(n):
    out[n] = [f(i) for i in range(50)]
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for t in threads: t.start()
for t in threads: t.join())");
  EXPECT_EQ(calls.load(), 200);
  EXPECT_EQ(host.eval("all(v == [2 * i for i in range(50)] for v in out.values()) and len(out) == 4"), "True");
}

}  // namespace
}  // namespace py4cpp::test
