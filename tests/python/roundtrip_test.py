"""The worker's conversions, through a host in the same process that sends everything back (roundtrip.cpp)."""

import collections
import datetime
import decimal
import enum
import fractions
import gc
import itertools
import math
import os
import struct
import subprocess
import sys
import threading
import unittest
import weakref

import roundtrip

try:
    import numpy as np
except ImportError:
    np = None
try:
    import ml_dtypes
except ImportError:
    ml_dtypes = None

LIMIT = 4096
ARENA = 64 << 20  # bytes, of each side's
NATIVE = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
          "float64", "complex64", "complex128"]


def needs_numpy(test):
    return unittest.skipIf(np is None, "needs numpy")(test)


class Case(unittest.TestCase):
    def setUp(self):
        roundtrip.start(LIMIT)

    def tearDown(self):
        gc.collect()
        state = roundtrip.state()
        self.assertEqual((state["objects"], state["host_blocks"], state["worker_blocks"]), (0, 0, 0))
        roundtrip.stop()

    def same(self, value):
        back = roundtrip.roundtrip(value)
        self.assertIs(type(back), type(value))
        self.assertEqual(back, value)
        return back


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
        for nodes in ([("set", 1), ("list", 0)], [("dict", 1), ("list", 0), ("none",)], [("frozenset", 2), ("none",), ("dict", 0)]):
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
        for value in (object(), Sub([1]), point, Color.red, fractions.Fraction(1, 3), decimal.Decimal("1.5"), bytearray(b"x"),
                      memoryview(b"x"), range(3), slice(1, 2), type("S", (str,), {})("x"), type("I", (int,), {})(1),
                      type("F", (float,), {})(1), collections.OrderedDict(), collections.Counter(), int, len, sys, ...,
                      datetime.datetime.now(), type("T", (datetime.timedelta,), {})(1), iter([])):
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


@needs_numpy
class Arrays(Case):
    def sent(self):
        state = roundtrip.state()
        return state["arrays_shared"], state["arrays_copied"]

    def same_array(self, array):
        back = roundtrip.roundtrip(array)
        self.assertIs(type(back), np.ndarray)
        self.assertEqual(back.dtype, array.dtype)
        self.assertEqual(back.shape, array.shape)
        self.assertEqual(back.tobytes(), array.tobytes())
        self.assertEqual(back.flags.writeable, array.flags.writeable)
        return back

    def layouts(self, dtype):
        bits = np.random.default_rng(1).integers(0, 256, 2 * 30 * 40 * 16, dtype=np.uint8)
        if dtype == "bool":
            bits &= 1
        whole = bits[: 30 * 40 * 2 * np.dtype(dtype).itemsize].view(dtype).reshape(2, 30, 40).copy()
        frozen = whole.copy()
        frozen.flags.writeable = False
        return [whole, whole[0], whole[:, 3:20:2, ::3], whole.T, whole[::-1, ::-1, ::-1], whole[1, 2, 3:4],
                whole[0, 0, :1].reshape(()), whole[:, :0], np.zeros((0,), dtype), np.zeros((3, 0, 2), dtype),
                np.broadcast_to(whole[0, 0, :1], (50, 60)), np.asfortranarray(whole), frozen, frozen[0, :2, :2],
                whole.reshape(2, 1, 30, 1, 40)[:, :, ::-1], whole.reshape((1,) * 20 + (2, 30, 40))]

    def test_every_dtype_and_layout_copied(self):
        dtypes = NATIVE + (["bfloat16"] if ml_dtypes else [])
        for dtype in dtypes:
            for array in self.layouts(dtype):
                with self.subTest(dtype=dtype, shape=array.shape, strides=array.strides):
                    back = self.same_array(array)
                    self.same_array(back)

    def test_every_dtype_and_layout_on_the_same_pages(self):
        for dtype in NATIVE + (["bfloat16"] if ml_dtypes else []):
            base = roundtrip.empty((2, 30, 40), dtype)
            base[:] = np.arange(2400).reshape(2, 30, 40) % 2
            frozen = base.view()
            frozen.flags.writeable = False
            views = [base, base[0], base[:, 3:20:2, ::3], base.T, base[::-1, ::-1, ::-1], base[1, 2, 3:4], base[:, :0],
                     base[0, 0, 0:1].reshape(()), np.broadcast_to(base[0, 0, :1], (50, 60)), frozen, base[2:],
                     base.reshape(2, 1, 30, 1, 40)[:, :, ::-1], np.lib.stride_tricks.as_strided(base, (3,), (0,))]
            for view in views:
                with self.subTest(dtype=dtype, shape=view.shape, strides=view.strides):
                    before = self.sent()
                    back = self.same_array(view)
                    self.assertEqual(self.sent(), (before[0] + 1, before[1]))
                    self.assertTrue(roundtrip.is_shared(back))
                    self.assertEqual(back.ctypes.data, view.ctypes.data)
                    if view.size:
                        self.assertEqual(back.strides, view.strides)
            del back, view, views, frozen, base

    def test_host_arrays_are_on_the_hosts_pages(self):
        a, b = roundtrip.build([("array", ("uint8", (3, 4), (4, 1), 12, 0, True)), ("array", ("int16", (2, 3), (-3, 2), 20, 8, False))])
        self.assertEqual(a.tolist(), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]])
        self.assertTrue(a.flags.writeable and a.flags.aligned and a.flags.c_contiguous)
        self.assertEqual(b.strides, (-6, 4))
        self.assertEqual(b[1, 2], 18 + 19 * 256)
        self.assertFalse(b.flags.writeable)
        with self.assertRaises(ValueError):
            b.flags.writeable = True
        back = roundtrip.roundtrip([a[::-1], b.T, a[1:, 1:]])
        self.assertEqual(self.sent(), (3, 0))
        back[0][0, 0] = 99
        self.assertEqual(a[2, 0], 99)
        self.assertEqual(back[2][1, 2], 11)
        self.assertFalse(back[1].flags.writeable)

    def test_host_arrays_of_odd_shapes(self):
        for shape, strides, count in (((), (), 1), ((0,), (1,), 1), ((3, 0, 2), (0, 2, 1), 1), ((5, 5), (0, 0), 1),
                                      ((1,), (2**61,), 1), ((1,) * 32, (7,) * 32, 1)):
            for dtype in NATIVE:
                (array,) = roundtrip.build([("array", (dtype, shape, strides, count, 0, True))])
                self.assertEqual((array.shape, array.dtype), (shape, np.dtype(dtype)))
                self.assertTrue(roundtrip.is_shared(array))
                self.assertEqual(roundtrip.roundtrip(array).shape, shape)

    def test_more_dimensions_than_numpy_has(self):
        spec = ("array", ("int8", (1,) * 40, (1,) * 40, 1, 0, True))
        if int(np.__version__.split(".")[0]) >= 2:
            self.assertEqual(roundtrip.build([spec])[0].ndim, 40)
        else:
            with self.assertRaisesRegex(ValueError, "40 dimensions.*allows 32"):
                roundtrip.build([spec])

    def test_pages_live_as_long_as_any_view(self):
        (a,) = roundtrip.build([("array", ("uint8", (64,), (1,), 64, 0, True))])
        view = memoryview(a[10:20])
        del a
        gc.collect()
        self.assertEqual(roundtrip.state()["host_blocks"], 1)
        self.assertEqual(view[0], 10)
        array = np.frombuffer(view, np.uint8)
        del view
        self.assertEqual(array.tolist(), list(range(10, 20)))
        self.assertEqual(roundtrip.roundtrip(array).ctypes.data, array.ctypes.data)
        self.assertEqual(self.sent(), (1, 0))
        thread = threading.Thread(target=lambda box: box.clear(), args=([array],))
        del array
        thread.start(), thread.join()
        self.assertEqual(roundtrip.state()["host_blocks"], 0)

    def test_the_base_speaks_the_buffer_protocol(self):
        writable, frozen = roundtrip.build([("array", ("uint8", (64,), (1,), 64, 0, flag)) for flag in (True, False)])
        self.assertEqual(type(writable.base).__name__, "SharedBlock")
        self.assertEqual(memoryview(writable.base)[:3].tolist(), [0, 1, 2])
        self.assertTrue(memoryview(frozen.base).readonly)
        self.assertGreaterEqual(len(writable.base), 64)
        with self.assertRaises(TypeError):
            type(writable.base)()

    def test_what_is_copied_where(self):
        self.assertEqual(roundtrip.kinds(np.zeros(LIMIT, np.uint8)), ["array"])
        small, large = np.zeros(LIMIT, np.uint8), np.zeros(LIMIT + 1, np.uint8)
        self.assertFalse(roundtrip.is_shared(roundtrip.roundtrip(small)))
        self.assertTrue(roundtrip.is_shared(roundtrip.roundtrip(large)))
        self.assertEqual(self.sent(), (0, 3))
        self.assertEqual(roundtrip.state()["bytes_copied"], 3 * LIMIT + 1)

    def test_large_and_odd_arrays_are_copied_right(self):
        whole = np.random.default_rng(2).random((700, 800))
        for array in (whole, whole.T, whole[::2, ::-3]):
            self.same_array(array)
        packed = np.zeros(1000, np.dtype([("a", "u1"), ("b", "f8")]))
        packed["b"] = np.arange(1000)
        self.same_array(packed["b"])
        unaligned = np.frombuffer(b"x" + np.arange(1000.0).tobytes(), np.uint8)[1:].view(np.float64)
        self.same_array(unaligned)
        shared = roundtrip.empty((9 * 100,), "u1")
        shared[:] = np.arange(900) % 256
        for odd in (shared[1:801].view("f8"), np.lib.stride_tricks.as_strided(shared[:8].view("f8"), (90,), (9,))):
            before = self.sent()
            self.same_array(odd)
            self.assertEqual(self.sent(), (before[0], before[1] + 1))

    def test_what_has_no_dtype_of_ours_is_a_handle(self):
        arrays = [np.zeros(3, object), np.zeros(3, ">f8"), np.zeros(3, "M8[s]"), np.zeros(3, "m8[s]"), np.zeros(3, "S3"),
                  np.zeros(3, "U3"), np.zeros(3, "i4,f8"), np.zeros(3, np.longdouble), np.zeros(3, np.clongdouble),
                  np.ma.masked_array([1]), np.array([1]).view(np.recarray), np.array([1]).view(type("A", (np.ndarray,), {}))]
        if ml_dtypes:
            arrays.append(np.zeros(3, ml_dtypes.float8_e4m3fn))
        for array in arrays:
            self.assertEqual(roundtrip.kinds(array), ["object"], repr(array.dtype))
            self.assertIs(roundtrip.roundtrip(array), array)

    def test_impossible_broadcasts_are_errors(self):
        with self.assertRaises(MemoryError):
            roundtrip.roundtrip(np.broadcast_to(np.float64(1), (2**20, 2**22)))

    def test_numpy_scalars(self):
        for kind in (np.int8, np.int16, np.int32, np.int64, np.intc, np.longlong, np.uint8, np.uint16, np.uint32,
                     np.uint64, np.ulonglong, np.intp):
            for value in (np.iinfo(kind).min, np.iinfo(kind).max):
                back = roundtrip.roundtrip(kind(value))
                self.assertIs(type(back), int)
                self.assertEqual(back, value)
        for value, plain in ((np.float16(0.1), float), (np.float32(0.1), float), (np.float64(0.1), float),
                             (np.complex64(1 + 2j), complex), (np.complex128(1 + 2j), complex), (np.bool_(True), bool),
                             (np.bool_(False), bool), (np.str_("é"), str), (np.bytes_(b"a"), bytes)):
            back = roundtrip.roundtrip(value)
            self.assertIs(type(back), plain)
            self.assertEqual(back, plain(value))
        for value in (np.longdouble(1), np.datetime64(0, "s"), np.timedelta64(0, "s"), np.void(b"x"),
                      type("D", (np.float64,), {})(1)):
            self.assertEqual(roundtrip.kinds(value), ["object"])
        if ml_dtypes:
            self.assertEqual(roundtrip.roundtrip(ml_dtypes.bfloat16(1.5)), 1.5)

    def test_bfloat16_without_ml_dtypes_says_what_to_do(self):
        spec = [("array", ("bfloat16", (4,), (1,), 4, 0, True))]
        if ml_dtypes:
            self.assertEqual(roundtrip.build(spec)[0].dtype, ml_dtypes.bfloat16)
        else:
            with self.assertRaisesRegex(TypeError, "ml_dtypes.*uint16"):
                roundtrip.build(spec)

    def test_empty_shared_like_is_shared(self):
        for shape, expected in ((5, (5,)), ((), ()), ((2, 3), (2, 3)), ([2, 0], (2, 0)), (np.int64(3), (3,))):
            array = roundtrip.empty(shape, np.float32)
            self.assertEqual((array.shape, array.dtype), (expected, np.float32))
            self.assertTrue(roundtrip.is_shared(array) and array.flags.writeable and array.flags.c_contiguous)
            self.assertEqual(array.ctypes.data % 64, 0)
        self.assertEqual(roundtrip.empty(3).dtype, np.float64)
        self.assertEqual(roundtrip.empty(shape=3, dtype="i4").dtype, np.int32)
        for bad in ("O", "M8[s]", ">f8", "S3"):
            with self.assertRaisesRegex(TypeError, "shared memory"):
                roundtrip.empty(3, bad)
        with self.assertRaises(ValueError):
            roundtrip.empty((2, -1), "f8")
        with self.assertRaises(ValueError):
            roundtrip.empty((2**40, 2**40), "f8")
        with self.assertRaises(MemoryError):
            roundtrip.empty(ARENA + 1, "u1")
        with self.assertRaises(TypeError):
            roundtrip.empty("x", "f8")
        source = np.arange(12.0).reshape(3, 4).T
        copy = roundtrip.shared_like(source)
        self.assertEqual(copy.tolist(), source.tolist())
        self.assertTrue(roundtrip.is_shared(copy) and roundtrip.is_shared(copy[1:, ::-1]))
        self.assertEqual(roundtrip.shared_like([1, 2]).tolist(), [1, 2])
        for other in (source, [1], None, memoryview(copy)):
            self.assertFalse(roundtrip.is_shared(other))

    def test_nested_in_containers(self):
        array = roundtrip.empty((1000,), "f8")
        array[:] = 1
        back = roundtrip.roundtrip({"a": [array, (np.arange(3), array[::2])], "t": "x" * 10000, "b": b"y" * 10000})
        self.assertEqual(back["a"][0].ctypes.data, array.ctypes.data)
        self.assertEqual(back["a"][1][0].tolist(), [0, 1, 2])
        self.assertEqual((back["t"], back["b"]), ("x" * 10000, b"y" * 10000))


class Memory(Case):
    def rss(self):
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def test_nothing_leaks(self):
        values = [[1, 2.5, "text", "é" * 10, b"b", 10**40, 1j, None, True, "\ud800"], {"k": (1, {2: {3}}), 5: frozenset({6})},
                  "x" * 10_000, object(), [object()] * 3, datetime.timedelta(1, 2, 3)]
        if np is not None:
            values += [np.arange(100), np.arange(10_000.0), np.arange(10_000.0)[::-2], np.float32(1), np.zeros((3, 3), object)]

        def once():
            for value in values:
                roundtrip.roundtrip(value)
            for bad in ([("list", 2), ("string", b"\xff"), ("none",)], [("set", 1), ("list", 1), ("callable", 1), ("none",)]):
                try:
                    roundtrip.build(bad)
                except (UnicodeDecodeError, TypeError):
                    pass

        for _ in range(2000):
            once()
        gc.collect()
        counts = [sys.getrefcount(value) for value in values] + [sys.getrefcount(t) for t in (list, dict, object, datetime.timedelta)]
        objects, before = len(gc.get_objects()), self.rss()
        for _ in range(4000):
            once()
        gc.collect()
        after = [sys.getrefcount(value) for value in values] + [sys.getrefcount(t) for t in (list, dict, object, datetime.timedelta)]
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
        done = self.run_python("import roundtrip, sys; roundtrip.start(4096); roundtrip.roundtrip([1, 'x', object(), {2: 3}]); roundtrip.stop();"
                               "print('numpy' in sys.modules)")
        self.assertEqual((done.stdout, done.stderr), ("False\n", ""))

    def test_without_numpy_the_error_says_what_to_do(self):
        done = self.run_python("import sys; sys.modules['numpy'] = None\nimport roundtrip; roundtrip.start(4096)\n"
                               "try: roundtrip.build([('array', ('int8', (8,), (1,), 8, 0, True))])\n"
                               "except ImportError as e: print(e, repr(e.__cause__), roundtrip.state()['host_blocks']); roundtrip.stop()")
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
