"""The Python end of a C++ Feed: batches of arrays that a C++ program fills while Python works on earlier ones."""

import gc
import threading
import time

from . import _native

patience = 30.0  # seconds that other threads have to let go of an array before all are taken to be kept


class Feed(_native.FeedReader):
    """An iterable of batches, each a dict of numpy arrays on the pages that C++ wrote.

    A loop over it ends where the C++ program ends the epoch or closes the feed; the next loop goes on behind that. The
    memory of a batch is used again once nothing refers to its arrays any more: keep copies, not the arrays. Any number
    of threads may loop over one feed; each batch goes to one of them.
    """

    def __init__(self, take, slots, name):
        self._take = take  # take() answers with one batch after another, None where an epoch ends, False for good
        self._slots = slots
        self._stuck_since = None
        self._change = 0  # odd: the last loop was left before its end
        self.name = name

    def __iter__(self):
        return _Batches(self)

    def __reduce__(self):
        raise TypeError(
            "cannot pickle a feed: it can only be read in the process that C++ gave it to; with a DataLoader, use "
            "num_workers=0"
        )

    def __repr__(self):
        return f"<py4cpp feed {self.name!r}>" if self.name else "<py4cpp feed>"

    def _take_turn(self, loop):
        """The next batch, None where the epoch ends."""
        while True:
            if not self._reads:
                self._begin(self._take.start())
            batch = self._answer()
            if batch:
                if self._slots == 2:  # the loop drops the batch before this one only now, and C++ needs its slot
                    _native.send_soon()
                self._gives(batch)
                return batch
            if batch is None:
                self._epoch += 1
                return None
            if batch is False:
                self._ends()
                self._closed = True
                return None
            self._check_room(loop)  # 0: another loop has ended, and may keep arrays all the same

    def _check_room(self, loop):
        """Raises if every slot is in the hands of loops that wait for the next batch, and C++ waits for a slot.

        As long as C++ doesn't, it may still end the epoch or close the feed. Other threads, which may be at work on
        batches that a loop gave them, are given time to let go of one.
        """
        began = time.monotonic()
        pause = 0.0001
        collected = False
        while self._stuck():
            now = time.monotonic()
            alone = threading.active_count() == 1
            if not collected and (alone or now - began > 0.1):
                collected = True
                gc.collect()
                continue
            if not self._take.start(self._taken, None).result() or not self._stuck():
                break
            self._stuck_since = self._stuck_since or began
            if alone or (now - self._stuck_since >= patience and now - began >= min(patience, 1.0)):
                if alone:
                    self._stuck_since = None
                loop._out()
                raise BufferError(
                    f"all {self._slots} slots of the feed are in use: this program still refers to arrays of the last "
                    f"{self._slots} batches. Keep copies instead, batch['name'].copy(), or give the feed more slots; "
                    "each loop holds one, the batch before, while it waits"
                )
            time.sleep(pause)
            pause = min(2 * pause, 0.01)
        self._stuck_since = None

    def _stuck(self):
        # a loop that doesn't wait will let go of its batch, if there is a thread that may run it
        others_wait = self._waiting >= self._loops - 1 or threading.active_count() == 1
        return others_wait and self._all_kept()

    def _entered(self):
        self._loops += 1
        if self._change % 2 == 1:
            self._changed()

    def _left(self):
        """A loop was left before its end. The C++ program is told when it was the only one."""
        if self._loops == 0 and self._change % 2 == 0 and not self._closed:
            self._changed()

    def _changed(self):
        self._change += 1
        self._take.start(self._change)


class _Batches(_native.FeedLoop):
    """One loop over a feed. Its __next__ is native, and asks _next() unless there simply is another batch."""

    def __init__(self, feed):
        self._counts = True
        feed._entered()

    def _next(self):
        feed = self._feed
        if feed is None:
            raise StopIteration
        batch = None
        if self._epoch == feed._epoch and not feed._closed:
            if feed._all_kept():
                feed._check_room(self)
            feed._waiting += 1
            try:
                batch = feed._in_turn(self._take)
            finally:
                feed._waiting -= 1
        if batch is None:
            self._end()
            raise StopIteration
        return batch

    def _take(self):
        feed = self._feed
        return feed._take_turn(self) if self._epoch == feed._epoch and not feed._closed else None

    def __del__(self):
        if self._feed is not None:
            self._end()._left()

    def _end(self):
        self._out()
        feed = self._feed
        self._drop()
        return feed

    def _out(self):
        """It is no more among those that take batches: it ends, or raises, and its traceback keeps it and its batch."""
        feed = self._feed
        if self._counts:
            self._counts = False
            feed._loops -= 1
        if feed._waiting > 0 and feed._all_kept():  # these have looked before
            feed._take.start(None, None, None)


def advance(iterator):
    """For collect(): whether there is a next element, and that."""
    try:
        return True, next(iterator)
    except StopIteration:
        return False, None
