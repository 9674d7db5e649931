#include <py4cpp/eigen.hpp>
#include <py4cpp/error.hpp>

#include <gtest/gtest.h>

namespace py4cpp::test {
namespace {

TEST(EigenMaps, ReadAndWriteTheSameElements) {
  const auto array = AnyArray::allocate(float64, {2, 3}).as<double>();
  auto map = eigen_map(array);
  map.setZero();
  map(1, 2) = 5;
  EXPECT_EQ(map.rows(), 2);
  EXPECT_EQ(map.cols(), 3);
  EXPECT_EQ(array.view()(1, 2), 5.0);
  EXPECT_EQ((map * map.transpose())(1, 1), 25.0);
  const Array<const double> only(array);
  EXPECT_EQ(eigen_map(only)(1, 2), 5.0);
}

TEST(EigenMaps, VectorsAndStrides) {
  const auto array = AnyArray::allocate(float32, {4, 6}).as<float>();
  array.view() = 0.f;
  array.view()(3, 1) = 2.f;
  ArrayState column = *array.any().state();
  column.layout.shape = {4};
  column.layout.strides = {6};
  column.data += sizeof(float);
  const auto map = eigen_map(AnyArray(std::make_shared<const ArrayState>(column)).as<float>());
  EXPECT_EQ(map.rows(), 4);
  EXPECT_EQ(map.cols(), 1);
  EXPECT_EQ(map(3, 0), 2.f);
  column.layout.strides = {-1};
  EXPECT_THROW(eigen_map(AnyArray(std::make_shared<const ArrayState>(column)).as<float>()), Error);
  EXPECT_THROW(eigen_map(AnyArray::allocate(float32, {1, 1, 1}).as<float>()), Error);
  EXPECT_THROW(eigen_map(array.any().read_only().as<float>()), Error);
}

TEST(EigenMatrices, AreArraysThereAndBack) {
  Eigen::MatrixXd matrix(2, 3);
  matrix << 1, 2, 3, 4, 5, 6;
  const Value value(matrix);
  EXPECT_EQ(value.as<AnyArray>().as<double>().view()(1, 0), 4.0);
  EXPECT_EQ(value.as<Eigen::MatrixXd>(), matrix);
  EXPECT_EQ((value.as<Eigen::Matrix<double, 2, 3>>()), matrix);
  EXPECT_THROW(value.as<Eigen::Matrix2d>(), ConversionError);
  EXPECT_THROW(value.as<Eigen::VectorXd>(), ConversionError);

  const Eigen::RowVector3f row(1, 2, 3);
  EXPECT_EQ(Value(row).as<AnyArray>().shape(), Shape{3});
  EXPECT_EQ(Value(row).as<Eigen::Vector3f>(), row.transpose());
  EXPECT_EQ(Value(row).as<Eigen::RowVector3f>(), row);
  EXPECT_EQ((Value(Eigen::ArrayXXi::Constant(2, 2, 7)).as<Eigen::ArrayXXi>()(1, 1)), 7);
}

}  // namespace
}  // namespace py4cpp::test
