// call_loop N [blocking]: makes N scalar calls, for programs that look on from outside (strace, perf).
#include "setup.hpp"

#include <cstdlib>
#include <cstring>

int main(int count, char** arguments) {
  using namespace py4cpp::bench;
  const bool blocking = count > 2 && std::strcmp(arguments[2], "blocking") == 0;
  py4cpp::Python python(config(blocking ? Wait::blocking : Wait::spinning));
  for (long i = count > 1 ? std::atol(arguments[1]) : 1000; i > 0; --i) python.call<long>("int", "5");
}
