#include <py4cpp/arrow.hpp>

#include "arena.hpp"

#include <py4cpp/error.hpp>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace py4cpp {

namespace {

struct Entry {
  DType dtype;
  const char* format;
};
// Not bool: Arrow packs eight to a byte.
constexpr std::array table{Entry{int8, "c"},    Entry{uint8, "C"},   Entry{int16, "s"},  Entry{uint16, "S"},
                           Entry{int32, "i"},   Entry{uint32, "I"},  Entry{int64, "l"},  Entry{uint64, "L"},
                           Entry{float16, "e"}, Entry{float32, "f"}, Entry{float64, "g"}};

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorKind::invalid, what); }

DType dtype_from(const char* format) {
  for (const Entry& entry : table) {
    if (std::string_view(entry.format) == format) return entry.dtype;
  }
  refuse(std::string("an Arrow array of a type that arrays don't have: '") + format + "'");
}

const char* format_of(DType dtype) {
  for (const Entry& entry : table) {
    if (entry.dtype == dtype) return entry.format;
  }
  refuse("Arrow has no plain type for " + std::string(dtype.name()));
}

void check(const ArrowArray* array, const ArrowSchema* schema) {
  if (array == nullptr || schema == nullptr || array->release == nullptr || schema->release == nullptr) {
    refuse("an Arrow array that has been released");
  }
  if (array->n_buffers != 2 || array->n_children != 0 || array->dictionary != nullptr) {
    refuse("an Arrow array that isn't one of plain numbers");
  }
  if (array->null_count > 0 || (array->null_count < 0 && array->buffers[0] != nullptr)) {
    refuse("an Arrow array with nulls: fill them first");
  }
  if (array->length < 0 || array->offset < 0) refuse("an Arrow array of negative length");
}

// An array that was taken over.
struct OwnedArray {
  ArrowArray array{};

  OwnedArray() = default;
  OwnedArray(const OwnedArray&) = delete;
  OwnedArray& operator=(const OwnedArray&) = delete;
  ~OwnedArray() {
    if (array.release != nullptr) array.release(&array);
  }
};

// What an exported array points to.
struct Exported {
  AnyArray array;
  std::array<const void*, 2> buffers{};
};

}  // namespace

AnyArray from_arrow(ArrowArray* array, const ArrowSchema* schema) {
  check(array, schema);
  const DType dtype = dtype_from(schema->format);
  auto state = std::make_shared<ArrayState>();
  state->layout = Layout::row_major(dtype, {static_cast<std::size_t>(array->length)});
  const auto skipped = static_cast<std::size_t>(array->offset) * dtype.itemsize();
  auto* bytes = static_cast<std::byte*>(const_cast<void*>(array->buffers[1]));
  state->data = bytes != nullptr ? bytes + skipped : nullptr;
  state->writable = false;
  if (array->length > 0) state->block = process_arena()->containing(state->data);
  const auto owned = std::make_shared<OwnedArray>();
  owned->array = std::exchange(*array, {});
  state->owner = owned;
  return AnyArray(std::move(state));
}

void to_arrow(const AnyArray& array, ArrowArray* out, ArrowSchema* schema) {
  const char* const format = format_of(array.dtype());
  if (array.dimension() != 1 || !array.contiguous()) {
    refuse("Arrow has contiguous arrays of one dimension only: copy or flatten this one first");
  }
  auto exported = std::make_unique<Exported>(Exported{array});
  exported->buffers = {nullptr, array.state()->data};
  *out = {static_cast<std::int64_t>(array.size()),
          0,
          0,
          2,
          0,
          exported->buffers.data(),
          nullptr,
          nullptr,
          [](ArrowArray* released) {
            delete static_cast<Exported*>(released->private_data);
            released->release = nullptr;
          },
          exported.get()};
  static_cast<void>(exported.release());
  *schema = {format, "", nullptr, 0, 0, nullptr, nullptr, [](ArrowSchema* released) { released->release = nullptr; },
             nullptr};
}

}  // namespace py4cpp
