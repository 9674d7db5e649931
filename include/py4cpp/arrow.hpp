// Arrays of one dimension to and from Arrow's C data interface
// (https://arrow.apache.org/docs/format/CDataInterface.html), without a copy: primitive types, no nulls.
#pragma once

#include <py4cpp/any_array.hpp>

#include <cstdint>

// As the specification has them, for whoever includes no Arrow header.
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  std::int64_t flags;
  std::int64_t n_children;
  ArrowSchema** children;
  ArrowSchema* dictionary;
  void (*release)(ArrowSchema*);
  void* private_data;
};

struct ArrowArray {
  std::int64_t length;
  std::int64_t null_count;
  std::int64_t offset;
  std::int64_t n_buffers;
  std::int64_t n_children;
  const void** buffers;
  ArrowArray** children;
  ArrowArray* dictionary;
  void (*release)(ArrowArray*);
  void* private_data;
};

#endif  // ARROW_C_DATA_INTERFACE

namespace py4cpp {

// A read-only array on the elements. Takes over `array`, which is then released; `schema` is only read. Throws
// Error(invalid), and takes nothing, for another type than integers and floats, for nulls, and for a released struct.
AnyArray from_arrow(ArrowArray* array, const ArrowSchema* schema);

// Fills both structs; whoever takes them calls release() of each, and the elements live until then. Throws
// Error(invalid) unless the array is contiguous, of one dimension, and of integers or floats.
void to_arrow(const AnyArray& array, ArrowArray* out, ArrowSchema* schema);

}  // namespace py4cpp
