// How a program ends that ran Python code which called sys.exit().
#pragma once

#include <py4cpp/errors.hpp>

namespace py4cpp::cli {

// As Python itself would end: a code that is no number is printed to stderr, and the status is 1.
int exit_status(const errors::SystemExit& exit);

}  // namespace py4cpp::cli
