#include <py4cpp/dlpack.hpp>

#include "arena.hpp"

#include <py4cpp/error.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace py4cpp {

namespace {

#if DLPACK_VERSION >= 80
constexpr std::uint8_t boolean_code = kDLBool;
#else
constexpr std::uint8_t boolean_code = 6;  // since DLPack 0.8; who is older knows bytes only, and refuses it by name
#endif

struct Entry {
  DType dtype;
  std::uint8_t code;
};
constexpr std::array table{Entry{boolean, boolean_code}, Entry{int8, kDLInt},          Entry{int16, kDLInt},
                           Entry{int32, kDLInt},         Entry{int64, kDLInt},         Entry{uint8, kDLUInt},
                           Entry{uint16, kDLUInt},       Entry{uint32, kDLUInt},       Entry{uint64, kDLUInt},
                           Entry{float16, kDLFloat},     Entry{float32, kDLFloat},     Entry{float64, kDLFloat},
                           Entry{bfloat16, kDLBfloat},   Entry{complex64, kDLComplex}, Entry{complex128, kDLComplex}};

DType dtype_from(const DLDataType& type) {
  for (const Entry& entry : table) {
    if (entry.code == type.code && entry.dtype.itemsize() * 8 == type.bits && type.lanes == 1) return entry.dtype;
  }
  throw Error(ErrorKind::invalid, "a DLPack tensor of a type that arrays don't have: code " +
                                      std::to_string(type.code) + ", " + std::to_string(type.bits) + " bits, " +
                                      std::to_string(type.lanes) + " lanes");
}

DLDataType dtype_to(DType dtype) {
  for (const Entry& entry : table) {
    if (entry.dtype == dtype) return {entry.code, static_cast<std::uint8_t>(dtype.itemsize() * 8), 1};
  }
  throw Error(ErrorKind::invalid, "DLPack has no type for " + std::string(dtype.name()));
}

Layout layout_of(const DLTensor& tensor) {
  Shape shape;
  for (int i = 0; i < tensor.ndim; ++i) {
    if (tensor.shape[i] < 0) throw Error(ErrorKind::invalid, "a DLPack tensor with a negative extent");
    shape.push_back(static_cast<std::size_t>(tensor.shape[i]));
  }
  Layout layout = Layout::row_major(dtype_from(tensor.dtype), std::move(shape));
  if (tensor.strides != nullptr) layout.strides.assign(tensor.strides, tensor.strides + tensor.ndim);
  return layout;
}

// What a tensor that we made points to.
struct Exported {
  AnyArray array;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
  DLManagedTensor tensor{};
};

void delete_exported(DLManagedTensor* tensor) { delete static_cast<Exported*>(tensor->manager_ctx); }

}  // namespace

AnyArray from_dlpack(DLManagedTensor* tensor) {
  if (tensor == nullptr) throw Error(ErrorKind::invalid, "no DLPack tensor was given");
  const DLTensor& elements = tensor->dl_tensor;
  if (elements.device.device_type != kDLCPU && elements.device.device_type != kDLCUDAHost) {
    throw Error(ErrorKind::invalid, "a DLPack tensor on another device than the CPU: copy it to the CPU first");
  }
  ArrayState state;
  state.layout = layout_of(elements);
  state.data = static_cast<std::byte*>(elements.data) + elements.byte_offset;
  if (tensor->deleter == delete_exported) {
    state.block = static_cast<Exported*>(tensor->manager_ctx)->array.state()->block;
  } else if (state.layout.size() > 0) {
    state.block = process_arena()->containing(state.data);
  }
  auto shared = std::make_shared<ArrayState>(std::move(state));
  shared->owner = std::shared_ptr<void>(tensor, [](void* owned) {
    auto* managed = static_cast<DLManagedTensor*>(owned);
    if (managed->deleter != nullptr) managed->deleter(managed);
  });
  return AnyArray(std::move(shared));
}

DLManagedTensor* AnyArray::to_dlpack() const {
  if (!writable()) {
    throw Error(ErrorKind::invalid, "DLPack can't say that an array is read-only: give it a copy of this one");
  }
  const DLDataType type = dtype_to(dtype());
  auto exported = std::make_unique<Exported>(Exported{*this, {}, {}});
  exported->shape.assign(shape().begin(), shape().end());
  exported->strides.assign(strides().begin(), strides().end());
  DLTensor& elements = exported->tensor.dl_tensor;
  elements.data = state()->data;
  elements.device = {kDLCPU, 0};
  elements.ndim = static_cast<int>(dimension());
  elements.dtype = type;
  elements.shape = exported->shape.data();
  elements.strides = exported->strides.data();
  exported->tensor.manager_ctx = exported.get();
  exported->tensor.deleter = delete_exported;
  return &exported.release()->tensor;
}

}  // namespace py4cpp
