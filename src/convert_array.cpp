#include <py4cpp/convert_array.hpp>

#include <py4cpp/error.hpp>
#include <py4cpp/object.hpp>

#include <complex>
#include <cstring>
#include <string>

namespace py4cpp::detail {

namespace {

template <class T>
T load(const std::byte* from) noexcept {
  T element;
  std::memcpy(&element, from, sizeof element);
  return element;
}

// What a numpy array that has no counterpart here is, and the call that makes one of it; by its dtype.str.
std::string advice(std::string_view dtype) {
  const std::string name = "array of dtype " + std::string(dtype) + ": ";
  const auto has = [&](std::string_view part) { return dtype.find(part) != std::string_view::npos; };
  if (has("O")) return name + "call .astype('float64'), or .tolist() for a list of its objects";
  if (has("M") || has("m")) return name + "call .view('int64') for its ticks, or .tolist()";
  if (dtype == "<V2" || dtype == "|V2") return name + "if it is bfloat16, call .view('uint16')";
  if (has("V")) return name + "take one field, a['name'], or numpy.lib.recfunctions.structured_to_unstructured(a)";
  if (has("U") || has("S") || has("T")) return name + "call .tolist()";
  if (has(">")) return name + "call .astype(a.dtype.newbyteorder('='))";
  return name + "call .astype('float64')";
}

}  // namespace

Value scalar_at(DType dtype, const std::byte* element) {
  using Code = DType::Code;
  switch (dtype.code()) {
    case Code::boolean:
      return Value::make(load<std::uint8_t>(element) != 0);
    case Code::int8:
      return Value(load<std::int8_t>(element));
    case Code::int16:
      return Value(load<std::int16_t>(element));
    case Code::int32:
      return Value(load<std::int32_t>(element));
    case Code::int64:
      return Value(load<std::int64_t>(element));
    case Code::uint8:
      return Value(load<std::uint8_t>(element));
    case Code::uint16:
      return Value(load<std::uint16_t>(element));
    case Code::uint32:
      return Value(load<std::uint32_t>(element));
    case Code::uint64:
      return Value(load<std::uint64_t>(element));
    case Code::float16:
      return Value(load<Float16>(element));
    case Code::float32:
      return Value(load<float>(element));
    case Code::complex64:
      return Value(load<std::complex<float>>(element));
    case Code::complex128:
      return Value(load<std::complex<double>>(element));
    case Code::bfloat16:
      return Value(load<BFloat16>(element));
    case Code::float64:
      break;
  }
  return Value(load<double>(element));
}

Value scalar_of(const AnyArray& array) { return scalar_at(array.dtype(), array.state()->data); }

Value array_item(const AnyArray& array, std::size_t index) {
  AnyArray item = array.at(index);
  return item.dimension() == 0 ? scalar_of(item) : Value::make(std::move(item));
}

AnyArray array_from(const Value& value) {
  const Local local(value, Kind::array);
  if (const auto* array = local->get_if<AnyArray>()) return *array;
  if (remote_of(*local) != nullptr) {
    const Object& object = *local->get_if<Object>();
    std::string dtype;
    try {
      dtype = object.attr<Object>("dtype").attr<std::string>("str");
    } catch (const PythonError&) {  // no array at all
    }
    if (!dtype.empty()) throw ConversionError("", "an array of numbers", advice(dtype));
    const auto why = call_function<std::string>(object.peer(), "py4cpp._introspect", "why_no_array", object);
    if (!why.empty()) throw ConversionError("", "array", "an object of type " + object.type() + " (" + why + ")");
  }
  throw_mismatch("array", *local);
}

const Sequence* row_of(const Value& value) noexcept {
  if (const List* list = value.get_if<List>()) return list;
  return value.get_if<Tuple>();
}

Shape nested_shape(const Value& value) {
  Shape shape;
  const Value* level = &value;
  while (const Sequence* row = row_of(*level)) {
    if (shape.size() == Layout::max_dimensions) throw_mismatch("array", value);
    shape.push_back(row->size());
    if (row->empty()) break;
    level = &row->front();
  }
  return shape;
}

std::string element_step(const Shape& shape, std::size_t position) {
  std::string path;
  for (std::size_t axis = shape.size(); axis-- > 0; position /= shape[axis]) {
    path.insert(0, index_step(static_cast<std::int64_t>(position % shape[axis])));
  }
  return path;
}

void throw_ragged(std::size_t expected, const Value& found) {
  throw_mismatch("a row of " + std::to_string(expected) + (expected == 1 ? " number" : " numbers"), found);
}

void throw_wrong_dimension(std::size_t expected, const AnyArray& found) {
  throw_mismatch("array of " + std::to_string(expected) + (expected == 1 ? " dimension" : " dimensions"),
                 Value::make(found));
}

void throw_wrong_shape(const Shape& expected, const AnyArray& found) {
  throw_mismatch("array of shape " + shape_text(expected), Value::make(found));
}

}  // namespace py4cpp::detail
