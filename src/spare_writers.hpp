// ValueWriters that a thread keeps for its next messages, so that writing one takes no memory from the heap; several,
// since calls and callbacks nest. Usable as long as the thread runs: a static object that is destroyed when its
// thread's own objects are gone already may ask Python something, too.
#pragma once

#include "wire.hpp"

#include <memory>

namespace py4cpp {

std::unique_ptr<ValueWriter> take_spare_writer();                      // empty; a new one if the thread keeps none
void keep_spare_writer(std::unique_ptr<ValueWriter> writer) noexcept;  // must be empty

}  // namespace py4cpp
