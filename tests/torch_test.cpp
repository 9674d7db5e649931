// DLPack against a real peer: libtorch in this process.
#include <ATen/DLConvertor.h>
#include <ATen/Functions.h>

#include <py4cpp/array.hpp>
#include <py4cpp/dlpack.hpp>

#include <gtest/gtest.h>

namespace py4cpp::test {
namespace {

TEST(Libtorch, ReadsOurArraysInPlace) {
  const auto array = AnyArray::allocate(float32, {2, 3}).as<float>();
  array.view() = 2.f;
  {
    at::Tensor tensor = at::fromDLPack(array.to_dlpack());
    EXPECT_EQ(tensor.data_ptr<float>(), array.data());
    tensor.mul_(3);
  }
  EXPECT_EQ(array.view()(1, 2), 6.f);
}

TEST(Libtorch, GivesTensorsOfAnyStrides) {
  const at::Tensor tensor = at::arange(6, at::kFloat).reshape({2, 3}).transpose(0, 1);
  const auto array = from_dlpack(at::toDLPack(tensor)).as<float>();
  EXPECT_EQ(array.shape(), (Shape{3, 2}));
  EXPECT_EQ(array.strides(), (Strides{1, 3}));
  EXPECT_EQ(array.data(), tensor.data_ptr<float>());
  EXPECT_EQ(array.view()(2, 1), 5.f);
}

TEST(Libtorch, ATensorOnOurMemoryComesBackShared) {
  const auto array = AnyArray::allocate(int64, {4, 4}).as<std::int64_t>();
  array.view() = 1;
  const at::Tensor row = at::fromDLPack(array.to_dlpack())[2];
  const AnyArray back = from_dlpack(at::toDLPack(row));
  EXPECT_TRUE(back.shared());
  EXPECT_EQ(back.state()->data, reinterpret_cast<std::byte*>(array.data() + 8));
}

}  // namespace
}  // namespace py4cpp::test
