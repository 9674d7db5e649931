#include <py4cpp/array.hpp>
#include <py4cpp/arrow.hpp>
#include <py4cpp/error.hpp>

#include <gtest/gtest.h>

namespace py4cpp::test {
namespace {

TEST(Arrow, ThereAndBackIsTheSameSharedMemory) {
  for (const DType dtype : {int8, int16, int32, int64, uint8, uint16, uint32, uint64, float16, float32, float64}) {
    const AnyArray array = AnyArray::allocate(dtype, {5});
    ArrowArray out;
    ArrowSchema schema;
    to_arrow(array, &out, &schema);
    EXPECT_EQ(out.length, 5);
    EXPECT_EQ(out.buffers[1], array.state()->data);
    const AnyArray back = from_arrow(&out, &schema);
    EXPECT_EQ(out.release, nullptr) << "moved from";
    schema.release(&schema);
    EXPECT_EQ(back.dtype(), dtype);
    EXPECT_EQ(back.state()->data, array.state()->data);
    EXPECT_TRUE(back.shared());
    EXPECT_FALSE(back.writable());
  }
}

// An array of somebody else's.
struct Foreign {
  std::int32_t elements[4] = {1, 2, 3, 4};
  const void* buffers[2] = {nullptr, elements};
  int released = 0;
  ArrowArray array{};
  ArrowSchema schema{};

  Foreign() {
    array = {3,
             0,
             1,
             2,
             0,
             buffers,
             nullptr,
             nullptr,
             [](ArrowArray* self) {
               ++static_cast<Foreign*>(self->private_data)->released;
               self->release = nullptr;
             },
             this};
    schema = {"i", "", nullptr, 0, 0, nullptr, nullptr, [](ArrowSchema*) {}, nullptr};
  }
};

TEST(Arrow, OffsetsCountAndTheElementsAreKept) {
  Foreign foreign;
  {
    const auto array = from_arrow(&foreign.array, &foreign.schema).as<const std::int32_t>();
    EXPECT_EQ(array.shape(), Shape{3});
    EXPECT_EQ(array.view()(0), 2);
    EXPECT_EQ(foreign.released, 0);
  }
  EXPECT_EQ(foreign.released, 1);
}

TEST(Arrow, RefusesWhatItCannotHold) {
  Foreign foreign;
  const auto refused = [&] { EXPECT_THROW(from_arrow(&foreign.array, &foreign.schema), Error); };
  foreign.schema.format = "b";
  refused();
  foreign.schema.format = "i";
  foreign.array.null_count = 1;
  refused();
  foreign.array.null_count = 0;
  foreign.array.n_buffers = 3;
  refused();
  foreign.array.release = nullptr;
  refused();
  EXPECT_EQ(foreign.released, 0);
  ArrowArray out;
  ArrowSchema schema;
  EXPECT_THROW(to_arrow(AnyArray::allocate(boolean, {3}), &out, &schema), Error);
  EXPECT_THROW(to_arrow(AnyArray::allocate(int8, {3, 3}), &out, &schema), Error);
}

}  // namespace
}  // namespace py4cpp::test
