"""Feeds as PyTorch datasets. Importing this imports torch."""

import torch
from torch.utils.data import IterableDataset, get_worker_info

__all__ = ["FeedDataset"]

_pinned = {}  # start of a registered block -> its size


class FeedDataset(IterableDataset):
    """The batches of a Feed as dicts of tensors, on the pages that C++ wrote.

    The batches are made already, so the loader must not make batches of them, and other processes can't take part:
    DataLoader(FeedDataset(feed), batch_size=None, num_workers=0). Where PyTorch has CUDA the pages are registered with
    it, so that `tensor.to("cuda", non_blocking=True)` copies while Python goes on.
    """

    def __init__(self, feed, pin_memory=None):
        """pin_memory: whether to register the pages with CUDA; None, where there is CUDA."""
        super().__init__()
        self.feed = feed
        self.pin_memory = torch.cuda.is_available() if pin_memory is None else pin_memory

    def __iter__(self):
        worker = get_worker_info()
        if worker is not None:
            raise RuntimeError(
                f"a feed can only be read in the process that C++ gave it to, not in {worker.num_workers} DataLoader "
                "workers: use DataLoader(dataset, batch_size=None, num_workers=0). C++ fills batches while Python "
                "works, so workers would gain nothing"
            )
        for batch in self.feed:
            if self.pin_memory:
                _pin(next(iter(batch.values())).base)
            yield {name: torch.from_numpy(array) for name, array in batch.items()}


def _pin(block):
    """Registers a block's pages with CUDA, once."""
    pages = torch.frombuffer(block, dtype=torch.uint8)
    start, size = pages.data_ptr(), pages.numel()
    if _pinned.get(start) == size:
        return
    torch.cuda.check_error(torch.cuda.cudart().cudaHostRegister(start, size, 0))
    _pinned[start] = size
