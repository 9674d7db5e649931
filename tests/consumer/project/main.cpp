// Prints where the worker found its package, and shows that a call and an array arrive.
#include <iostream>
#include <py4cpp/py4cpp.hpp>

int main() {
  py4cpp::Python py;
  std::cout << py.eval<std::string>("__import__('py4cpp').__file__") << '\n';
  const auto sum = py.call<double>("numpy.sum", xt::xarray<double>{{1, 2}, {3, 4}});
  return py.eval<int>("1 + 1") == 2 && sum == 10 ? 0 : 1;
}
