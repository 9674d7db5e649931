// Python objects to wire values. The GIL is held at the call, but other Python threads may run meanwhile (numpy lets go
// of it while it copies), so a writer belongs to one call, not to one session.
#pragma once

#include "conversion.hpp"
#include "refs.hpp"
#include "wire.hpp"

namespace py4cpp {

// Appends the object: by value if its exact type has a wire form (wire::Kind), else as a handle, which adds it to
// `conversion.objects` and to writer.objects(). Containers are written with what they hold, without recursion; one that
// contains itself is a handle in its own inside. Throws PythonRaised (no memory, too large for one message, changed by
// another thread meanwhile); the writer then holds part of the value: take_back() it.
void to_wire(PyObject* object, ValueWriter& writer, Conversion& conversion);

// The written values will not be sent: drops the handles that were made for them and empties the writer. Leaves a set
// Python error alone.
void take_back(ValueWriter& writer, Conversion& conversion) noexcept;

}  // namespace py4cpp
