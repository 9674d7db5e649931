"""The Python end of a C++ Feed: batches of arrays that a C++ program fills while Python works on earlier ones."""

import gc
import threading
import time

from . import _native

patience = 30.0  # seconds that threads and forked children have to let go of an array before all are taken to be kept


class Feed(_native.FeedReader):
    """An iterable of batches, each a dict of numpy arrays on the pages that C++ wrote.

    A loop over it ends where the C++ program ends the epoch or closes the feed; the next loop goes on behind that. The
    memory of a batch is used again once nothing refers to its arrays any more: keep copies, not the arrays. Any number
    of threads may loop over one feed; each batch goes to one of them.
    """

    def __init__(self, take, slots, name):
        super().__init__(take, slots)
        self._stuck_since = None
        self.name = name

    def __len__(self):  # a TypeError, as list() and others that would like to know it expect
        raise TypeError(
            "a feed has no length, C++ ends it. PyTorch: DataLoader(py4cpp.torch.FeedDataset(feed), batch_size=None)"
        )

    def __bool__(self):
        return True

    def __reduce__(self):
        raise TypeError(
            "cannot pickle a feed: it can only be read in the process that C++ gave it to; with a DataLoader, use "
            "num_workers=0"
        )

    def __repr__(self):
        return f"<py4cpp feed {self.name!r}>" if self.name else "<py4cpp feed>"

    def _check_room(self):
        """Raises if every slot is in the hands of loops that wait for the next batch, and C++ waits for a slot.

        As long as C++ doesn't, it may still end the epoch or close the feed. Other threads, which may be at work on
        batches that a loop gave them, and forked children, which have what was there when they were forked, are given
        time to let go of one.
        """
        began = time.monotonic()
        pause = 0.0001
        collected = False
        while self._stuck():
            now = time.monotonic()
            alone = threading.active_count() == 1 and not self._children_keep()
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
                raise BufferError(
                    f"all {self._slots} slots of the feed are in use: this program still refers to arrays of the last "
                    f"{self._slots} batches. Keep copies instead, batch['name'].copy(), or give the feed more slots; "
                    "each loop holds one, the batch before, while it waits; a child process that was forked meanwhile "
                    "holds what there was, until it ends"
                )
            time.sleep(pause)
            pause = min(2 * pause, 0.01)
        self._stuck_since = None

    def _stuck(self):
        # a loop that doesn't wait will let go of its batch, if there is a thread that may run it
        all_wait = self._waiting >= self._loops or threading.active_count() == 1
        return all_wait and self._all_kept()


def advance(iterator):
    """For collect(): whether there is a next element, and that."""
    try:
        return True, next(iterator)
    except StopIteration:
        return False, None
