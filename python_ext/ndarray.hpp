// Arrays between numpy and the wire. An array in a block becomes an ndarray on the same pages; an ndarray, or any view
// of one, whose elements lie in a block that this process knows goes as a descriptor of it; any other is copied once.
// All functions need the GIL and may let other Python threads run.
#pragma once

#include "conversion.hpp"
#include "numpy_api.hpp"
#include "refs.hpp"
#include "wire.hpp"

namespace py4cpp {

// An ndarray for an array just taken from a reader; borrows its block whatever happens. Throws PythonRaised:
// ImportError without numpy, TypeError for bfloat16 without ml_dtypes, ValueError for too many dimensions.
Ref array_from_wire(const ArrayPlace& place, Conversion& conversion);

// Writes an object of exactly numpy's array type; false if its dtype has no wire form. Counts it in conversion.sent.
bool array_to_wire(const Numpy& numpy, PyObject* array, ValueWriter& writer, Conversion& conversion);

// For the Python package. empty(shape, dtype): a new ndarray in shared memory, uninitialised. shared_like(a): the same
// with a's shape, dtype and elements. is_shared(a): whether a is an ndarray whose elements lie in shared memory that
// py4cpp knows. Flags: METH_VARARGS | METH_KEYWORDS, METH_O, METH_O.
PyObject* native_empty(PyObject* module, PyObject* args, PyObject* kwargs) noexcept;
PyObject* native_shared_like(PyObject* module, PyObject* array) noexcept;
PyObject* native_is_shared(PyObject* module, PyObject* array) noexcept;

}  // namespace py4cpp
