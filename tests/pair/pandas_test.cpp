// pandas on shared memory: arrays of C++ become series and frames in place, and columns come to C++ in place.
#include "pair_fixture.hpp"

#include <numeric>

namespace py4cpp::test {

class Pandas : public PairTest {
 protected:
  Pandas() { py.exec("import numpy as np, pandas as pd"); }
  std::uint64_t copied() { return py.stats().arrays_copied; }
};

TEST_F(Pandas, AnArrayOfCppBecomesASeriesInPlace) {
  const auto array = py.array<double>({5000});
  std::iota(array.data(), array.data() + array.size(), 0.);
  const auto copies = copied();
  py.exec("s = pd.Series(a, copy=False)", "a"_a = array);
  EXPECT_EQ(py.eval<double>("s.sum()"), 5000. * 4999 / 2);
  py.exec("s[7] = -1");
  EXPECT_EQ(array.data()[7], -1.);
  array.data()[8] = -2.;
  EXPECT_EQ(py.eval<double>("s[8]"), -2.);
  EXPECT_EQ(py.eval<Array<const double>>("s.to_numpy()").data(), array.data());
  EXPECT_EQ(copied(), copies);
}

TEST_F(Pandas, AMatrixOfCppBecomesAFrameInPlace) {
  const auto array = py.array<float>({300, 40});
  std::iota(array.data(), array.data() + array.size(), 0.f);
  const auto copies = copied();
  py.exec("f = pd.DataFrame(a, copy=False)", "a"_a = array);
  array.view()(3, 4) = -1.f;
  EXPECT_EQ(py.eval<float>("f.iloc[3, 4].item()"), -1.f);
  const auto whole = py.eval<Array<const float>>("f.to_numpy()");
  EXPECT_EQ(whole.data(), array.data());
  EXPECT_EQ(whole.shape(), (Shape{300, 40}));
  const auto column = py.eval<Array<const float>>("f[4].to_numpy()");
  EXPECT_EQ(column.data(), array.data() + 4);
  EXPECT_EQ(column.view()(3), -1.f);
  EXPECT_EQ(copied(), copies);
}

TEST_F(Pandas, AColumnBornInPythonComesInPlace) {
  py.exec("f = pd.DataFrame({'x': np.arange(20_000.), 'n': np.arange(20_000)})");
  const auto copies = copied();
  const auto x = py.eval<Array<const double>>("f['x'].to_numpy()");
  const auto n = py.eval<Array<const std::int64_t>>("f['n'].to_numpy()");
  EXPECT_TRUE(x.shared());
  EXPECT_TRUE(n.shared());
  EXPECT_EQ(x.view()(19'999), 19'999.);
  EXPECT_EQ(n.view()(19'999), 19'999);
  EXPECT_EQ(copied(), copies);
}

}  // namespace py4cpp::test
