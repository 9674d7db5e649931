// bfloat16 is numpy's by ml_dtypes. Where that can't be imported, the error says what to do instead.
#include "pair_fixture.hpp"

namespace py4cpp::test {

class BFloat16Arrays : public PairTest {
 protected:
  // Whether there is ml_dtypes, without importing it: the library is to find it by itself.
  bool has_ml_dtypes() { return py.eval<bool>("__import__('importlib.util').util.find_spec('ml_dtypes') is not None"); }

  Array<BFloat16> some() {
    auto array = py.array<BFloat16>({2, 3});
    for (std::size_t i = 0; i < array.size(); ++i) array.data()[i] = BFloat16(1.5F * static_cast<float>(i));
    return array;
  }
};

TEST_F(BFloat16Arrays, CrossWhereMlDtypesIs) {
  const auto array = some();
  if (!has_ml_dtypes()) {
    const auto error = thrown_by<errors::TypeError>([&] { py.call("len", array); });
    EXPECT_NE(error.message().find("ml_dtypes"), std::string::npos) << error.message();
    EXPECT_NE(error.message().find("uint16"), std::string::npos) << error.message();
    return;
  }
  EXPECT_EQ(py.eval<std::string>("a.dtype.name", "a"_a = array), "bfloat16");
  EXPECT_EQ(py.eval<double>("float(a.astype('f4').sum())", "a"_a = array), 22.5);
  const auto same = py.eval<Array<BFloat16>>("a", "a"_a = array);
  EXPECT_EQ(same.data(), array.data());
  py.exec("import ml_dtypes, numpy\nborn = numpy.arange(100000).astype(ml_dtypes.bfloat16)[::-1]");
  const auto born = py.eval<Array<BFloat16>>("born");
  EXPECT_EQ(born.dtype(), bfloat16);
  EXPECT_TRUE(born.shared());
  EXPECT_EQ(born.strides()[0], -1);
  EXPECT_EQ(static_cast<float>(born.view()(0)), 99840.0F) << "99999, rounded to 8 bits";
  EXPECT_EQ(py.eval("born[-1]"), Value(0.0));
}

TEST_F(BFloat16Arrays, CrossAsUint16Anywhere) {
  auto bits = py.array<std::uint16_t>({3});
  for (std::size_t i = 0; i < 3; ++i) bits.data()[i] = BFloat16(static_cast<float>(i)).bits;
  py.exec("def as_float32(a):\n    return (a.astype('u4') << 16).view('f4')");
  EXPECT_EQ(py.call<std::vector<float>>("as_float32", bits), (std::vector{0.0F, 1.0F, 2.0F}));
  EXPECT_EQ(py.eval<int>("1"), 1);
}

}  // namespace py4cpp::test
