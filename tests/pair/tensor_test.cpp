// PyTorch's tensors as typed results: as numpy's arrays where numpy can have their memory, else an error that says what
// to call in Python.
#include "pair_fixture.hpp"

namespace py4cpp::test {
namespace {

class Tensors : public PairTest {
 protected:
  Tensors() { py.exec("import torch\nt = torch.arange(6, dtype=torch.float32)\ndef give(k): return eval(k)"); }

  // What the error of the conversion to R says.
  template <class R>
  std::string refusal(const std::string& expression) {
    return thrown_by<Error>([&] { py.call<R>("give", expression); }).what();
  }
  template <class R>
  void expect_refusal(const std::string& expression, const std::string& remedy) {
    const std::string text = refusal<R>(expression);
    EXPECT_NE(text.find(remedy), std::string::npos) << expression << ": " << text;
  }
};

TEST_F(Tensors, AreArrays) {
  const auto plain = py.call<Array<float>>("give", "t.reshape(2, 3)");
  EXPECT_EQ(plain.shape(), (Shape{2, 3}));
  EXPECT_EQ(plain.view()(1, 2), 5.f);
  EXPECT_TRUE(
      (py.call<xt::xtensor<float, 2>>("give", "t.reshape(2, 3)") == xt::xtensor<float, 2>{{0, 1, 2}, {3, 4, 5}}));
  EXPECT_TRUE((py.call<xt::xarray<float>>("give", "t.reshape(2, 3).T") == xt::xarray<float>{{0, 3}, {1, 4}, {2, 5}}));
  EXPECT_TRUE((py.call<xt::xtensor<float, 1>>("give", "t[1::2]") == xt::xtensor<float, 1>{1, 3, 5}));
  EXPECT_EQ(py.call<AnyArray>("give", "t > 2").dtype(), boolean);
  EXPECT_EQ(py.call<AnyArray>("give", "t.half()").dtype(), float16);
  EXPECT_EQ(py.call<AnyArray>("give", "torch.tensor(2.5)").dimension(), 0u);
  EXPECT_EQ(py.call<double>("give", "torch.tensor(2.5)"), 2.5);
  EXPECT_EQ(py.call<Array<std::int64_t>>("give", "torch.zeros(0, 3, dtype=torch.int64)").shape(), (Shape{0, 3}));
  EXPECT_THROW(py.call<Array<double>>("give", "t"), ConversionError);
}

TEST_F(Tensors, AreSequencesAsArraysAre) {
  EXPECT_EQ(py.call<std::vector<float>>("give", "t"), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(py.call<std::vector<double>>("give", "t[::2]"), (std::vector<double>{0, 2, 4}));
  using Rows = std::vector<std::vector<float>>;
  EXPECT_EQ(py.call<Rows>("give", "t.reshape(2, 3)"), (Rows{{0, 1, 2}, {3, 4, 5}}));
  using Point = std::array<float, 2>;
  EXPECT_EQ(py.call<Point>("give", "t[4:]"), (Point{4, 5}));
  const auto before = py.stats().calls;
  EXPECT_EQ(py.call<std::vector<float>>("give", "torch.zeros(10_000)").size(), 10'000u);
  EXPECT_LE(py.stats().calls - before, 6u) << "not one an element";
  EXPECT_EQ(py.stats().live_objects, 0u);
}

TEST_F(Tensors, ThatCannotBeArraysSayWhatToCall) {
  for (const char* const grad : {"t.clone().requires_grad_()", "torch.nn.Parameter(t)"}) {
    expect_refusal<Array<float>>(grad, ".detach()");
    expect_refusal<xt::xtensor<float, 1>>(grad, ".detach()");
    expect_refusal<std::vector<float>>(grad, ".detach()");
  }
  expect_refusal<Array<float>>("t.bfloat16()", ".float()");
  expect_refusal<xt::xarray<float>>("t.bfloat16()", ".float()");
  expect_refusal<Array<float>>("t.to('meta')", ".cpu()");  // as a device without memory in this process says, CUDA too
  expect_refusal<Array<float>>("torch.eye(3).to_sparse()", "dense()");
  EXPECT_EQ(py.eval<int>("1 + 1"), 2);
  EXPECT_EQ(py.stats().live_objects, 0u);
}

}  // namespace
}  // namespace py4cpp::test
