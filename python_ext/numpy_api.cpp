#include "numpy_api.hpp"

#include "interrupt.hpp"

#include <array>
#include <bit>
#include <string>
#include <string_view>
#include <utility>

namespace py4cpp {

namespace {

static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(std::intptr_t) == 8 && sizeof(long) == 8);
// As numpy lays them out on every 64-bit machine.
static_assert(offsetof(ArrayFields, data) == 16 && offsetof(ArrayFields, nd) == 24);
static_assert(offsetof(ArrayFields, dimensions) == 32 && offsetof(ArrayFields, strides) == 40);
static_assert(offsetof(ArrayFields, base) == 48 && offsetof(ArrayFields, descr) == 56);
static_assert(offsetof(ArrayFields, flags) == 64);
static_assert(offsetof(DescrFields, typeobj) == 16 && offsetof(DescrFields, byteorder) == 26);
static_assert(offsetof(DescrFields, type_num) == 28);

// Indices in the table of _ARRAY_API: these are the same in numpy 1 and 2, unlike those of the copying functions.
constexpr std::size_t api_get_version = 0;
constexpr std::size_t api_array_type = 2;
constexpr std::size_t api_generic_type = 10;
constexpr std::size_t api_descr_from_type = 45;
constexpr std::size_t api_new_from_descr = 94;
constexpr std::size_t api_get_feature_version = 211;
constexpr std::size_t api_set_base_object = 282;
constexpr std::size_t api_set_memory_handler = 304;
constexpr std::size_t api_default_memory_handler = 306;

constexpr unsigned has_memory_handlers = 0xf;  // feature version of numpy 1.22

// numpy's type numbers.
enum TypeNumber : int {
  type_bool,
  type_byte,
  type_ubyte,
  type_short,
  type_ushort,
  type_int,
  type_uint,
  type_long,
  type_ulong,
  type_longlong,
  type_ulonglong,
  type_float,
  type_double,
  type_longdouble,
  type_cfloat,
  type_cdouble,
  type_clongdouble,
  type_object,
  type_string,
  type_unicode,
  type_void,
  type_datetime,
  type_timedelta,
  type_half,
  type_first_of_users = 256
};

constexpr int flag_c_contiguous = 0x1;
constexpr int flag_aligned = 0x100;
constexpr int flag_writable = 0x400;

// The types that travel; the first with a dtype is the one made for it.
struct KnownType {
  int number;
  DType dtype;
};
constexpr std::array<KnownType, 16> known_types{{{type_double, float64},
                                                 {type_float, float32},
                                                 {type_long, int64},
                                                 {type_int, int32},
                                                 {type_ubyte, uint8},
                                                 {type_bool, boolean},
                                                 {type_byte, int8},
                                                 {type_short, int16},
                                                 {type_ushort, uint16},
                                                 {type_uint, uint32},
                                                 {type_ulong, uint64},
                                                 {type_half, float16},
                                                 {type_cfloat, complex64},
                                                 {type_cdouble, complex128},
                                                 {type_longlong, int64},
                                                 {type_ulonglong, uint64}}};

const DescrFields& descr_fields(PyObject* descr) { return *reinterpret_cast<const DescrFields*>(descr); }

template <class Function>
void take(void** table, std::size_t index, Function& into) {
  into = reinterpret_cast<Function>(table[index]);
}

// A module that is already imported; null if it isn't.
Ref imported(PyObject* name) {
  Ref module = Ref::steal(PyImport_GetModule(name));
  if (!module && PyErr_Occurred() != nullptr) throw PythonRaised{};
  return module;
}

Ref imported(const char* name) { return imported(checked(PyUnicode_FromString(name)).get()); }

// The module that has numpy's C API, if it is imported and complete. Asked for every handle until then.
Ref core_module() {
  static PyObject* const names[] = {PyUnicode_InternFromString("numpy._core._multiarray_umath"),
                                    PyUnicode_InternFromString("numpy.core._multiarray_umath")};
  for (PyObject* name : names) {
    if (name == nullptr) continue;
    Ref module = imported(name);
    if (module && PyObject_HasAttrString(module.get(), "_ARRAY_API") == 1) return module;
  }
  return nullptr;
}

// Replaces an ImportError by one that names the interpreter and says what to do; the first is its cause.
[[noreturn]] void explain_missing_numpy() {
  if (PyErr_ExceptionMatches(PyExc_ImportError) == 0) throw PythonRaised{};
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  const Ref owned_type = Ref::steal(type), owned_traceback = Ref::steal(traceback);
  Ref cause = Ref::steal(value);
  PyErr_Format(PyExc_ImportError,
               "arrays need numpy, which %R can't import (%S): install numpy for this interpreter, or choose another "
               "one with Config::python or PY4CPP_PYTHON",
               PySys_GetObject("executable"), cause.get());
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (value != nullptr && cause) PyException_SetCause(value, cause.release());
  PyErr_Restore(type, value, traceback);
  throw PythonRaised{};
}

const Numpy* loaded = nullptr;  // with the GIL as its lock: a C++ guard could wait for a thread that needs it
void (*found_action)(const Numpy&) = nullptr;

}  // namespace

bool Numpy::is_part(PyObject* module_name) noexcept {
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(module_name, &size);
  if (text == nullptr) {
    PyErr_Clear();
    return false;
  }
  const std::string_view name(text, static_cast<std::size_t>(size));
  return name == "numpy" || name.starts_with("numpy.");
}

const Numpy& Numpy::get() {
  if (loaded != nullptr) return *loaded;
  const HeldInterrupts whole;
  const Ref numpy = Ref::steal(PyImport_ImportModule("numpy"));
  if (!numpy) explain_missing_numpy();
  if (if_imported() == nullptr) {
    raise_python(PyExc_ImportError, "this numpy has no C API: its module _multiarray_umath lacks _ARRAY_API");
  }
  return *loaded;
}

const Numpy* Numpy::if_imported() {
  if (loaded != nullptr) return loaded;
  Ref core = core_module();
  if (!core) return nullptr;
  Ref numpy = imported("numpy");
  if (!numpy) return nullptr;
  const auto* made = new Numpy(std::move(core));  // for good: arrays may come until the interpreter ends
  if (loaded != nullptr) return loaded;           // making it let other threads run
  loaded = made;
  if (found_action != nullptr) found_action(*loaded);
  return loaded;
}

void Numpy::on_found(void (*action)(const Numpy&)) noexcept { found_action = action; }

Numpy::Numpy(Ref core) {
  module_ = imported("numpy");
  find_entry_points(core.get());
  check_struct_fields();
  list_scalars();
}

void Numpy::find_entry_points(PyObject* core) {
  const Ref capsule = attribute(core, "_ARRAY_API");
  auto** table = static_cast<void**>(PyCapsule_GetPointer(capsule.get(), nullptr));
  if (table == nullptr) throw PythonRaised{};
  GetVersion get_version = nullptr, get_feature_version = nullptr;
  take(table, api_get_version, get_version);
  const unsigned major = get_version() >> 24;
  if (major != 1 && major != 2) {
    raise_python(PyExc_ImportError, "py4cpp knows numpy 1 and 2, not " + std::to_string(major));
  }
  max_dimensions_ = major == 1 ? 32 : 64;
  take(table, api_array_type, array_type_);
  take(table, api_generic_type, generic_type_);
  take(table, api_descr_from_type, descr_from_type_);
  take(table, api_new_from_descr, new_from_descr_);
  take(table, api_set_base_object, set_base_object_);
  take(table, api_get_feature_version, get_feature_version);
  if (get_feature_version() >= has_memory_handlers) {
    memory_handling_.emplace();
    take(table, api_set_memory_handler, memory_handling_->set_handler);
    memory_handling_->default_handler = *static_cast<PyObject**>(table[api_default_memory_handler]);
  }
}

// Reads an array of known shape through our structs.
void Numpy::check_struct_fields() const {
  const Ref array = empty(float32, {2, 3});
  const ArrayFields& seen = fields(array.get());
  const bool shape_fits = seen.nd == 2 && seen.dimensions[0] == 2 && seen.dimensions[1] == 3;
  const bool rest_fits = shape_fits && seen.strides[0] == 12 && seen.strides[1] == 4 && seen.base == nullptr &&
                         (seen.flags & flag_c_contiguous) != 0 && (seen.flags & flag_writable) != 0 &&
                         descr_fields(seen.descr).type_num == type_float && descr_fields(seen.descr).kind == 'f';
  if (!rest_fits) raise_python(PyExc_ImportError, "py4cpp doesn't know how this version of numpy lays out its arrays");
}

void Numpy::list_scalars() {
  const auto add = [this](int number, Scalar kind) {
    const Ref descr = checked(descr_from_type_(number));
    scalars_.push_back({descr_fields(descr.get()).typeobj, kind});
  };
  add(type_double, Scalar::floating);
  add(type_long, Scalar::integer);
  add(type_bool, Scalar::truth);
  for (const int number : {type_float, type_half}) add(number, Scalar::floating);
  for (int number = type_byte; number <= type_ulonglong; ++number) {
    if (number != type_long) add(number, Scalar::integer);
  }
  for (const int number : {type_cfloat, type_cdouble}) add(number, Scalar::complex);
  add(type_string, Scalar::bytes);
  add(type_unicode, Scalar::string);
}

std::optional<Numpy::Scalar> Numpy::scalar_kind(PyObject* object) const {
  if (!PyObject_TypeCheck(object, generic_type_)) return std::nullopt;
  for (const ScalarType& scalar : scalars_) {
    if (Py_TYPE(object) == scalar.type) return scalar.kind;
  }
  const Ref user_type = bfloat16_type(false);
  if (user_type && user_type.get() == reinterpret_cast<PyObject*>(Py_TYPE(object))) return Scalar::floating;
  return std::nullopt;
}

std::optional<DType> Numpy::dtype_of(PyObject* descr) const {
  const DescrFields& seen = descr_fields(descr);
  if (seen.byteorder == '>') return std::nullopt;
  for (const KnownType& known : known_types) {
    if (known.number == seen.type_num) return known.dtype;
  }
  if (seen.type_num < type_first_of_users) return std::nullopt;
  const Ref type = bfloat16_type(false);
  if (type && type.get() == reinterpret_cast<PyObject*>(seen.typeobj)) return bfloat16;
  return std::nullopt;
}

Ref Numpy::bfloat16_type(bool import) const {
  const Ref module = import ? Ref::steal(PyImport_ImportModule("ml_dtypes")) : imported("ml_dtypes");
  if (!module && PyErr_Occurred() != nullptr && PyErr_ExceptionMatches(PyExc_ImportError) == 0) throw PythonRaised{};
  PyErr_Clear();
  if (!module) return nullptr;
  Ref type = Ref::steal(PyObject_GetAttrString(module.get(), "bfloat16"));
  if (!type) PyErr_Clear();  // still being imported
  return type;
}

Ref Numpy::bfloat16_descr() const {
  const Ref type = bfloat16_type(true);
  if (!type) {
    raise_python(PyExc_TypeError,
                 "bfloat16 arrays need the Python package ml_dtypes, which can't be imported: install it, or view the "
                 "array as uint16 before it is passed");
  }
  return descr_of(type.get());
}

Ref Numpy::descr(DType dtype) const {
  for (const KnownType& known : known_types) {
    if (known.dtype == dtype) return checked(descr_from_type_(known.number));
  }
  return bfloat16_descr();
}

Ref Numpy::descr_of(PyObject* anything) const {
  const Ref function = attribute(module_.get(), "dtype");
  return checked(PyObject_CallFunctionObjArgs(function.get(), anything, nullptr));
}

Ref Numpy::as_array(PyObject* anything) const {
  const Ref function = attribute(module_.get(), "asarray");
  return checked(PyObject_CallFunctionObjArgs(function.get(), anything, nullptr));
}

void Numpy::check_dimensions(std::size_t count) const {
  if (count <= max_dimensions_) return;
  raise_python(PyExc_ValueError, "an array of " + std::to_string(count) + " dimensions: this numpy allows " +
                                     std::to_string(max_dimensions_));
}

// No extent is larger than what numpy counts with: that isn't possible on the wire, nor as an extent in Python.
Ref Numpy::new_array(Ref descr, const Shape& shape, const std::intptr_t* strides, std::byte* data, int flags) const {
  const auto* extents = reinterpret_cast<const std::intptr_t*>(shape.data());
  return checked(new_from_descr_(array_type_, descr.release(), static_cast<int>(shape.size()), extents, strides, data,
                                 flags, nullptr));
}

Ref Numpy::view(const Layout& layout, std::byte* data, bool writable, Ref base) const {
  check_dimensions(layout.shape.size());
  const auto itemsize = static_cast<std::intptr_t>(layout.dtype.itemsize());
  std::array<std::intptr_t, Layout::max_dimensions> strides;
  for (std::size_t i = 0; i < layout.strides.size(); ++i) {
    // Only a stride that is never taken, of an extent of 1 or an array without elements, may be too large.
    if (__builtin_mul_overflow(layout.strides[i], itemsize, &strides[i])) strides[i] = itemsize;
  }
  Ref array = new_array(descr(layout.dtype), layout.shape, strides.data(), data, writable ? flag_writable : 0);
  checked(set_base_object_(array.get(), base.release()));
  return array;
}

Ref Numpy::empty(DType dtype, const Shape& shape) const {
  check_dimensions(shape.size());
  return new_array(descr(dtype), shape, nullptr, nullptr, 0);
}

bool Numpy::is_writable(const ArrayFields& array) noexcept { return (array.flags & flag_writable) != 0; }

void Numpy::make_read_only(PyObject* array) noexcept { reinterpret_cast<ArrayFields*>(array)->flags &= ~flag_writable; }

void Numpy::copy_elements(PyObject* array, const Layout& row_major, std::byte* to) const {
  const std::size_t size = row_major.nbytes();
  if (size == 0) return;
  const ArrayFields& from = fields(array);
  if ((from.flags & flag_c_contiguous) == 0) {
    const Ref target = new_array(descr(row_major.dtype), row_major.shape, nullptr, to,
                                 flag_writable | flag_c_contiguous | flag_aligned);
    const Ref copyto = attribute(module_.get(), "copyto");
    checked(PyObject_CallFunctionObjArgs(copyto.get(), target.get(), array, nullptr));
  } else {
    const Ref held = Ref::borrow(array);
    copy_memory(to, from.data, size);
  }
}

}  // namespace py4cpp
