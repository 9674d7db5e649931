"""Values through the worker's conversions and a host in the same process that sends everything back (roundtrip.cpp)."""

import collections
import datetime
import decimal
import enum
import fractions
import gc
import os
import struct
import subprocess
import sys
import threading
import unittest
import weakref

import roundtrip
from roundtrip_case import ARENA, LIMIT, Case, needs_numpy, np


class Plain(Case):
    def test_singletons_come_back_as_themselves(self):
        for value in (None, True, False):
            self.assertIs(roundtrip.roundtrip(value), value)

    def test_integers_of_any_size(self):
        for exponent in (0, 7, 8, 31, 32, 62, 63, 64, 65, 127, 128, 1000, 100_000):
            for offset in (-1, 0, 1):
                self.same(2**exponent + offset)
                self.same(-(2**exponent) + offset)
        self.assertEqual(roundtrip.kinds(2**63 - 1), ["integer"])
        self.assertEqual(roundtrip.kinds(2**63), ["big_integer"])
        self.assertEqual(roundtrip.kinds(-(2**63)), ["integer"])

    def test_every_bit_of_floats_is_kept(self):
        patterns = [0, 1 << 63, 1, 0x7FF0 << 48, 0xFFF0 << 48, 0x7FF8 << 48, 0xFFF8 << 48, (0x7FF8 << 48) | 12345,
                    (0x7FF0 << 48) | 1, 0x7FEF_FFFF_FFFF_FFFF, 0x10 << 48]
        for bits in patterns:
            value = struct.unpack("<d", struct.pack("<Q", bits))[0]
            self.assertEqual(struct.pack("<d", roundtrip.roundtrip(value)), struct.pack("<d", value), hex(bits))
            for number in (complex(value, 1.0), complex(1.0, value)):
                back = roundtrip.roundtrip(number)
                self.assertEqual(struct.pack("<dd", back.real, back.imag), struct.pack("<dd", number.real, number.imag))

    def test_text(self):
        for text in ("", "a", "\0", "a\0b\n", "é", "日本", "😀", "\ud800", "a\udfff\ud800z", "\U0010ffff"):
            self.same(text)
            self.same(text * 5000)
        for size in (LIMIT - 1, LIMIT, LIMIT + 1):
            self.same("x" * size)
            self.same(b"\xff" * size)
        self.assertEqual(roundtrip.kinds("x" * LIMIT), ["string"])
        self.assertEqual(roundtrip.kinds("x" * (LIMIT + 1)), ["shared_string"])
        self.assertEqual(roundtrip.kinds(b"x" * (LIMIT + 1)), ["shared_bytes"])

    def test_timedelta(self):
        for value in (datetime.timedelta(0), datetime.timedelta(1, 2, 3), datetime.timedelta(-1, 86399, 999999),
                      datetime.timedelta.max, datetime.timedelta.min, datetime.timedelta.resolution):
            self.same(value)

    def test_bad_text_from_the_host_is_an_error(self):
        with self.assertRaises(UnicodeDecodeError):
            roundtrip.build([("string", b"\xff")])
        with self.assertRaises(ValueError):
            roundtrip.build([("big_integer", b"+xyz")])
        self.assertEqual(roundtrip.build([("big_integer", b"-1f"), ("string", b"")]), [-31, ""])


class Containers(Case):
    def test_nested(self):
        self.same([1, [2, [], ()], {"k": (1, 2.5)}, {(1, "a"): {3}}, frozenset({frozenset({1}), frozenset()}), None])
        for empty in ([], (), set(), frozenset(), {}):
            self.same(empty)
            self.same([empty, empty])

    def test_dict_keeps_its_order_and_any_hashable_keys(self):
        value = {3: "c", 1: "a", (2, (3,)): "t", frozenset({1}): 0, None: 1, 2.5: 2, b"x": 3, 10**30: 4}
        self.assertEqual(list(self.same(value).items()), list(value.items()))

    def test_a_million_deep(self):
        for kind in (list, tuple):
            value = kind()
            for _ in range(1_000_000):
                value = kind((value,))
            back = roundtrip.roundtrip(value)
            depth = 0
            while back:
                back, depth = back[0], depth + 1
            self.assertEqual(depth, 1_000_000)
        value = {}
        for _ in range(100_000):
            value = {"k": value}
        back, depth = roundtrip.roundtrip(value), 0
        while back:
            back, depth = back["k"], depth + 1
        self.assertEqual(depth, 100_000)

    def test_a_key_too_deep_to_hash_is_an_error(self):
        with self.assertRaises(RecursionError):
            roundtrip.build([("set", 1)] + [("tuple", 1)] * 200_000 + [("none",)])
        with self.assertRaises(RecursionError):
            roundtrip.build([("dict", 1)] + [("tuple", 1)] * 200_000 + [("none",), ("none",)])

    def test_a_container_in_itself_is_a_handle_there(self):
        loop = [1]
        loop.append({"again": (loop,)})
        back = roundtrip.roundtrip(loop)
        self.assertIs(back[1]["again"][0], loop)
        self.assertIsNot(back, loop)
        deep = inner = []
        for _ in range(1000):
            inner.append([])
            inner = inner[0]
        inner.append(deep)
        back = roundtrip.roundtrip(deep)
        for _ in range(1000):
            back = back[0]
        self.assertIs(back[0], deep)
        deep.clear(), loop.clear()

    def test_what_is_there_twice_is_written_twice(self):
        shared = [1]
        back = roundtrip.roundtrip([shared, shared])
        self.assertEqual(back, [[1], [1]])
        self.assertIsNot(back[0], back[1])

    def test_a_list_that_doubles_too_often_is_an_error(self):
        value = []
        for _ in range(60):
            value = [value, value]
        with self.assertRaisesRegex(ValueError, "too much for one message"):
            roundtrip.kinds(value)

    def test_sets_and_keys_from_the_host_that_cannot_be(self):
        for nodes in ([("set", 1), ("list", 0)], [("dict", 1), ("list", 0), ("none",)],
                      [("frozenset", 2), ("none",), ("dict", 0)]):
            with self.assertRaises(TypeError):
                roundtrip.build(nodes)

    def test_slices(self):
        nodes = [("slice",), ("integer", 1), ("none",), ("tuple", 1), ("integer", 3)]
        self.assertEqual(roundtrip.build(nodes), [slice(1, None, (3,))])

    def test_a_list_that_changes_meanwhile(self):
        stop = threading.Event()
        value = [[float(i)] * 3 for i in range(1000)]
        texts = {i: str(i) * 3000 for i in range(100)}

        def change():
            while not stop.is_set():
                value.append([1.0])
                texts[len(texts)] = "x"
                value.pop()
                texts.popitem()

        thread = threading.Thread(target=change)
        thread.start()
        try:
            interval = sys.getswitchinterval()
            sys.setswitchinterval(1e-6)
            for _ in range(200):
                for container in (value, texts):
                    try:
                        roundtrip.kinds(container)
                    except RuntimeError as error:
                        self.assertIn("changed", str(error))
        finally:
            stop.set()
            thread.join()
            sys.setswitchinterval(interval)

    def test_a_dict_that_a_destructor_changes(self):
        class Changes:
            def __del__(self):
                value.clear()

        value = {i: "é" * 5000 for i in range(10)}
        for _ in range(100):
            cycle = [Changes()]
            cycle.append(cycle)
        del cycle
        threshold = gc.get_threshold()
        gc.set_threshold(1)
        try:
            roundtrip.kinds([value, [2**70 for _ in range(1000)]])
        except RuntimeError as error:
            self.assertIn("changed", str(error))
        finally:
            gc.set_threshold(*threshold)


class Handles(Case):
    def test_whatever_has_no_row_is_a_handle(self):
        class Color(enum.IntEnum):
            red = 1

        class Sub(list):
            pass

        point = collections.namedtuple("point", "x y")(1, 2)
        for value in (object(), Sub([1]), point, Color.red, fractions.Fraction(1, 3), decimal.Decimal("1.5"),
                      bytearray(b"x"), memoryview(b"x"), range(3), slice(1, 2), type("S", (str,), {})("x"),
                      type("I", (int,), {})(1), type("F", (float,), {})(1), collections.OrderedDict(),
                      collections.Counter(), int, len, sys, ..., datetime.datetime.now(), iter([]),
                      type("T", (datetime.timedelta,), {})(1)):
            self.assertEqual(roundtrip.kinds(value), ["object"], repr(value))
            self.assertIs(roundtrip.roundtrip(value), value)
            self.assertIs(roundtrip.roundtrip([(value,)])[0][0], value)

    def test_handles_of_a_failed_conversion_are_taken_back(self):
        watched = type("Watched", (), {})()
        with self.assertRaises(MemoryError):
            roundtrip.kinds([watched, bytes(ARENA + 1)])
        gone = weakref.ref(watched)
        del watched
        self.assertIsNone(gone())
        self.assertEqual(roundtrip.state()["objects"], 0)

    def test_an_unknown_object_is_an_error_of_its_request(self):
        with self.assertRaises(RuntimeError):
            roundtrip.build([("list", 1), ("object", 77)])

    def test_callables(self):
        nodes = [("callable", 7), ("tuple", 2), ("string", b"a"), ("string", b"k"), ("callable", 8), ("none",)]
        self.assertEqual(roundtrip.build(nodes), [("callable", 7, ("a", "k")), ("callable", 8, None)])

    def test_what_came_with_a_failed_message_is_given_back(self):
        array = ("array", ("int8", (8,), (1,), 8, 0, True))
        nodes = [("list", 5), ("callable", 1), ("tuple", 1), ("string", b"a"), array, ("set", 1), ("list", 0),
                 ("callable", 2), ("none",), array, ("list", 2), array, ("timedelta", 3),
                 ("callable", 3), ("tuple", 1), ("string", b"\xff"), array]
        with self.assertRaises((TypeError, ImportError)):
            roundtrip.build(nodes)
        state = roundtrip.state()
        self.assertEqual(state["held"] + state["dropped"], 3)
        self.assertEqual(state["host_blocks"], 0)

    def test_a_callable_whose_names_are_bad(self):
        with self.assertRaises(UnicodeDecodeError):
            roundtrip.build([("callable", 3), ("tuple", 1), ("string", b"\xff")])
        self.assertEqual(roundtrip.state()["dropped"], 1)


class Memory(Case):
    def rss(self):
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def test_nothing_leaks(self):
        values = [[1, 2.5, "text", "é" * 10, b"b", 10**40, 1j, None, True, "\ud800"],
                  {"k": (1, {2: {3}}), 5: frozenset({6})}, "x" * 10_000, object(), [object()] * 3,
                  datetime.timedelta(1, 2, 3)]
        if np is not None:
            values += [np.arange(100), np.arange(10_000.0), np.arange(10_000.0)[::-2], np.float32(1),
                       np.zeros((3, 3), object)]

        counted = values + [list, dict, object, datetime.timedelta]

        def once():
            for value in values:
                roundtrip.roundtrip(value)
            for bad in ([("list", 2), ("string", b"\xff"), ("none",)],
                        [("set", 1), ("list", 1), ("callable", 1), ("none",)]):
                try:
                    roundtrip.build(bad)
                except (UnicodeDecodeError, TypeError):
                    pass

        for _ in range(2000):
            once()
        gc.collect()
        counts = [sys.getrefcount(value) for value in counted]
        objects, before = len(gc.get_objects()), self.rss()
        for _ in range(4000):
            once()
        gc.collect()
        after = [sys.getrefcount(value) for value in counted]
        self.assertEqual(counts, after)
        self.assertLess(len(gc.get_objects()) - objects, 20)
        self.assertLess(self.rss() - before, 1 << 20)

    def test_large_text_leaves_no_second_copy_behind(self):
        for text in ("x" * (8 << 20), "é" * (4 << 20)):
            before = sys.getsizeof(text)
            self.same(text)
            self.assertEqual(sys.getsizeof(text), before)

    def test_many_middling_texts_fit_one_message(self):
        roundtrip.stop()
        roundtrip.start(1 << 30)
        text = b"x" * (1 << 20)
        kinds = collections.Counter(roundtrip.kinds([text] * 300))
        self.assertEqual(set(kinds), {"list", "bytes", "shared_bytes"})
        self.assertLessEqual(kinds["bytes"], 257)

    def run_python(self, code, *flags):
        return subprocess.run([sys.executable, *flags, "-c", code], capture_output=True, text=True, timeout=60)

    def test_numpy_is_imported_only_for_arrays(self):
        done = self.run_python("import roundtrip, sys; roundtrip.start(4096)\n"
                               "roundtrip.roundtrip([1, 'x', object(), {2: 3}]); roundtrip.stop()\n"
                               "print('numpy' in sys.modules)")
        self.assertEqual((done.stdout, done.stderr), ("False\n", ""))

    def test_without_numpy_the_error_says_what_to_do(self):
        done = self.run_python("import sys; sys.modules['numpy'] = None\nimport roundtrip; roundtrip.start(4096)\n"
                               "try: roundtrip.build([('array', ('int8', (8,), (1,), 8, 0, True))])\n"
                               "except ImportError as e: print(e, e.__cause__, roundtrip.state()['host_blocks'])\n"
                               "roundtrip.stop()")
        self.assertIn(sys.executable, done.stdout)
        self.assertIn("install numpy", done.stdout)
        self.assertTrue(done.stdout.endswith("0\n"), done.stdout + done.stderr)

    @needs_numpy
    def test_arrays_may_outlive_the_pair_and_the_interpreter(self):
        done = self.run_python(
            "import roundtrip, sys, threading; roundtrip.start(4096)\n"
            "keep = [roundtrip.empty(10000, 'f8'), roundtrip.build([('array', ('int8', (8,), (1,), 8, 0, True))])]\n"
            "roundtrip.stop(); keep[1][0][0] = 5; print(keep[1][0][0])\n"
            "sys.kept = keep\n"
            "class End:\n  def __del__(self, keep=keep): print(keep[0].shape)\n"
            "end = End()\n"
            "threading.Thread(target=threading.Event().wait, args=(100,), daemon=True).start()")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "5\n(10000,)\n", ""))


if __name__ == "__main__":
    unittest.main()
