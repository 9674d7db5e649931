// Arrays that numpy itself allocates: born in shared memory, whoever makes them and however they are sliced.
#include "host_child.hpp"
#include "pair_fixture.hpp"

#include <xtensor/xstrided_view.hpp>

#include <csignal>
#include <filesystem>
#include <iterator>

#include <signal.h>

namespace py4cpp::test {

class NumpyBorn : public PairTest {
 protected:
  NumpyBorn() { py.exec("import gc, numpy as np, py4cpp"); }

  std::uint64_t copied() { return py.stats().arrays_copied; }
};

TEST_F(NumpyBorn, WhateverMakesThem) {
  py.exec("a = np.arange(40_000.).reshape(200, 200)");
  for (const char* make :
       {"np.empty(5000)", "np.zeros((100, 50))", "np.random.rand(5000)", "a + a", "a * 2 + a", "np.fft.fft(a)",
        "np.linalg.svd(a)[0]", "np.sort(a, axis=0)", "np.concatenate([a, a])", "a.astype('float32')", "a.copy()",
        "np.fromiter(range(5000), float)", "np.fromstring('1 ' * 5000, sep=' ')"}) {
    const auto before = copied();
    py.exec(std::string("made = ") + make);
    EXPECT_TRUE(py.eval<bool>("py4cpp.is_shared(made)")) << make;
    const auto made = py.eval<AnyArray>("made");
    EXPECT_TRUE(made.shared()) << make;
    EXPECT_EQ(copied(), before) << make;
    EXPECT_TRUE(py.eval<bool>("np.array_equal(x, made) and np.shares_memory(x, made)", "x"_a = made)) << make;
  }
}

TEST_F(NumpyBorn, ShareTheirPages) {
  py.exec("a = np.arange(10_000.)");
  const auto a = py.eval<Array<double>>("a");
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a.data()) % 64, 0u);
  a.view()(7) = -7.0;
  EXPECT_EQ(py.eval<double>("a[7]"), -7.0);
  py.exec("a[8] = -8");
  EXPECT_EQ(a.view()(8), -8.0);
}

TEST_F(NumpyBorn, HoweverTheyLie) {
  py.exec("a = np.arange(24_000, dtype='int32').reshape(20, 30, 40)");
  for (const char* view :
       {"a", "a.T", "a[::-1]", "a[:, ::-2, 5:]", "a[3:5, 7]", "a[4, 5, 6]", "a[4, 5, 6:7].reshape(())", "a[:0]",
        "a[..., 40:]", "np.broadcast_to(a, (3, 20, 30, 40))", "a.swapaxes(0, 2)[::3, 1:-1:2]", "a.ravel()[::7]",
        "np.asfortranarray(a)", "a.view('uint8')", "a[..., ::2].view()",
        "np.lib.stride_tricks.sliding_window_view(a, 3, 1)", "a[None, :, None]", "a.diagonal()"}) {
    py.exec(std::string("v = np.asarray(") + view + ")");
    if (py.eval<std::size_t>("v.size") == 1 && py.eval<bool>("not py4cpp.is_shared(v)")) continue;  // a scalar's copy
    const auto before = copied();
    const auto v = py.eval<AnyArray>("v");
    EXPECT_EQ(copied(), before) << view;
    EXPECT_TRUE(v.shared()) << view;
    EXPECT_EQ(v.writable(), py.eval<bool>("v.flags.writeable")) << view;
    EXPECT_TRUE(
        py.eval<bool>("x.shape == v.shape and x.dtype == v.dtype and (x == v).all() and "
                      "x.__array_interface__['data'] == v.__array_interface__['data'] and "
                      "(x.size == 0 or all(m == n for m, n, e in zip(x.strides, v.strides, v.shape) if e > 1))",
                      "x"_a = v))
        << view;
  }
}

TEST_F(NumpyBorn, ReadOnly) {
  py.exec("a = np.ones(5000)\na.flags.writeable = False");
  const auto before = copied();
  const auto a = py.eval<Array<const double>>("a");
  EXPECT_FALSE(a.writable());
  EXPECT_EQ(a.view()(4999), 1.0);
  EXPECT_EQ(copied(), before);
}

TEST_F(NumpyBorn, OnAnyThreadExecutorAndContext) {
  py.exec(R"(
import asyncio, concurrent.futures, contextvars, threading
made = []
def make(): made.append(np.ones(20_000))
thread = threading.Thread(target=make)
thread.start()
thread.join()
with concurrent.futures.ThreadPoolExecutor(3) as pool:
    for future in [pool.submit(make) for _ in range(8)]: future.result()
contextvars.Context().run(make)
contextvars.copy_context().run(make)
async def coroutine():
    await asyncio.to_thread(make)
    await asyncio.get_running_loop().run_in_executor(None, make)
    make()
asyncio.run(coroutine())
)");
  EXPECT_EQ(py.eval<int>("len(made)"), 14);
  const auto before = copied();
  for (const Value& array : py.eval<List>("made")) EXPECT_TRUE(array.as<AnyArray>().shared());
  EXPECT_EQ(copied(), before);
}

TEST_F(NumpyBorn, AllocatedByManyThreadsAtOnce) {
  py.exec(R"(
import threading
wrong = []
def work(seed):
    random = np.random.default_rng(seed)
    kept = []
    for i in range(300):
        n = int(random.integers(1, 200_000))
        kept.append((i, np.full(n, i)))
        if len(kept) > 8: kept.pop(int(random.integers(0, 8)))
        if any((a != value).any() for value, a in kept): wrong.append(seed)
threads = [threading.Thread(target=work, args=[seed]) for seed in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
)");
  EXPECT_TRUE(py.eval<bool>("not wrong"));
}

TEST_F(NumpyBorn, StayWhatTheyAreThoughPythonHasFreedThem) {
  std::vector<Array<double>> kept;
  for (int i = 0; i < 10; ++i) kept.push_back(py.eval<Array<double>>("np.full(50_000, float(i))", "i"_a = i));
  py.exec("for _ in range(50): np.full(50_000, -1.0)");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(xt::sum(kept[static_cast<std::size_t>(i)].view())(), 50'000.0 * i);
}

TEST_F(NumpyBorn, AreRecycledWhenNobodyHoldsThem) {
  const auto live = [&] { return py.eval<std::uint64_t>("gc.collect() * 0 + py4cpp.stats()['live_blocks']"); };
  const auto before = live();
  const auto segments = [&] { return py.eval<std::uint64_t>("py4cpp.stats()['live_segments']"); };
  std::uint64_t warm = 0;
  for (int i = 0; i < 100; ++i) {
    py.eval<Array<double>>("np.ones(500_000)");
    if (i == 50) warm = segments();
  }
  EXPECT_LE(live(), before + 2);  // the last releases may be under way
  EXPECT_LE(segments(), warm + 1);
}

TEST_F(NumpyBorn, AreLentAgainAndAgain) {
  py.exec("a = np.arange(5_000.)\nfirst = a.__array_interface__['data']");
  const auto live = py.eval<std::uint64_t>("py4cpp.stats()['live_blocks']");
  const auto before = copied();
  for (int i = 0; i < 200; ++i) {
    const auto a = py.eval<Array<double>>("a");
    EXPECT_EQ(a.view()(4'999), 4'999.0 + i);
    if (i % 2 == 0) {
      const auto again = py.eval<Array<double>>("a[10:]");
      EXPECT_EQ(again.view()(4'989), 4'999.0 + i);
    }
    py.exec("a += 1");
  }
  EXPECT_EQ(copied(), before);
  EXPECT_EQ(py.eval<std::uint64_t>("py4cpp.stats()['live_blocks']"), live);
  EXPECT_TRUE(py.eval<bool>("a.__array_interface__['data'] == first"));
}

TEST_F(NumpyBorn, ResizedInPlaceLeaveTheOtherSideWhatItHolds) {
  py.exec("a = np.arange(5_000.)\nfirst = a.__array_interface__['data']");
  const auto a = py.eval<Array<double>>("a");
  py.exec("a.resize(5_100, refcheck=False)\na[:] = -1");
  EXPECT_TRUE(py.eval<bool>("a.__array_interface__['data'] != first and py4cpp.is_shared(a)"));
  EXPECT_EQ(a.view()(4'999), 4'999.0);

  py.exec("b = np.arange(5_000.)\nfor n in (5_001, 20_000, 1_000_000, 100, 3, 40_000): b.resize(n, refcheck=False)");
  EXPECT_TRUE(py.eval<bool>("(b[:3] == [0, 1, 2]).all() and (b[3:] == 0).all() and py4cpp.is_shared(b)"));
}

TEST_F(NumpyBorn, ZerosAreZero) {
  py.exec(R"(
for n in (2_000, 9_000, 300_000, 5_000_000):
    for _ in range(3):
        zeros = np.zeros(n)
        assert py4cpp.is_shared(zeros) and not zeros.any(), n
        zeros[:] = np.nan
        del zeros
)");
  // As many as these may be meant to be sparse.
  EXPECT_TRUE(py.eval<bool>("not py4cpp.is_shared(np.zeros(300 << 20, 'uint8'))"));
}

TEST_F(NumpyBorn, ButNotWhatLiesElsewhere) {
  py.exec(R"(
import mmap
elsewhere = {
    'frombuffer': np.frombuffer(bytes(range(200)) * 100, 'uint8'),
    'mmap': np.frombuffer(mmap.mmap(-1, 65536), 'int16'),
    'bytearray': np.frombuffer(bytearray(65536), 'float32'),
    'odd strides': np.ones(5000, [('a', 'i1'), ('b', 'f8')])['b'],
    'pickled': __import__('pickle').loads(__import__('pickle').dumps(np.ones(5000))),
    'small': np.ones(3),
}
)");
  for (const char* name : {"frombuffer", "mmap", "bytearray", "odd strides", "pickled", "small"}) {
    const auto before = py.stats();
    const auto x = py.eval<AnyArray>("elsewhere[name]", "name"_a = name);
    const auto after = py.stats();
    EXPECT_FALSE(x.shared()) << name;
    EXPECT_EQ(x.writable(), py.eval<bool>("elsewhere[name].flags.writeable", "name"_a = name)) << name;
    EXPECT_EQ(after.arrays_copied, before.arrays_copied + 1) << name;
    EXPECT_EQ(after.bytes_copied, before.bytes_copied + x.nbytes()) << name;
    EXPECT_TRUE(py.eval<bool>("np.array_equal(x, elsewhere[name])", "x"_a = x, "name"_a = name)) << name;
  }
  EXPECT_TRUE(py.eval("np.array([object()] * 5000)").is<Object>());
  EXPECT_FALSE(py.eval<bool>("py4cpp.is_shared(elsewhere['mmap']) or py4cpp.is_shared(7)"));
}

TEST_F(NumpyBorn, TensorsOfTorchAreCopied) {
  py.exec("import torch\nt = torch.arange(5000.)");
  const auto before = copied();
  const auto t = py.eval<Array<float>>("t.numpy()");
  EXPECT_FALSE(t.shared());
  EXPECT_EQ(t.view()(4999), 4999.f);
  EXPECT_EQ(copied(), before + 1);
  const auto back = py.eval<Array<float>>("torch.from_numpy(np.ones(5000, 'float32')).numpy()");
  EXPECT_TRUE(back.shared());
  EXPECT_EQ(copied(), before + 1);
}

TEST_F(NumpyBorn, WithAHandlerThatWeDontKnow) {
  py4cpp::Python other{config()};
  other.exec(R"(
import ctypes, importlib.machinery, sys
class Renames:  # a numpy whose default handler has another name
    def find_spec(self, name, path=None, target=None):
        if name != 'numpy': return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        execute = spec.loader.exec_module
        def exec_module(module):
            execute(module)
            table = ctypes.pythonapi.PyCapsule_GetPointer
            table.restype, table.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
            api = ctypes.cast(table(module.core._multiarray_umath._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))
            default = ctypes.cast(api[306], ctypes.POINTER(ctypes.py_object))[0]
            ctypes.memmove(table(default, b'mem_handler'), b'another_handler\0', 16)
        spec.loader.exec_module = exec_module
        return spec
sys.meta_path.insert(-1, Renames())  # behind ours
import numpy as np, py4cpp
name = np.core.multiarray.get_handler_name()
)");
  EXPECT_EQ(other.eval<std::string>("name"), "py4cpp_allocator");
  EXPECT_TRUE(other.eval<Array<double>>("np.ones(5000) * 2").shared());
  EXPECT_EQ(xt::sum(other.eval<Array<double>>("np.ones(5000) * 2").view())(), 10'000.0);
}

TEST_F(NumpyBorn, ThoughSomebodyElseFindsNumpyFirst) {
  py4cpp::Python other{config()};
  other.exec(R"(
import importlib.machinery, sys
class First:
    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.PathFinder.find_spec(name, path, target) if name == 'numpy' else None
sys.meta_path.insert(0, First())
import numpy as np
)");
  other.eval<Array<double>>("np.ones(5000)");  // the first array that is passed shows that there is a numpy
  EXPECT_TRUE(other.eval<Array<double>>("np.ones(5000)").shared());
}

TEST_F(NumpyBorn, UpToTheInlineLimitTravelInTheMessage) {
  auto c = config();
  c.inline_limit = 100'000;
  py4cpp::Python other{c};
  EXPECT_FALSE(other.eval<Array<double>>("__import__('numpy').ones(12_500)").shared());
  EXPECT_TRUE(other.eval<Array<double>>("__import__('numpy').ones(12_501)").shared());
}

// ---- numpy's own tests

// Those of its modules that need no pytest, for a glance at each push; `./run numpy-tests` runs them all.
constexpr const char* modules_without_fixtures[] = {"numpy.fft.tests.test_helper",
                                                    "numpy.lib.tests.test__iotools",
                                                    "numpy.lib.tests.test_regression",
                                                    "numpy.lib.tests.test_type_check",
                                                    "numpy.lib.tests.test_ufunclike",
                                                    "numpy.linalg.tests.test_regression",
                                                    "numpy.ma.tests.test_mrecords",
                                                    "numpy.ma.tests.test_subclassing",
                                                    "numpy.matrixlib.tests.test_defmatrix",
                                                    "numpy.matrixlib.tests.test_masked_matrix",
                                                    "numpy.polynomial.tests.test_chebyshev",
                                                    "numpy.polynomial.tests.test_legendre",
                                                    "numpy.polynomial.tests.test_polynomial",
                                                    "numpy.random.tests.test_regression"};

TEST(NumpyBornUnderItsOwnTests, PassAsTheyDoOutside) {
  auto c = config();
  c.inline_limit = 0;  // as many as can be
  py4cpp::Python py{c};
  py.exec(
      "import json, subprocess, sys\n"
      "sys.path.insert(0, directory)\n"
      "import suite\n"
      "inside = suite.run_plain(modules)\n"
      "outside = json.loads(subprocess.run([sys.executable, '-B', suite.__file__, 'plain', *modules],\n"
      "                                    check=True, stdout=subprocess.PIPE).stdout)",
      "directory"_a = (source_dir() / "tests/numpy").string(),
      "modules"_a = std::vector<std::string>(std::begin(modules_without_fixtures), std::end(modules_without_fixtures)));
  EXPECT_EQ(py.eval<std::string>("str({test: (outside.get(test), inside.get(test)) for test in {*outside, *inside}"
                                 "     if outside.get(test) != inside.get(test)})"),
            "{}");
  EXPECT_GT(py.eval<int>("list(inside.values()).count('passed')"), 300);
}

// ---- where shared memory is short

TEST(NumpyBornInLittleMemory, GoesOnWithItsOwn) {
  auto c = config();
  c.shared_memory_limit = 8 << 20;
  py4cpp::Python py{c};
  py.exec("import numpy as np, py4cpp\nhoard = [np.full(20_000, float(i)) for i in range(200)]");  // 32 MB
  EXPECT_TRUE(py.eval<bool>("all((a == i).all() for i, a in enumerate(hoard))"));
  EXPECT_TRUE(py.eval<bool>("py4cpp.is_shared(hoard[0]) and not py4cpp.is_shared(hoard[-1])"));
  const auto last = py.eval<Array<double>>("hoard[-1]");  // into what numpy leaves
  EXPECT_FALSE(last.shared());
  EXPECT_EQ(last.view()(0), 199.0);
  py.exec("large = np.arange(5_000_000.)");
  EXPECT_THROW(py.eval<Array<double>>("large"), py4cpp::errors::MemoryError);
  py.exec("hoard.clear()\nlarge.resize(50_000, refcheck=False)");
  EXPECT_EQ(py.eval<Array<double>>("large").view()(49'999), 49'999.0);
  EXPECT_TRUE(py.eval<bool>("py4cpp.is_shared(np.ones(20_000))"));
}

TEST(NumpyBornInLittleMemory, GoesOnInAFullFileSystem) {
  EXPECT_EQ(in_host_child([] {
              if (!private_shared_memory(std::size_t{32} << 20)) return 1;
              py4cpp::Python py{config()};
              py.exec(
                  "import numpy as np, py4cpp\n"
                  "hoard = [np.full(125_000, float(i)) for i in range(64)]\n"  // 64 MB
                  "assert all((a == i).all() for i, a in enumerate(hoard))\n"
                  "assert py4cpp.is_shared(hoard[0]) and not py4cpp.is_shared(hoard[-1])\n");
              const auto mine = py.array<double>({500'000});  // numpy leaves a quarter
              return py.eval<Array<double>>("hoard[-1]").view()(0) == 63.0 ? 0 : 2;
            }),
            0);
}

// ---- whatever becomes of the worker

TEST(NumpyBornOfTheDead, LiveOn) {
  const char* const ends[] = {"stop", "__import__('os')._exit(3)",
                              "__import__('os').kill(__import__('os').getpid(), 9)"};
  for (const std::string end : ends) {
    Array<double> a, slice;
    {
      py4cpp::Python py{config()};
      py.exec("import numpy as np\nkept = np.arange(100_000.)");
      a = py.eval<Array<double>>("kept");
      slice = py.eval<Array<double>>("np.arange(50_000.)[::-2]");
      if (end == "stop") {
        py.stop();
      } else {
        EXPECT_THROW(py.eval(end), py4cpp::WorkerDied);
      }
    }
    a.view()(0) = 5.0;
    EXPECT_EQ(a.view()(0) + a.view()(99'999), 100'004.0) << end;
    EXPECT_EQ(slice.view()(24'999), 1.0) << end;
    py4cpp::Python other{config()};  // attaches the pages of the dead
    EXPECT_TRUE(other.eval<bool>("__import__('py4cpp').is_shared(a) and a[0] == 5 and a[1] == 1", "a"_a = a)) << end;
    other.exec("s[0] = -3; s.base is not None", "s"_a = slice);
    EXPECT_EQ(slice.view()(0), -3.0) << end;
  }
}

TEST_F(NumpyBorn, GoFromWorkerToWorker) {
  py4cpp::Python other{config()};
  const auto a = py.eval<Array<std::int64_t>>("np.arange(30_000)");
  other.exec("import numpy as np, py4cpp\na[3] = -3\nkept = a[::3]\nassert py4cpp.is_shared(kept)", "a"_a = a);
  EXPECT_EQ(a.view()(3), -3);
  const auto back = other.eval<Array<std::int64_t>>("kept");
  EXPECT_EQ(back.data(), a.data());
  EXPECT_EQ(other.stats().arrays_copied, 0u);
  kill(py.pid(), SIGKILL);
  EXPECT_THROW(py.eval("1"), py4cpp::WorkerDied);
  EXPECT_EQ(other.eval<long>("int(kept[1])"), -3);
  a.view()(6) = -6;
  EXPECT_EQ(other.eval<long>("int(kept[2])"), -6);
}

}  // namespace py4cpp::test
