"""Arrays through the worker's conversions and a host in the same process that sends everything back (roundtrip.cpp)."""

import ctypes
import gc
import threading
import unittest

import roundtrip
from roundtrip_case import ARENA, LIMIT, Case, needs_numpy, np

try:
    import ml_dtypes
except ImportError:
    ml_dtypes = None

NATIVE = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
          "float64", "complex64", "complex128"]


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
        a, b = roundtrip.build([("array", ("uint8", (3, 4), (4, 1), 12, 0, True)),
                                ("array", ("int16", (2, 3), (-3, 2), 20, 8, False))])
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

    def test_memory_of_the_arena_is_known_by_its_address(self):
        address, size = roundtrip.hold_block(8000)
        array = np.frombuffer((ctypes.c_byte * size).from_address(address), "f8").reshape(10, 100)
        array[:] = np.arange(1000.0).reshape(10, 100)
        back = roundtrip.roundtrip([array.T, array[::-1, ::7], array[3, 4:4]])
        self.assertEqual(self.sent(), (3, 0))
        self.assertTrue(roundtrip.is_shared(array) and roundtrip.is_shared(back[0]))
        self.assertEqual(back[0].ctypes.data, address)
        self.assertTrue(np.array_equal(back[1], array[::-1, ::7]))
        kept = back[0]
        del array, back
        roundtrip.hold_block(0)
        self.assertEqual(kept[99, 9], 999)

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
        arrays = [np.zeros(3, object), np.zeros(3, ">f8"), np.zeros(3, "M8[s]"), np.zeros(3, "m8[s]"),
                  np.zeros(3, "S3"), np.zeros(3, "U3"), np.zeros(3, "i4,f8"), np.zeros(3, np.longdouble),
                  np.zeros(3, np.clongdouble),
                  np.ma.masked_array([1]), np.array([1]).view(np.recarray),
                  np.array([1]).view(type("A", (np.ndarray,), {}))]
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


if __name__ == "__main__":
    unittest.main()
