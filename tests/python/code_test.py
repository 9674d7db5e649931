"""What eval, exec and set compile, without a worker (py4cpp/_code.py)."""

import linecache
import pickle
import sys
import traceback
import unittest

import py4cpp
from py4cpp import _code, _imports, _introspect

namespace = vars(sys.modules["__main__"])


def run(mode, text, **named):
    compiled = _code.compile_text(mode, text, tuple(named))
    return compiled(*named.values()) if named else eval(compiled, namespace)


def assign(target, value):
    return _code.compile_text("set", target, ())(value)


class Case(unittest.TestCase):
    def setUp(self):
        before = dict(namespace)

        def restore():
            namespace.clear()
            namespace.update(before)

        self.addCleanup(restore)


class NamedValues(Case):
    def test_nested_scopes_see_them(self):
        text = "[a * i for i in range(2)] + [(lambda: a)()] + list(a for _ in 'x')"
        self.assertEqual(run("eval", text, a=3), [0, 3, 3, 3])
        run("exec", "class C:\n    value = a\n    def get(self): return a\nlow = {k: a for k in 'xy'}", a=1)
        self.assertEqual((namespace["C"].value, namespace["C"]().get(), namespace["low"]), (1, 1, {"x": 1, "y": 1}))

    def test_nothing_is_left_behind(self):
        before = set(namespace)
        run("exec", "def f(): return a", a=1)
        self.assertEqual(set(namespace) - before, {"f"})
        self.assertEqual(namespace["f"](), 1)

    def test_whatever_is_assigned_is_global(self):
        run("exec", "x = a\ny: int = a\nz: str\nimport os.path as p, math\nfrom json import dumps as d\n"
                    "def f(): pass\nclass C: pass\nfor i in [a]: j = i\nwith open('/dev/null') as w: pass\n"
                    "try: 1 / 0\nexcept ZeroDivisionError as e: n = 1\n(q, *r), s = (1, 2), 3\nt = u = a\n"
                    "[v := k for k in [5]]\nmatch a:\n    case m: pass\nif a: global g; g = 7\nx += 1", a=1)
        for name in "x y p math d f C i j w n q r s t u v m g".split():
            self.assertIn(name, namespace)
        for name in "a e k z".split():
            self.assertNotIn(name, namespace)
        self.assertEqual((namespace["x"], namespace["v"], namespace["g"]), (2, 5, 7))

    def test_functions_share_what_is_global(self):
        run("exec", "count = 0\ndef more():\n    global count\n    count += step", step=2)
        namespace["more"]()
        namespace["more"]()
        self.assertEqual(namespace["count"], 4)

    def test_one_that_is_assigned_stays(self):
        namespace["n"] = "before"
        run("exec", "n = n + 1", n=1)
        self.assertEqual(namespace["n"], 2)
        run("exec", "n = n", n=5)
        self.assertEqual(namespace["n"], 5)
        run("exec", "for i in range(2):\n    xs += [i]", xs=[7])
        self.assertEqual(namespace["xs"], [7, 0, 1])
        run("eval", "(n := n * 2)", n=4)
        self.assertEqual(namespace["n"], 8)

    def test_one_that_is_not_assigned_after_all_makes_room_again(self):
        namespace["n"] = "before"
        run("exec", "if n > 9: n = 0", n=1)
        self.assertEqual(namespace["n"], "before")
        with self.assertRaises(ZeroDivisionError):
            run("exec", "n = n / 0", n=1)
        self.assertEqual(namespace["n"], "before")
        run("exec", "del n", n=1)
        self.assertEqual(namespace["n"], "before")
        run("exec", "if 0: m = 1", m=1)
        self.assertNotIn("m", namespace)

    def test_star_and_future_imports(self):
        run("exec", "from math import *\nroot = sqrt(n)", n=16)
        self.assertEqual(namespace["root"], 4)
        self.assertNotIn("n", namespace)
        run("exec", "from __future__ import annotations\ndef f(x: nowhere): return n", n=1)
        self.assertEqual((namespace["f"](0), namespace["f"].__annotations__), (1, {"x": "nowhere"}))

    def test_names_must_be_names(self):
        for name in ("class", "1a", "a b", ""):
            with self.assertRaises(SyntaxError):
                _code.compile_text("eval", "1", (name,))

    def test_the_order_of_names_is_that_of_values(self):
        self.assertEqual(run("eval", "a - b", b=1, a=10), 9)


class Targets(Case):
    def test_anything_that_can_be_assigned(self):
        namespace.update(o=type("O", (), {})(), d={}, x=[0, 1, 2, 3])
        for target, value in {"a": 1, "d['k']": 2, "o.attr": 3, "b, (c, *e)": (1, (2, 3)), "x[1:3]": [9], " f ": 4,
                              "d[(w := 'walrus')]": 5, "[g, h]": "gh"}.items():
            assign(target, value)
        self.assertEqual(namespace["d"], {"k": 2, "walrus": 5})
        self.assertEqual([namespace[n] for n in "abcefghxw"], [1, 1, 2, [3], 4, "g", "h", [0, 9, 3], "walrus"])
        self.assertEqual(namespace["o"].attr, 3)

    def test_anything_else_is_an_error_and_never_runs(self):
        for target in ("f()", "1", "a = b", "a; b", "", "None", "__debug__", "*a", "a + b", "a if b else c",
                       "lambda: 0", "a\nb", "x[0", "import os", "(yield)", "a := 1", "{**a}", "print('ran')", "f'{a}'"):
            with self.subTest(target), self.assertRaises(SyntaxError):
                assign(target, 1)


class Errors(Case):
    def test_of_syntax_show_the_text(self):
        for names in ((), ("a",)):
            with self.assertRaises(SyntaxError) as caught:
                _code.compile_text("exec", "x = 1\ny = = 2", names)
            self.assertEqual((caught.exception.filename, caught.exception.lineno), ("<py4cpp>", 2))
            self.assertEqual(caught.exception.text.strip(), "y = = 2")
            self.assertIsNone(caught.exception.__context__)

    def test_what_only_a_function_may_is_refused(self):
        for text in ("return a", "yield a", "nonlocal a", "await a"):
            with self.subTest(text), self.assertRaises(SyntaxError):
                _code.compile_text("exec", text, ("a",))

    def test_tracebacks_show_the_source(self):
        for named in ({}, {"a": 1}):
            try:
                run("exec", "x = 0\n\nnot_there(x)", **named)
            except NameError:
                text = traceback.format_exc()
            self.assertRegex(text, r'File "<py4cpp-\d+>", line 3, in <module>\n    not_there\(x\)')

    def test_sources_survive_a_check(self):
        run("exec", "def f():\n    pass # here")
        linecache.checkcache()
        self.assertEqual(linecache.getline(namespace["f"].__code__.co_filename, 2), "    pass # here")

    def test_sources_are_bounded(self):
        for i in range(40):
            run("exec", f"'''{'x' * 1_000_000}'''; a = {i}")
        self.assertLess(sum(entry[0] for entry in _code._sources.values()), 17 << 20)
        self.assertEqual(sum(entry[0] for entry in _code._sources.values()), _code._source_size)


class Texts(Case):
    def test_indented_as_a_whole(self):
        run("exec", "\n    if True:\n        a = 1\n    b = 2\n")
        self.assertEqual((namespace["a"], namespace["b"]), (1, 2))
        run("exec", "\n    c = a\n    d = b\n", a=1, b=2)
        self.assertEqual((namespace["c"], namespace["d"]), (1, 2))
        self.assertEqual(run("eval", "\n   1 +\\\n 2"), 3)
        self.assertEqual(run("eval", "  a", a=5), 5)
        with self.assertRaises(IndentationError):
            run("exec", "  a = 1\n b = 2")

    def test_odd_ones(self):
        run("exec", "")
        run("exec", "", a=1)
        run("exec", "# nothing", a=1)
        with self.assertRaises(SyntaxError):
            run("eval", "")
        with self.assertRaises((SyntaxError, ValueError)):
            run("eval", "a\0", a=1)
        depth = 80
        self.assertEqual(run("eval", "(" * depth + "a" + ")" * depth, a=1), 1)
        self.assertEqual(run("eval", "+".join(["a"] * 2000), a=1), 2000)


class Imports(unittest.TestCase):
    def test_an_action_follows_the_import_once(self):
        name = "colorsys"
        sys.modules.pop(name, None)
        seen = []
        _imports.when_imported(name, seen.append)
        self.assertEqual(seen, [])
        import colorsys
        import colorsys as again

        self.assertEqual(seen, [colorsys])
        self.assertFalse(any(isinstance(finder, _imports._Watch) for finder in sys.meta_path))
        _imports.when_imported(name, seen.append)
        self.assertEqual(seen, [colorsys, again])


class Introspection(unittest.TestCase):
    def test_slots_and_methods_part_the_names(self):
        class C:
            kind = 1
            def __init__(self): self.own = 2
            def method(self): pass
            @classmethod
            def of(cls): pass
            @property
            def broken(self): raise ValueError

        thing = C()
        self.assertLessEqual({"kind", "own", "broken"}, set(_introspect.slots(thing)))
        self.assertLessEqual({"method", "of", "__init__"}, set(_introspect.methods(thing)))
        self.assertEqual(sorted(_introspect.slots(thing) + _introspect.methods(thing)), sorted(dir(thing)))

    def test_type_names(self):
        self.assertEqual(_introspect.type_name({}), "dict")
        self.assertEqual(_introspect.type_name(pickle.PickleError()), "_pickle.PickleError")

    def test_help(self):
        self.assertIn("square root", _introspect.help_text(__import__("math").sqrt))

    def test_long_tracebacks_keep_their_ends(self):
        try:
            raise ValueError("x" * 200_000 + "END")
        except ValueError as error:
            text = _introspect.traceback_text(error, True)
        self.assertLess(len(text), 70_000)
        self.assertTrue(text.startswith("Traceback"))
        self.assertTrue(text.endswith("END\n"))

    def test_host_errors_travel_between_processes(self):
        error = py4cpp.HostError("text")
        error._host_exception = lambda: None  # as little to be pickled as the real one
        self.assertEqual(str(pickle.loads(pickle.dumps(error))), "text")

    def test_outside_of_a_worker(self):
        with self.assertRaisesRegex(RuntimeError, "not started by a C"):
            py4cpp.stats()
        self.assertRaises(TypeError, py4cpp.HostCallable)


if __name__ == "__main__":
    unittest.main()
