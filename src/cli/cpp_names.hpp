// Python's names as C++ names: snake_case, never a keyword or a macro, each once in its scope.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace py4cpp::cli {

// "LinearRegression" is linear_regression, "RidgeCV" ridge_cv, "copy_X" copy_x.
std::string snake_case(std::string_view name);

// Names of one scope.
class CppNames {
 public:
  explicit CppNames(std::set<std::string> taken = {}) : taken_(std::move(taken)) {}

  // A name for this one: itself in snake_case, with an underscore behind a keyword, a number behind one that is taken.
  std::string add(std::string_view name);

 private:
  std::set<std::string> taken_;
};

// A text as a C++ literal, quotes included.
std::string cpp_literal(std::string_view text);

}  // namespace py4cpp::cli
