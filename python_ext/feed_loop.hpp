// What a loop over a feed does between two batches when nothing is out of the ordinary, which is short: the loop's body
// has just filled the caches with its batch. All else is in py4cpp/_feed.py, whose classes derive from these two.
#pragma once

#include "refs.hpp"

namespace py4cpp {

// py4cpp._native.FeedReader(): the Python end of a feed.
//   _begin(answers)     from now on batches are the answers of this PendingCall; _ends() when there are no more
//   _in_turn(function)  function(), one at a time: what comes is looked at in order
//   _answer()           in turn: waits for the next one; an exception is the last, if it isn't KeyboardInterrupt
//   _gives(batch)       a loop gets it; all its arrays lie in one block that came from C++
//   _all_kept()         whether every slot holds a batch that a loop got and that is still referred to
// Numbers: _slots; _taken answers; _epoch, of those that have ended; _loops that take batches; _waiting, those of them
// that wait for one. Flags: _reads, whether there are answers to wait for; _closed.
PyTypeObject* feed_reader_type();

// py4cpp._native.FeedLoop(reader): an iterator over what is left of an epoch. Where it isn't simply the next batch's
// turn, it asks self._next(). Attributes: _feed, None after _drop(), which the end of the loop calls; _epoch.
PyTypeObject* feed_loop_type();

// Both are made at first use, and throw PythonRaised.

}  // namespace py4cpp
