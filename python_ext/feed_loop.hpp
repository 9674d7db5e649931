// Loops in Python over a C++ Feed. In C++, since between two batches everything comes from slow caches, the loop's body
// having filled them, and since nothing here may be cut off halfway by an interrupt, which Python raises between any
// two calls of its own. What to do when a program keeps the arrays of every slot is policy, and in py4cpp/_feed.py.
#pragma once

#include "refs.hpp"

namespace py4cpp {

// py4cpp._native.FeedReader(take, slots): the Python end of a feed, an iterable. take() is a HostCallable:
//   take()                   its answers are one batch after another, each a dict of arrays that lie in one block that
//                            came from C++; None where an epoch ends, 0 when loops are to look whether there is room,
//                            at last False, or an exception
//   take(change)             tells that the last loop was left before its end (an odd number), or that another one has
//                            begun after that (the next one)
//   take(None, None, None)   asks for a 0
// A loop that waits for a batch while all slots are kept calls self._check_room() first, which may raise, and again for
// each 0. Any number of threads may loop.
//   _all_kept()   whether every slot holds a batch that a loop got and that is still referred to
//   _take _slots; _taken, how many answers; _loops, that take batches; _waiting, those of them that wait for one;
//   _closed
PyTypeObject* feed_reader_type();

// py4cpp._native.FeedLoop(reader): an iterator over what is left of an epoch.
PyTypeObject* feed_loop_type();

// Both are made at first use, and throw PythonRaised.

}  // namespace py4cpp
