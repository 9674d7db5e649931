#include <py4cpp/array.hpp>
#include <py4cpp/dlpack.hpp>
#include <py4cpp/error.hpp>

#include <gtest/gtest.h>

#include "arena.hpp"

namespace py4cpp::test {
namespace {

Array<float> counted() {
  auto array = AnyArray::allocate(float32, {3, 4}).as<float>();
  for (std::size_t i = 0; i < 12; ++i) array.data()[i] = static_cast<float>(i);
  return array;
}

TEST(Dlpack, ThereAndBackIsTheSameSharedMemory) {
  auto array = counted();
  const auto* start = array.data();
  DLManagedTensor* tensor = array.to_dlpack();
  EXPECT_EQ(tensor->dl_tensor.ndim, 2);
  EXPECT_EQ(tensor->dl_tensor.shape[1], 4);
  EXPECT_EQ(tensor->dl_tensor.strides[0], 4);
  EXPECT_EQ(tensor->dl_tensor.dtype.code, kDLFloat);
  EXPECT_EQ(tensor->dl_tensor.dtype.bits, 32);
  array = Array<float>();  // the tensor keeps the elements
  const auto back = from_dlpack(tensor).as<float>();
  EXPECT_EQ(back.data(), start);
  EXPECT_TRUE(back.shared());
  EXPECT_EQ(back, counted());
}

TEST(Dlpack, EveryDtype) {
  for (const DType dtype : {boolean, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float16, float32,
                            float64, bfloat16, complex64, complex128}) {
    const AnyArray back = from_dlpack(AnyArray::allocate(dtype, {2, 0, 3}).to_dlpack());
    EXPECT_EQ(back.dtype(), dtype);
    EXPECT_EQ(back.shape(), (Shape{2, 0, 3}));
  }
}

// A tensor of somebody else's, with a view's strides and offset.
struct Foreign {
  float elements[6] = {0, 1, 2, 3, 4, 5};
  std::int64_t shape[2] = {3, 2}, strides[2] = {1, 3};
  int* deleted = nullptr;
  DLManagedTensor tensor{};

  explicit Foreign(int& deletions) : deleted(&deletions) {
    tensor.dl_tensor = {elements, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, strides, 0};
    tensor.manager_ctx = this;
    tensor.deleter = [](DLManagedTensor* self) { ++*static_cast<Foreign*>(self->manager_ctx)->deleted; };
  }
};

TEST(Dlpack, SomebodyElsesMemoryIsKeptUntilTheLastHandleGoes) {
  int deletions = 0;
  Foreign foreign(deletions);
  {
    const auto array = from_dlpack(&foreign.tensor).as<float>();
    EXPECT_FALSE(array.shared());
    EXPECT_EQ(array.view()(2, 1), 5.f);
    EXPECT_EQ(array.view()(0, 1), 3.f);
    const auto copy = array;
    EXPECT_EQ(deletions, 0);
  }
  EXPECT_EQ(deletions, 1);
}

TEST(Dlpack, MemoryOfOurArenaInAForeignTensorIsShared) {
  int deletions = 0;
  const auto array = counted();
  Foreign foreign(deletions);
  foreign.tensor.dl_tensor.data = array.data();
  foreign.tensor.dl_tensor.byte_offset = 4;
  foreign.tensor.dl_tensor.strides = nullptr;
  const auto same = from_dlpack(&foreign.tensor).as<float>();
  EXPECT_TRUE(same.shared());
  EXPECT_EQ(same.view()(0, 0), 1.f);
}

TEST(Dlpack, RefusesWhatItCannotHold) {
  int deletions = 0;
  Foreign foreign(deletions);
  const auto refused = [&] {
    EXPECT_THROW(from_dlpack(&foreign.tensor), Error);
    foreign = Foreign(deletions);
  };
  foreign.tensor.dl_tensor.device.device_type = kDLCUDA;
  refused();
  foreign.tensor.dl_tensor.dtype.lanes = 4;
  refused();
  foreign.tensor.dl_tensor.dtype = {kDLFloat, 8, 1};
  refused();
  EXPECT_THROW(from_dlpack(nullptr), Error);
  EXPECT_EQ(deletions, 0);
  EXPECT_THROW(counted().any().read_only().to_dlpack(), Error);
}

}  // namespace
}  // namespace py4cpp::test
