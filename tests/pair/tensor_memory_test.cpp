// PyTorch's CPU tensors on shared memory come to C++ in place: those that numpy's memory is under, and C++'s own.
#include "pair_fixture.hpp"

#include <numeric>
#include <string>

namespace py4cpp::test {

class Tensor : public PairTest {
 protected:
  Tensor() {
    py.exec(R"(
import numpy as np, torch
a = np.arange(24_000, dtype='float32').reshape(100, 240)
t = torch.from_numpy(a)
)");
  }
  std::uint64_t copied() { return py.stats().arrays_copied; }
  std::uint64_t shared() { return py.stats().arrays_shared; }
};

TEST_F(Tensor, OnNumpysMemoryIsHandedBackInPlace) {
  const auto copies = copied();
  const auto ways = shared();
  const auto a = py.eval<Array<float>>("a");
  const auto t = py.eval<Array<float>>("t");
  EXPECT_TRUE(t.shared());
  EXPECT_EQ(t.data(), a.data());
  EXPECT_EQ(t.shape(), (Shape{100, 240}));
  EXPECT_EQ(copied(), copies);
  EXPECT_EQ(shared(), ways + 2);
  t.view()(3, 4) = -1.f;
  EXPECT_EQ(py.eval<float>("t[3, 4].item()"), -1.f);
  py.exec("t.mul_(2)");
  EXPECT_EQ(t.view()(3, 4), -2.f);
}

TEST_F(Tensor, HoweverItLies) {
  const auto whole = py.eval<Array<float>>("a");
  for (const char* view : {"t[7]", "t[10:20, 5:]", "t.T", "t[:, ::3]", "t.reshape(-1)[12_345:]", "t[5, 6:7]",
                           "t.view(50, 480)[3:]", "t[None, 2]", "t.expand(3, 100, 240)", "t.detach()"}) {
    const auto copies = copied();
    const auto x = py.eval<AnyArray>("view", "view"_a = py.eval<Object>(view));
    EXPECT_TRUE(x.shared()) << view;
    EXPECT_EQ(copied(), copies) << view;
    EXPECT_TRUE(py.eval<bool>(std::string("np.array_equal(x, ") + view + ")", "x"_a = x)) << view;
    const auto offset = py.eval<std::ptrdiff_t>(std::string("(") + view + ").data_ptr() - t.data_ptr()");
    EXPECT_EQ(x.state()->data - reinterpret_cast<const std::byte*>(whole.data()), offset) << view;
  }
}

TEST_F(Tensor, OnMemoryOfCppComesHome) {
  const auto array = py.array<float>({50, 100});
  std::iota(array.data(), array.data() + array.size(), 0.f);
  const auto copies = copied();
  const auto tensor = py.call<Array<float>>("torch.from_numpy", array);
  EXPECT_EQ(tensor.data(), array.data());
  const auto row = py.eval<Array<float>>("torch.from_numpy(x)[7, 3:]", "x"_a = array);
  EXPECT_EQ(row.data(), array.data() + 703);
  EXPECT_EQ(row.view()(1), 704.f);
  EXPECT_EQ(copied(), copies);
  array.data()[703] = -3.f;
  EXPECT_EQ(row.view()(0), -3.f);
}

TEST_F(Tensor, BecomesAContainerWithoutACopyInPython) {
  const auto copies = copied();
  const auto part = py.eval<xt::xtensor<float, 2>>("t[10:20, ::2]");
  EXPECT_EQ(part.shape(), (std::array<std::size_t, 2>{10, 120}));
  EXPECT_EQ(part(1, 2), 11.f * 240 + 4);
  EXPECT_EQ(copied(), copies);
}

TEST_F(Tensor, LivesAsLongAsItsArray) {
  const auto rest =
      py.call<Array<float>>(py.eval<Object>("lambda: torch.from_numpy(np.full(50_000, 3, 'f4'))[40_000:]"));
  for (int i = 0; i < 20; ++i) py.exec("np.zeros(50_000, 'f4') + 1");  // would take that memory, if it were free
  EXPECT_TRUE(rest.shared());
  EXPECT_EQ(std::accumulate(rest.data(), rest.data() + rest.size(), 0.0), 30'000.0);
}

TEST_F(Tensor, OnMemoryOfTorchIsCopied) {
  const auto copies = copied();
  const auto x = py.eval<Array<float>>("torch.arange(5000.)");
  EXPECT_FALSE(x.shared());
  EXPECT_EQ(x.view()(4999), 4999.f);
  EXPECT_EQ(copied(), copies + 1);
  EXPECT_THROW(py.eval<Array<float>>("torch.ones(5000, requires_grad=True)"), std::exception);
  EXPECT_EQ(py.eval<int>("1"), 1);
}

}  // namespace py4cpp::test
