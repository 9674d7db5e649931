// numpy without its headers: entry points from its C-API capsule, found at run time, and the few struct fields that
// have been the same from numpy 1.7 to 2.x, checked when it is loaded. One file serves numpy 1.22 to 2.x, and nothing
// here imports numpy before an array is needed. All functions need the GIL.
#pragma once

#include "refs.hpp"

#include <py4cpp/layout.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace py4cpp {

// The first fields of PyArrayObject_fields.
struct ArrayFields {
  PyObject head;
  std::byte* data;
  int nd;
  std::intptr_t* dimensions;
  std::intptr_t* strides;  // in bytes
  PyObject* base;
  PyObject* descr;
  int flags;
};

// The first fields of PyArray_Descr.
struct DescrFields {
  PyObject head;
  PyTypeObject* typeobj;
  char kind, type, byteorder, former_flags;
  int type_num;
};

class Numpy {
 public:
  enum class Scalar { truth, integer, floating, complex, bytes, string };

  // Imports numpy, the whole of it: interrupts wait, since after half an import there can't be another one. Throws
  // PythonRaised: an ImportError that says what to do where there is none.
  static const Numpy& get();
  // Whether a module of this name, a str, is numpy or belongs to it.
  static bool is_part(PyObject* module_name) noexcept;
  // Null as long as nobody has imported numpy. Throws PythonRaised only if what was imported can't be used.
  static const Numpy* if_imported();
  // Called once, when one of these first finds numpy. Must not throw.
  static void on_found(void (*action)(const Numpy&)) noexcept;

  // How numpy allocates the elements of arrays (NEP 49); nothing before numpy 1.22.
  struct MemoryHandling {
    PyObject* (*set_handler)(PyObject* capsule);  // returns the former one; null is the default
    PyObject* default_handler;                    // a capsule
  };
  std::optional<MemoryHandling> memory_handling() const noexcept { return memory_handling_; }

  bool is_exact_array(PyObject* object) const noexcept { return Py_TYPE(object) == array_type_; }
  bool is_array(PyObject* object) const noexcept { return PyObject_TypeCheck(object, array_type_); }
  static const ArrayFields& fields(PyObject* array) noexcept { return *reinterpret_cast<const ArrayFields*>(array); }

  // The kind of a numpy scalar whose exact type has a C++ form.
  std::optional<Scalar> scalar_kind(PyObject* object) const;
  // Of a numpy dtype object: nothing for those that don't travel (object, structured, datetime, text, long double,
  // foreign byte order).
  std::optional<DType> dtype_of(PyObject* descr) const;
  // The numpy dtype object. bfloat16 needs ml_dtypes: TypeError where it can't be imported.
  Ref descr(DType dtype) const;
  Ref descr_of(PyObject* anything) const;  // numpy.dtype(anything)
  Ref as_array(PyObject* anything) const;  // numpy.asarray(anything)

  // An array on memory of ours, kept by `base`. Throws PythonRaised: ValueError for more dimensions than numpy has.
  Ref view(const Layout& layout, std::byte* data, bool writable, Ref base) const;
  // A new array of numpy's, row-major, uninitialised.
  Ref empty(DType dtype, const Shape& shape) const;
  static bool is_writable(const ArrayFields& array) noexcept;
  static void make_read_only(PyObject* array) noexcept;
  // The array's elements, row-major in native byte order. May let other Python threads run meanwhile.
  void copy_elements(PyObject* array, const Layout& row_major, std::byte* to) const;

 private:
  explicit Numpy(Ref core);
  void find_entry_points(PyObject* module);
  void check_struct_fields() const;
  void list_scalars();
  void check_dimensions(std::size_t count) const;
  Ref new_array(Ref descr, const Shape& shape, const std::intptr_t* strides, std::byte* data, int flags) const;
  Ref bfloat16_descr() const;
  Ref bfloat16_type(bool import) const;

  using GetVersion = unsigned (*)();
  using DescrFromType = PyObject* (*)(int);
  using NewFromDescr = PyObject* (*)(PyTypeObject*, PyObject*, int, const std::intptr_t*, const std::intptr_t*, void*,
                                     int, PyObject*);
  using SetBaseObject = int (*)(PyObject*, PyObject*);

  struct ScalarType {
    PyTypeObject* type;
    Scalar kind;
  };

  Ref module_;
  PyTypeObject* array_type_ = nullptr;
  PyTypeObject* generic_type_ = nullptr;  // the root of the scalar types
  std::size_t max_dimensions_ = 32;
  DescrFromType descr_from_type_ = nullptr;
  NewFromDescr new_from_descr_ = nullptr;
  SetBaseObject set_base_object_ = nullptr;
  std::optional<MemoryHandling> memory_handling_;
  std::vector<ScalarType> scalars_;
};

}  // namespace py4cpp
