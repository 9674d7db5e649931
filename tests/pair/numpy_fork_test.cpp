// Python code that forks while it has arrays of numpy and of C++: the child sees them as they were, whatever the parent
// frees, and what it writes stays its own.
#include "pair_fixture.hpp"

#include <chrono>
#include <thread>

namespace py4cpp::test {

using namespace std::chrono_literals;

// fork(function): its result, in a child, is the child's exit code; go(), there, waits until release() here.
class ForkedWithArrays : public PairTest {
 protected:
  ForkedWithArrays() {
    py.exec(R"(
import gc, os, numpy as np, py4cpp
gate = os.pipe()
def go(): os.read(gate[0], 1)
def release(count=1): os.write(gate[1], b'x' * count)
def fork(function):
    child = os.fork()
    if child == 0:
        code = 99
        try: code = function()
        finally: os._exit(code)
    return child
def code_of(child): return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
)");
  }

  std::uint64_t live_blocks() { return py.eval<std::uint64_t>("gc.collect() * 0 + py4cpp.stats()['live_blocks']"); }

  // Children's ends are noticed by a thread of the worker's.
  bool live_blocks_fall_to(std::uint64_t most) {
    for (int i = 0; i < 2000 && live_blocks() > most; ++i) std::this_thread::sleep_for(10ms);
    return live_blocks() <= most;
  }
};

TEST_F(ForkedWithArrays, AChildWritesOnlyForItself) {
  const auto ours = py.array<double>({50'000});
  ours.view() = 1.0;
  py.set("ours", ours);
  const auto theirs = py.eval<Array<double>>("(theirs := np.full(50_000, 2.0))");
  py.exec(R"(
def child():
    ours[:] = 7
    theirs[:] = 7
    return 0 if ours.sum() == theirs.sum() == 350_000 else 1
code = code_of(fork(child))
)");
  EXPECT_EQ(py.eval<int>("code"), 0);
  EXPECT_EQ(py.eval<double>("ours.sum() + theirs.sum()"), 150'000.0);
  EXPECT_EQ(xt::sum(ours.view())(), 50'000.0);
  EXPECT_EQ(xt::sum(theirs.view())(), 100'000.0);
}

TEST_F(ForkedWithArrays, AChildSeesNoRecycledBlock) {
  const auto before = live_blocks();
  py.exec(R"(
arrays = [np.full(n, float(n)) for n in (2_000, 20_000, 200_000, 2_000_000)]
def child():
    go()
    return 0 if all((a == a.size).all() for a in arrays) else 1
child = fork(child)
del arrays
for _ in range(20):
    for n in (2_000, 20_000, 200_000, 2_000_000): np.full(n, -1.0)
release()
code = code_of(child)
)");
  EXPECT_EQ(py.eval<int>("code"), 0);
  EXPECT_TRUE(live_blocks_fall_to(before));
}

TEST_F(ForkedWithArrays, AChildSeesNoBlockThatTheHostRecycled) {
  {
    const auto ours = py.array<double>({50'000});
    ours.view() = 3.0;
    py.exec("def child():\n    go()\n    return 0 if (ours == 3).all() else 1\nchild = fork(child)", "ours"_a = ours);
  }
  for (int i = 0; i < 50; ++i) {
    const auto next = py.array<double>({50'000});
    next.view() = -1.0;
    py.call<void>("len", next);
  }
  py.exec("release()\ncode = code_of(child)");
  EXPECT_EQ(py.eval<int>("code"), 0);
}

TEST_F(ForkedWithArrays, WhatAChildAllocatesIsItsOwn) {
  py.exec(R"(
a = np.ones(50_000)
def child():
    b = a * 2
    c = np.zeros(100_000)
    c[:] = 3
    a.resize(60_000, refcheck=False)
    b.resize(70_000, refcheck=False)
    right = a.sum() == 50_000 and b.sum() == 100_000 and c.sum() == 300_000
    for call in (py4cpp.stats, lambda: py4cpp.is_shared(c), lambda: py4cpp.empty(9), lambda: py4cpp.shared_like(c)):
        try:
            call()
            right = False
        except Exception as error:
            right = right and 'forked' in str(error)
    globals().pop('a')
    return 0 if right else 1
code = code_of(fork(child))
)");
  EXPECT_EQ(py.eval<int>("code"), 0);
  EXPECT_EQ(py.eval<double>("a.sum()"), 50'000.0);
}

TEST_F(ForkedWithArrays, BlocksReturnHoweverTheChildEnds) {
  for (const char* end : {"return 0", "os.execv('/bin/sh', ['sh', '-c', 'read line || true'])", "os.abort()",
                          "os.kill(os.getpid(), 9)", "raise SystemExit(4)"}) {
    const auto before = live_blocks();
    py.exec(std::string("a = np.ones(50_000)\ndef child():\n    ") + end +
            "\nchild = fork(child)\ndel a\ncode = code_of(child)");
    EXPECT_TRUE(live_blocks_fall_to(before)) << end;
  }
}

TEST_F(ForkedWithArrays, AGrandchildHoldsThemToo) {
  const auto before = live_blocks();
  py.exec(R"(
ready = os.pipe()
verdict = os.pipe()
a = np.full(50_000, 5.0)
def grandchild():
    os.write(ready[1], b'x')
    go()
    os.write(verdict[1], b'1' if (a == 5).all() else b'0')
    return 0
def child():
    fork(grandchild)
    return 0
assert code_of(fork(child)) == 0  # the grandchild is an orphan
os.read(ready[0], 1)
del a
for _ in range(20): np.full(50_000, -1.0)
release()
seen = os.read(verdict[0], 1)
)");
  EXPECT_EQ(py.eval<Bytes>("seen").size(), 1u);
  EXPECT_TRUE(py.eval<bool>("seen == b'1'"));
  EXPECT_TRUE(live_blocks_fall_to(before));
}

TEST_F(ForkedWithArrays, ThoughTheirDescriptorsAreClosed) {
  py.exec(R"(
import glob, sys
a = np.full(50_000, 5.0)
b = a.copy()
for entry in glob.glob('/proc/self/fd/*'):  # those of the segments, as user code might
    try:
        if '/dev/shm/' in os.readlink(entry) and 'lease' not in os.readlink(entry): os.close(int(entry.split('/')[-1]))
    except OSError: pass
def child():
    a[:] = 6
    go()
    return 0 if (a == 6).all() and (b == 5).all() else 1
child = fork(child)
right = (a == 5).all()
del b
for _ in range(20): np.full(50_000, -1.0)
release()
code = code_of(child)
)");
  EXPECT_EQ(py.eval<int>("code"), 0);
  EXPECT_TRUE(py.eval<bool>("right"));
}

TEST_F(ForkedWithArrays, FromAThreadWhileOthersAllocate) {
  py.exec(R"(
import threading
stop = False
def churn():
    while not stop: np.full(30_000, 1.0) + np.zeros(5_000).sum()
threads = [threading.Thread(target=churn) for _ in range(3)]
for thread in threads: thread.start()
a = np.full(40_000, 2.0)
codes = []
def forks():
    for _ in range(15): codes.append(code_of(fork(lambda: 0 if (a + np.ones(40_000)).sum() == 120_000 else 1)))
forker = threading.Thread(target=forks)
forker.start()
forker.join()
stop = True
for thread in threads: thread.join()
)");
  EXPECT_EQ(py.eval<std::vector<int>>("codes"), std::vector<int>(15, 0));
}

TEST_F(ForkedWithArrays, PoolsOfEveryKind) {
  py.exec(R"(
import multiprocessing
inputs = [np.full(20_000, float(i)) for i in range(6)]
)");
  const auto input = py.eval<Array<double>>("inputs[3]");
  for (const char* method : {"fork", "spawn", "forkserver"}) {
    py.exec(
        "with multiprocessing.get_context(method).Pool(2) as pool:\n"
        "    sums = pool.map(np.sum, inputs)\n"
        "    doubled = pool.map(np.negative, inputs)\n"
        "    pool.close()\n"
        "    pool.join()",
        "method"_a = method);
    EXPECT_TRUE(py.eval<bool>("sums == [20_000.0 * i for i in range(6)]")) << method;
    EXPECT_TRUE(py.eval<Array<double>>("doubled[3]").view()(9) == -3.0) << method;
  }
  EXPECT_EQ(xt::sum(input.view())(), 60'000.0);
}

TEST_F(ForkedWithArrays, LoadersOfPyTorch) {
  py.exec(R"(
import torch.utils.data
data = np.arange(40_000, dtype='float32').reshape(400, 100)
class Rows(torch.utils.data.Dataset):
    def __len__(self): return len(data)
    def __getitem__(self, index):
        row = data[index] * 2
        data[index] = -1  # of the child's own
        return row
def load():
    loader = torch.utils.data.DataLoader(Rows(), batch_size=40, num_workers=2)
    return [batch.numpy().copy() for batch in loader]
)");
  const auto data = py.eval<Array<float>>("data");
  const Array<float> batch = py.eval<List>("load()")[9].as<Array<float>>();
  EXPECT_EQ(batch.view()(39, 99), 2.f * 39'999);
  EXPECT_EQ(py.eval<double>("float(data[399, 99])"), 39'999.0);
  EXPECT_EQ(data.view()(0, 1), 1.f);
  EXPECT_EQ(py.eval<int>("len(load())"), 10);
}

}  // namespace py4cpp::test
