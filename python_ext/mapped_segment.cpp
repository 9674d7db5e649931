#include "mapped_segment.hpp"

#include "conversion.hpp"
#include "segment.hpp"
#include "shared_block.hpp"

#include <memory>

namespace py4cpp {

namespace {

using Keeper = std::shared_ptr<Segment>;
constexpr const char* keeper_name = "py4cpp.segment";

void let_go(PyObject* capsule) { delete static_cast<Keeper*>(PyCapsule_GetPointer(capsule, keeper_name)); }

}  // namespace

PyObject* native_segment_of(PyObject*, PyObject* exporter) noexcept {
  return guarded([&] {
    auto segment = std::make_unique<Keeper>(block_of(exporter)->segment());
    const auto address = reinterpret_cast<unsigned long long>((*segment)->data());
    const auto size = static_cast<unsigned long long>((*segment)->size());
    const Ref keeper = checked(PyCapsule_New(segment.get(), keeper_name, let_go));
    segment.release();
    return checked(Py_BuildValue("KKO", address, size, keeper.get()));
  });
}

}  // namespace py4cpp
