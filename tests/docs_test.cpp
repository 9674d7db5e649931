// What docs/py4cl.md says is shown by a test is.
#include "source_dir.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace py4cpp::test {
namespace {

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::set<std::string> names_of_tests() {
  std::set<std::string> names;
  const std::regex test("^(?:TYPED_)?TEST(?:_F)?\\((\\w+), (\\w+)\\)");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source_dir() / "tests")) {
    if (entry.path().extension() != ".cpp") continue;
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) {
      if (std::smatch found; std::regex_search(line, found, test)) names.insert(found[1].str() + "." + found[2].str());
    }
  }
  return names;
}

TEST(Docs, EveryTestThatThePy4clTableNamesExists) {
  const std::set<std::string> known = names_of_tests();
  const std::string text = text_of(source_dir() / "docs/py4cl.md");
  const std::regex reference("`([A-Z]\\w+\\.[A-Z]\\w+)`");
  int named = 0;
  for (std::sregex_iterator at(text.begin(), text.end(), reference), end; at != end; ++at) {
    EXPECT_TRUE(known.contains((*at)[1].str())) << (*at)[1].str() << " is no test";
    ++named;
  }
  EXPECT_GT(named, 50);
}

}  // namespace
}  // namespace py4cpp::test
