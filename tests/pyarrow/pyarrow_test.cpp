// pyarrow on shared memory: arrays of C++ become Arrow's in place, and Arrow's come to C++ in place. Debian 12 has no
// pyarrow, so `./run pypi-tests` alone builds and runs this, with PyPI's.
#include "../pair/pair_fixture.hpp"

#include <numeric>

namespace py4cpp::test {

class Pyarrow : public PairTest {
 protected:
  Pyarrow() { py.exec("import numpy as np, pyarrow as pa"); }
  std::uint64_t copied() { return py.stats().arrays_copied; }
};

TEST_F(Pyarrow, AnArrayOfCppBecomesArrowsInPlace) {
  const auto array = py.array<double>({5000});
  std::iota(array.data(), array.data() + array.size(), 0.);
  const auto copies = copied();
  py.exec("p = pa.array(a)\nsame = p.buffers()[1].address == a.__array_interface__['data'][0]", "a"_a = array);
  EXPECT_TRUE(py.eval<bool>("same"));
  array.data()[8] = -2.;
  EXPECT_EQ(py.eval<double>("p[8].as_py()"), -2.);
  EXPECT_EQ(py.eval<Array<const double>>("p.to_numpy(zero_copy_only=True)").data(), array.data());
  EXPECT_EQ(copied(), copies);
}

TEST_F(Pyarrow, ATableOnArraysOfCppIsReadInPlace) {
  const auto x = py.array<float>({30'000});
  const auto n = py.array<std::int64_t>({30'000});
  std::iota(x.data(), x.data() + x.size(), 0.f);
  std::iota(n.data(), n.data() + n.size(), 0);
  const auto copies = copied();
  py.exec("t = pa.table({'x': pa.array(x), 'n': pa.array(n)})", "x"_a = x, "n"_a = n);
  x.data()[29'999] = -1.f;
  EXPECT_EQ(py.eval<float>("t['x'][29_999].as_py()"), -1.f);
  EXPECT_EQ(py.eval<Array<const std::int64_t>>("t['n'].chunk(0).to_numpy()").data(), n.data());
  EXPECT_EQ(copied(), copies);
}

TEST_F(Pyarrow, ArraysBornInPythonComeInPlace) {
  py.exec("p = pa.array(np.arange(20_000.))");
  const auto copies = copied();
  const auto array = py.eval<Array<const double>>("p.to_numpy()");
  EXPECT_TRUE(array.shared());
  EXPECT_EQ(array.view()(19'999), 19'999.);
  EXPECT_EQ(copied(), copies);
}

}  // namespace py4cpp::test
