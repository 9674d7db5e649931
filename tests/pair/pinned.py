"""A CUDA that notes what is asked of it, in place of PyTorch's."""

import gc
import os
import warnings

import torch

from py4cpp.torch import FeedDataset

page = os.sysconf("SC_PAGESIZE")


def mapped():
    """The mappings of shared memory in this process: start -> bytes."""
    with open("/proc/self/maps", encoding="ascii") as maps:
        ranges = [line.split()[0].split("-") for line in maps if "/dev/shm/py4cpp." in line]
    return {int(start, 16): int(past, 16) - int(start, 16) for start, past in ranges}


class Cudart:
    """Registers as CUDA does: whole mappings, each once, and only what is mapped is given back."""

    def __init__(self, error=0):
        self.error = error
        self.registered = {}
        self.log = []

    def cudaHostRegister(self, address, size, flags):
        self.log.append("register")
        assert mapped().get(address) == size, "not a whole segment"
        assert address not in self.registered, "registered twice"
        if self.error == 0:
            self.registered[address] = size
        return self.error

    def cudaHostUnregister(self, address):
        in_place = mapped().get(address) == self.registered.pop(address)
        self.log.append("unregister" if in_place else "unregister what is unmapped")  # an error would be swallowed
        return 0


def pretend(cudart):
    torch.cuda.is_available = lambda: cudart is not None
    torch.cuda.cudart = lambda: cudart


def read(feed):
    return [float(batch["x"].sum()) for batch in FeedDataset(feed)]


def read_with(error, feed):
    """The sums, what was asked of CUDA, and the warnings."""
    cudart = Cudart(error)
    pretend(cudart)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sums = read(feed)
    gc.collect()
    assert not cudart.registered
    return sums, cudart.log, [str(each.message) for each in caught]


def read_twice(feed):
    """Two datasets of one feed: the segments stay registered as long as one of them lives."""
    cudart = Cudart()
    pretend(cudart)
    first, second = FeedDataset(feed), FeedDataset(feed)
    sums = [float(batch["x"].sum()) for batch in first]
    sums += [float(batch["x"].sum()) for batch in second]
    states = [sorted(cudart.registered) != []]
    del first, second
    gc.collect()
    return sums, cudart.log, states + [bool(cudart.registered)]


def read_without(feed):
    class Forbidden:
        def __getattr__(self, name):
            raise AssertionError(name)

    pretend(None)
    torch.cuda.cudart = Forbidden
    return read(feed)
