// Text and bytes of more than 4 GiB, which no 32-bit count holds, both ways. Needs about 16 GiB of memory, 6 of them in
// /dev/shm, and minutes; so `./run large-tests` runs it, not ctest.
#include "pair/pair_fixture.hpp"

namespace py4cpp::test {

using Large = PairTest;

constexpr std::size_t size = (std::size_t{5} << 30) + 3;
constexpr std::size_t beyond = std::size_t{1} << 32;

TEST_F(Large, TextToPython) {
  std::string text(size, 'x');
  text[beyond] = 'q';
  text.back() = 'z';
  py.exec("def look(s): return len(s), s[-1], s[2**32], s.count('x')");
  const auto [length, last, middle, count] =
      py.call<std::tuple<std::size_t, char, char, std::size_t>>("look", Value(std::move(text)));
  EXPECT_EQ(length, size);
  EXPECT_EQ(last, 'z');
  EXPECT_EQ(middle, 'q');
  EXPECT_EQ(count, size - 2);
}

TEST_F(Large, TextFromPython) {
  const Value text = py.eval("'y' * n + 'é'", "n"_a = size);
  ASSERT_EQ(text.text().size(), size + 2);
  EXPECT_EQ(text.text().find_first_not_of('y'), size);
  EXPECT_EQ(text.text().substr(size), "é");
}

TEST_F(Large, BytesToPython) {
  Bytes bytes(size, std::byte{1});
  bytes[beyond] = std::byte{9};
  EXPECT_TRUE(py.eval<bool>("len(b) == n and b[2**32] == 9 and b.count(1) == n - 1", "b"_a = Value(std::move(bytes)),
                            "n"_a = size));
}

TEST_F(Large, BytesFromPython) {
  const Value value = py.eval("b'z' * n", "n"_a = size);
  const Bytes* bytes = value.get_if<Bytes>();
  ASSERT_NE(bytes, nullptr);
  ASSERT_EQ(bytes->size(), size);
  EXPECT_EQ((*bytes)[beyond], std::byte{'z'});
  EXPECT_EQ(bytes->back(), std::byte{'z'});
}

TEST_F(Large, ArraysBothWays) {
  const Array<std::uint8_t> array = py.array<std::uint8_t>({size});
  array.data()[beyond] = 7;
  array.data()[size - 1] = 8;
  EXPECT_TRUE(py.eval<bool>("a.size == n and a[2**32] == 7 and a[-1] == 8", "a"_a = array, "n"_a = size));
  const auto tail = py.eval<Array<std::uint8_t>>("a[2**32::-2**31]", "a"_a = array);
  EXPECT_EQ(tail.shape(), Shape{3});
  EXPECT_EQ(tail.view()(0), 7);
  EXPECT_EQ(tail.data(), array.data() + beyond);
}

}  // namespace py4cpp::test
