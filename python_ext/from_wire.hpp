// Wire values to Python objects. The GIL is held; other Python threads may run meanwhile (hashing keys is user code).
#pragma once

#include "conversion.hpp"
#include "refs.hpp"
#include "wire.hpp"

namespace py4cpp {

// The next value with all its children, as a new reference. Deep nesting costs no stack. Whatever happens, the value is
// taken off the reader and what it carried is accounted for: blocks are borrowed or given back, callables held or
// dropped. Throws PythonRaised (an unhashable set element, an unknown object, no numpy, no memory) and, for what a sane
// host never sends, BadMessage or Error(bug).
Ref from_wire(ValueReader& reader, Conversion& conversion);

// Takes every value that is left without making objects, giving back what they carry: for the rest of a message after
// an error, and for messages nobody wants. Leaves a set Python error alone.
void discard_rest(ValueReader& reader, Conversion& conversion) noexcept;

// What a reader has left when a request or an answer is over is given back, whatever happened.
class RestGivenBack {
 public:
  RestGivenBack(ValueReader& reader, Conversion& conversion) : reader_(reader), conversion_(conversion) {}
  ~RestGivenBack() {
    if (!reader_.done()) discard_rest(reader_, conversion_);
  }
  RestGivenBack(const RestGivenBack&) = delete;
  RestGivenBack& operator=(const RestGivenBack&) = delete;

 private:
  ValueReader& reader_;
  Conversion& conversion_;
};

}  // namespace py4cpp
