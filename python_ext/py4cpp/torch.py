"""Feeds as PyTorch datasets. Importing this imports torch."""

import os
import threading
import warnings
import weakref
from collections import deque

import torch
from torch.utils.data import IterableDataset, get_worker_info
from torch.utils.data._utils.collate import default_collate_fn_map

from ._native import segment_of

__all__ = ["FeedDataset"]

_no_batch_size = "use DataLoader(dataset, batch_size=None)"
_pinned = {}  # where a registered segment is mapped -> how many datasets use it
_lock = threading.Lock()
_given_up = deque()  # what datasets used that are gone


class FeedDataset(IterableDataset):
    """The batches of a Feed as dicts of tensors, on the pages that C++ wrote.

    The batches are made already, so a loader has none to make, and other processes can't take part:
    DataLoader(FeedDataset(feed), batch_size=None, num_workers=0). Left at its default, a batch_size of 1, the loader
    gives the same batches; a larger one raises. Where PyTorch has CUDA the memory is registered with it for as long as
    the dataset lives, so that `tensor.to("cuda", non_blocking=True)` copies while Python goes on.
    """

    def __init__(self, feed, pin_memory=None):
        """pin_memory: whether to register the pages with CUDA; None, where there is CUDA."""
        super().__init__()
        self.feed = feed
        self.pin_memory = torch.cuda.is_available() if pin_memory is None else pin_memory
        self._segments = {}  # seen by _pin(): where -> whether it is registered, what keeps it mapped
        weakref.finalize(self, _unpin, self._segments, os.getpid())

    def __iter__(self):
        worker = get_worker_info()
        if worker is not None:
            raise RuntimeError(
                f"a feed can only be read in the process that C++ gave it to, not in {worker.num_workers} DataLoader "
                "workers: use DataLoader(dataset, batch_size=None, num_workers=0). C++ fills batches while Python "
                "works, so workers would gain nothing"
            )
        try:
            for batch in self.feed:
                if self.pin_memory:
                    _pin(next(iter(batch.values())).base, self._segments)
                yield _Batch({name: torch.from_numpy(array) for name, array in batch.items()})
        except BufferError as error:
            raise BufferError(f"{error}. A DataLoader that has a batch_size keeps as many: {_no_batch_size}") from None


class _Batch(dict):
    """So that a loader's default collate function knows it for a batch, and puts no dimension in front of it."""

    __slots__ = ()

    def __reduce__(self):  # copied or pickled it is a dict like any other
        return dict, (dict(self),)


def _collate(batches, *, collate_fn_map=None):
    if len(batches) > 1:
        raise TypeError(f"what a feed gives are batches already, which can't be batched again: {_no_batch_size}")
    return dict(batches[0])


default_collate_fn_map[_Batch] = _collate


def _pin(block, used):
    """Registers the segment of a batch with CUDA, unless that has been tried for this dataset."""
    address, size, mapping = segment_of(block)
    if address in used:
        return
    with _lock:
        users = _pinned.get(address, 0)
        registered = users > 0 or _register(address, size)
        if registered:
            _pinned[address] = users + 1
        used[address] = (registered, mapping)  # so that it stays mapped
    _tidy()


def _register(address, size):
    try:
        error = int(torch.cuda.cudart().cudaHostRegister(address, size, 0))
    except RuntimeError as failure:  # CUDA could not be started
        error = failure
    if error != 0:
        warnings.warn(
            f"CUDA does not take the feed's shared memory as pinned ({error}): copies to the GPU are slower",
            RuntimeWarning,
            stacklevel=2,
        )
    return error == 0


def _unpin(used, process):
    """The dataset is gone: for whoever holds the lock, which may be the code that this interrupts."""
    if os.getpid() == process:  # a child has no part in its parent's CUDA
        _given_up.append(used)
        _tidy()


def _tidy():
    """Gives back what no dataset uses any more; it is unmapped only then."""
    while _given_up and _lock.acquire(blocking=False):
        try:
            used = _given_up.popleft()
            for address, (registered, _) in used.items():
                if not registered:
                    continue
                _pinned[address] -= 1
                if _pinned[address] == 0:
                    del _pinned[address]
                    torch.cuda.cudart().cudaHostUnregister(address)
            used.clear()
        finally:
            _lock.release()
