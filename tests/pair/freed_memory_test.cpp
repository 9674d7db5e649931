// What becomes of small arrays' memory that numpy frees in a worker: the next array of that size has it, and nothing is
// left over when a thread ends.
#include "pair_fixture.hpp"

namespace py4cpp::test {

class FreedMemory : public PairTest {
 protected:
  FreedMemory() {
    py.exec(R"(
import threading, numpy as np
def address(array): return array.__array_interface__['data'][0]
)");
  }
};

TEST_F(FreedMemory, ServesTheNextArrayOfThatSize) {
  py.exec(R"(
def freed():
    array = np.empty(500)
    return address(array)
def reused(size):
    at = freed()
    other = [bytearray(4000) for _ in range(8)]  # malloc would have given it to these
    made = np.empty(size)
    return address(made) == at
)");
  EXPECT_TRUE(py.eval<bool>("reused(500)"));
  EXPECT_TRUE(py.eval<bool>("reused(450)"));
  EXPECT_FALSE(py.eval<bool>("reused(501)"));  // too large
  EXPECT_FALSE(py.eval<bool>("reused(200)"));  // too much would lie idle
}

TEST_F(FreedMemory, IsNewWhereNoneIsLeftAndBeginsWithALineOfTheCaches) {
  py.exec("kept = [np.full(size, size % 251, np.uint8) for size in range(1025, 8192, 97)]");
  EXPECT_TRUE(py.eval<bool>("all(address(array) % 64 == 0 for array in kept)"));
  py.exec("kept = [np.ascontiguousarray(array) for array in kept] + [np.empty(array.size) for array in kept]");
  EXPECT_TRUE(py.eval<bool>("all((a == size % 251).all() for a, size in zip(kept, range(1025, 8192, 97)))"));
  py.exec("grown = np.full(3000, 7, np.uint8); grown.resize(7000, refcheck=False)");
  EXPECT_TRUE(py.eval<bool>("(grown[:3000] == 7).all() and not grown[3000:].any()"));
}

TEST_F(FreedMemory, IsNeverGivenToTwo) {
  py.exec(R"(
wrong = []
shared = []
def work(seed):
    random = np.random.default_rng(seed)
    kept = []
    for i in range(2000):
        n = int(random.integers(120, 1200))
        kept.append((i, np.full(n, i)))
        if len(kept) > 12: kept.pop(int(random.integers(0, 12)))
        if i % 7 == 0: shared.append(kept.pop())  # another thread frees it
        if len(shared) > 8: shared.pop(0)
        if i % 20 == 0 and any((a != value).any() for value, a in kept): wrong.append(seed)
threads = [threading.Thread(target=work, args=[seed]) for seed in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
)");
  EXPECT_TRUE(py.eval<bool>("not wrong and all((a == value).all() for value, a in shared)"));
}

TEST_F(FreedMemory, OfAThreadGoesWithIt) {
  py.exec(R"(
def work():
    kept = [np.ones(1000) for _ in range(20)]
    del kept
def resident():
    with open('/proc/self/statm') as file: return int(file.read().split()[1]) * 4096
def run(count):
    for _ in range(count):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
run(50)
before = resident()
run(1000)
)");
  EXPECT_LT(py.eval<std::int64_t>("resident() - before"), 20 << 20);  // 48 MB if each had left what it freed last
}

}  // namespace py4cpp::test
