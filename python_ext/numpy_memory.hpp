// numpy's arrays, born in shared memory. numpy lets one install the functions that allocate its arrays' elements (NEP
// 49); ours take them from the arena, so that an array that numpy makes is handed to C++ where it lies.
//
//   1. Memory is told by its address: whatever isn't in our table goes to numpy's own functions, so it doesn't matter
//      which of them an array was made with, or which array somebody frees it for.
//   2. The table holds a place in the arena from malloc to free. The place has a block once the array is lent, or the
//      process forks; whoever holds that (the ledger, while C++ does) keeps the pages.
//   3. Where shared memory is short, or closed, numpy's own functions serve: nothing fails that wouldn't fail outside.
//   4. In a forked child they serve alone, and what the parent had in the arena is left where it is.
//
// The functions may be called by any thread, with the GIL or without: they use a mutex of their own, held across a fork
// and never while calling anything, and nothing of Python.
#pragma once

#include "arena.hpp"
#include "numpy_api.hpp"

#include <cstddef>
#include <memory>

namespace py4cpp {

// From now on arrays of more than `threshold` bytes come from the arena; those of up to 1 KiB never do (numpy keeps a
// cache of them). Once a process, with the GIL; further calls do nothing, nor does one for a numpy older than 1.22.
//
// numpy's default handler is changed in place, which serves every thread, executor and context. Where that isn't the
// one we know, ours is set in the current context instead.
void share_numpy_memory(const Numpy& numpy, std::shared_ptr<Arena> arena, std::size_t threshold);

}  // namespace py4cpp
