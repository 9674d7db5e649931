// Arrays to and from DLPack, the C struct by which libtorch, ONNX Runtime and others hand over tensors. Needs
// <dlpack/dlpack.h> (libdlpack-dev).
//
// The other way, `x.to_dlpack()` of an Array or AnyArray, makes a tensor on the same elements: whoever takes it calls
// its deleter, and the elements live until then. It throws Error(invalid) for a read-only array, since DLPack can't say
// so.
#pragma once

#include <py4cpp/any_array.hpp>

#include <dlpack/dlpack.h>

namespace py4cpp {

// An array on the tensor's elements, which calls its deleter in the end. Elements in this process's shared memory (such
// as those of an Array that went through to_dlpack()) pass to Python without a copy. Throws Error(invalid), and leaves
// the tensor to the caller, if it is on another device than the CPU, has vector elements, or a dtype that isn't here.
AnyArray from_dlpack(DLManagedTensor* tensor);

}  // namespace py4cpp
