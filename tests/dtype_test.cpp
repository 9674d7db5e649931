#include <gtest/gtest.h>
#include <py4cpp/dtype.hpp>

#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <sstream>
#include <string>

namespace py4cpp::test {
namespace {

static_assert(dtype_of<char>.itemsize() == 1);
static_assert(dtype_of<long> == int64 && dtype_of<long long> == int64 && dtype_of<unsigned long> == uint64);
static_assert(dtype_of<const float> == float32 && dtype_of<std::complex<double>> == complex128);
static_assert(dtype_of<std::byte> == uint8 && dtype_of<bool> == boolean && dtype_of<BFloat16> == bfloat16);
static_assert(Element<const Float16> && !Element<volatile int>);
static_assert(!Element<long double> && !Element<wchar_t> && !Element<char8_t> && !Element<char32_t>);
static_assert(!Element<int*> && !Element<std::complex<long double>> && !Element<std::string>);
static_assert(std::is_trivial_v<Float16> && sizeof(Float16) == 2 && std::is_trivial_v<BFloat16>);

TEST(DType, HasNumpysNamesAndSizes) {
  std::set<std::string_view> names;
  for (std::uint8_t code = 0; code < DType::count; ++code) {
    const auto dtype = DType::from_code(code);
    ASSERT_TRUE(dtype.has_value());
    EXPECT_EQ(DType::from_name(dtype->name()), dtype);
    names.insert(dtype->name());
  }
  EXPECT_EQ(names.size(), DType::count);
  EXPECT_EQ(boolean.name(), "bool");
  EXPECT_EQ(uint16.name(), "uint16");
  EXPECT_EQ(complex128.itemsize(), 16u);
  EXPECT_EQ(bfloat16.itemsize(), 2u);
  std::ostringstream out;
  out << bfloat16;
  EXPECT_EQ(out.str() + to_string(int8), "bfloat16int8");
  EXPECT_EQ(DType::from_name("float128"), std::nullopt);
  EXPECT_EQ(DType::from_name(""), std::nullopt);
  EXPECT_EQ(DType::from_code(DType::count), std::nullopt);
}

TEST(DType, IsCompatibleWithTypesOfItsSizeAndKind) {
  EXPECT_TRUE(compatible<char>(int8) && compatible<char>(uint8));
  EXPECT_FALSE(compatible<char>(boolean) || compatible<signed char>(uint8) || compatible<unsigned char>(int8));
  EXPECT_TRUE(compatible<std::byte>(boolean) && compatible<const std::byte>(int8) && compatible<std::byte>(uint8));
  EXPECT_FALSE(compatible<std::byte>(int16));
  EXPECT_TRUE(compatible<bool>(boolean));
  EXPECT_FALSE(compatible<bool>(uint8));
  EXPECT_TRUE(compatible<long>(int64) && compatible<long long>(int64));
  EXPECT_FALSE(compatible<float>(float16) || compatible<Float16>(bfloat16) || compatible<std::uint16_t>(float16));
}

TEST(Float16, EveryValueSurvivesTheWayThroughFloat) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const auto half = Float16::from_bits(static_cast<std::uint16_t>(bits));
    EXPECT_EQ(Float16(static_cast<float>(half)).bits, bits);
    const auto brain = BFloat16::from_bits(static_cast<std::uint16_t>(bits));
    EXPECT_EQ(BFloat16(static_cast<float>(brain)).bits, bits);
  }
}

TEST(Float16, KnownValues) {
  EXPECT_EQ(Float16(1.0f).bits, 0x3c00);
  EXPECT_EQ(Float16(-2.0f).bits, 0xc000);
  EXPECT_EQ(Float16(65504.0f).bits, 0x7bff);
  EXPECT_EQ(Float16(65519.996f).bits, 0x7bff);
  EXPECT_EQ(Float16(65520.0f).bits, 0x7c00);  // half way to 2^16 rounds to even, which is infinity
  EXPECT_EQ(Float16(1e30f).bits, 0x7c00);
  EXPECT_EQ(Float16(-std::numeric_limits<float>::infinity()).bits, 0xfc00);
  EXPECT_EQ(Float16(std::ldexp(1.0f, -24)).bits, 1);
  EXPECT_EQ(Float16(std::ldexp(1.0f, -25)).bits, 0);  // half of the smallest ties to even, zero
  EXPECT_EQ(Float16(std::ldexp(1.5f, -25)).bits, 1);
  EXPECT_EQ(Float16(-0.0f).bits, 0x8000);
  EXPECT_TRUE(std::isnan(static_cast<float>(Float16(std::numeric_limits<float>::quiet_NaN()))));
  EXPECT_FALSE(Float16(std::nanf("")) == Float16(std::nanf("")));
  EXPECT_TRUE(Float16(0.0f) == Float16(-0.0f));
  EXPECT_EQ(BFloat16(1.0f).bits, 0x3f80);
  EXPECT_EQ(BFloat16(std::numeric_limits<float>::max()).bits, 0x7f80);
  EXPECT_EQ(BFloat16(std::bit_cast<float>(0x3f808000u)).bits, 0x3f80);  // ties to even
  EXPECT_EQ(BFloat16(std::bit_cast<float>(0x3f818000u)).bits, 0x3f82);
  EXPECT_TRUE(std::isnan(static_cast<float>(BFloat16(std::bit_cast<float>(0x7f800001u)))));
}

// No neighbour is nearer, and of two equally near ones the even one was taken.
template <class Small>
void expect_nearest(std::uint32_t float_bits) {
  const auto exact = std::bit_cast<float>(float_bits);
  if (!std::isfinite(exact)) return;
  const Small rounded(exact);
  const auto value = static_cast<double>(static_cast<float>(rounded));
  if (!std::isfinite(value)) return;
  for (const int step : {-1, 1}) {
    const auto neighbour = Small::from_bits(static_cast<std::uint16_t>(rounded.bits + step));
    const auto other = static_cast<double>(static_cast<float>(neighbour));
    if (!std::isfinite(other) || std::signbit(other) != std::signbit(value)) continue;
    const double distance = std::abs(value - static_cast<double>(exact));
    const double others = std::abs(other - static_cast<double>(exact));
    EXPECT_LE(distance, others) << exact;
    const bool tie = distance == others && value != other;
    EXPECT_TRUE(!tie || (rounded.bits & 1) == 0) << exact;
  }
}

TEST(Float16, RoundsToNearestEven) {
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i) {
    const auto bits = static_cast<std::uint32_t>(random());
    expect_nearest<BFloat16>(bits);
    // Exponents that a half has, and a bit more.
    expect_nearest<Float16>((bits & 0x807fffffu) | ((100u + bits % 45u) << 23));
    // Around ties.
    expect_nearest<Float16>((bits & 0xffffe000u) | 0x1000u);
    expect_nearest<BFloat16>((bits & 0xffff0000u) | 0x8000u);
  }
}

}  // namespace
}  // namespace py4cpp::test
