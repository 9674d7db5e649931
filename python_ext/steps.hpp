// Running the steps of a request: a chain over one current object (schemas/wire.fbs, Op). Needs the GIL.
#pragma once

#include "code_cache.hpp"
#include "conversion.hpp"
#include "names.hpp"
#include "refs.hpp"
#include "wire.hpp"

namespace py4cpp {

class Steps {
 public:
  // The result of the last step. Throws PythonRaised, and BadMessage for what is no request; values may be left on the
  // reader then.
  Ref run(const wire::Request& request, ValueReader& values, Conversion& conversion);

 private:
  class Run;

  Names names_;
  CodeCache code_;
};

}  // namespace py4cpp
