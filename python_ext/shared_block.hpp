// The Python object behind an array in shared memory: the base of every ndarray on a block, so that the block lives as
// long as the last view of it. Created with the GIL held; dies wherever Python drops it, also at interpreter shutdown.
#pragma once

#include "block.hpp"
#include "refs.hpp"

#include <cstddef>
#include <memory>

namespace py4cpp {

// A py4cpp._native.SharedBlock, which offers the block's bytes through the buffer protocol. A read-only one keeps numpy
// from making an array on it writable again.
Ref make_shared_block(std::shared_ptr<Block> block, bool writable);

// The block that the address lies in or just past, if a SharedBlock on it is alive; else null. Needs the GIL.
std::shared_ptr<Block> exported_block(const std::byte* address) noexcept;

// The block of a SharedBlock. Throws PythonRaised if it is none.
std::shared_ptr<Block> block_of(PyObject* exporter);

// Who tells the other side what is released here.
class ReleaseSender {
 public:
  virtual ~ReleaseSender() = default;

  // A block has been released that should not wait for the next message. Needs the GIL.
  virtual void send_released() noexcept = 0;
};

// The SharedBlock says so when it dies and its block with it. Throws PythonRaised if it is none.
void release_at_once(PyObject* exporter, std::shared_ptr<ReleaseSender> sender);

}  // namespace py4cpp
