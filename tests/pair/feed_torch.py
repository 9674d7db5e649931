import copy
import operator
import pickle

import torch
from torch.utils.data import DataLoader, default_convert

from py4cpp.torch import FeedDataset


def train(feed):
    """Logistic regression of which of two values fills x."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    losses = []
    for batch in DataLoader(FeedDataset(feed), batch_size=None, num_workers=0):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(batch["x"].reshape(-1, 4)), batch["label"])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def load_as_they_are(feed, **options):
    """Of each batch that a loader gives: whether it is a dict, x's shape, and whether x is where it is by hand."""

    class Noting(FeedDataset):
        def __iter__(self):
            for batch in super().__iter__():
                addresses.append(batch["x"].data_ptr())
                yield batch

    addresses, loaded = [], []
    for batch in DataLoader(Noting(feed), **options):
        loaded.append((isinstance(batch, dict), list(batch["x"].shape), batch["x"].data_ptr() == addresses[-1]))
    return loaded


def copy_by_hand(feed):
    """What a batch is by hand, and what becomes of it where it is copied, pickled or converted as a loader does."""
    (batch,) = FeedDataset(feed)
    plain = [copy.copy(batch), copy.deepcopy(batch), pickle.loads(pickle.dumps(batch)), {**batch}, batch | {}]
    same = [list(each) == ["x", "label"] and bool((each["x"] == batch["x"]).all()) for each in plain]
    converted = default_convert(batch)
    return (
        isinstance(batch, dict) and isinstance(converted, dict) and repr(batch) == repr(dict(batch)),
        [type(each) is dict for each in plain],
        same + [converted["x"].data_ptr() == batch["x"].data_ptr()],
    )


def without_length(feed):
    """What those say that need its length, whether it is true, and how many batches those get that need none."""
    said = []
    for ask in (len, lambda feed: next(iter(DataLoader(feed))), lambda feed: DataLoader(feed, shuffle=True)):
        try:
            ask(feed)
        except TypeError as error:
            said.append(str(error))
    return said, bool(feed), operator.length_hint(feed, 7), len(list(feed))


def pickle_it(feed):
    pickle.dumps(feed)


def train_in_workers(feed):
    return list(DataLoader(FeedDataset(feed), batch_size=None, num_workers=2))
