"""A module with every shape of a signature, for the golden header bind_sample.hpp."""

import os  # not ours: isn't bound

__version__ = "1"
limit = 7
ratio = 0.5
greeting = 'say "hi"\n'
enabled = True
_private = 1


def plain(x, y):
    """Two positional arguments."""
    return x, y


def defaults(x, flag=False, count=3, scale=1.5, mode="full", axis=None, out=(), low=-1e-9, infinite=float("inf")):
    """Defaults of all kinds.

    A line that ends in a backslash: \\
    the next line.
    """
    return x, flag, count, scale, mode, axis, out, low, infinite


def hinted(x: int, count: int = 3, scale: float = 1, name: str = "n", many: "list[int]" = None) -> int:
    return x, count, scale, name, many


def keyword_only(x, *, reverse=False, required):
    return x, reverse, required


def positional_only(x, base=10, digits=None, /, *, strict=False):
    return x, base, digits, strict


def variadic(first, *rest, sep=" "):
    return first, rest, sep


def keywords(x, scale=1, **others):
    return x, scale, others


def only_keywords(**others):
    return others


def double(x):
    """A keyword of C++, and so are its parameters."""
    return 2 * x


def union(int, *, operator=None, default=1, new_=2, new=3):
    return int, operator, default, new_, new


def camelCase(nSplits, Alpha=1, alpha=2):
    return nSplits, Alpha, alpha


def camel_case():
    """Has its name for itself."""
    return "snake"


def bind():
    """The name is taken."""
    return "bound"


def plain_args():
    """So is that of the options of a function, if there were any."""


def fails():
    raise ValueError("as asked")


class HTTPServer2D:
    """A class, which is called."""

    def __init__(self, port, host="localhost", *, backlog: int = 5):
        self.port, self.host, self.backlog = port, host, backlog


nobody_knows = type(
    "NoSignature", (), {"__call__": lambda self, *a, **k: (a, k), "__signature__": 5, "__module__": __name__}
)()
