"""What Python code that runs under a C++ program gets from py4cpp.

Arrays in shared memory travel between Python and C++ without being copied. What numpy allocates lies there, except for
small arrays; an array on somebody else's memory is copied once. In a process forked from a worker these functions
raise.
"""

from ._native import HostCallable, is_shared, shared_like, stats
from ._native import empty as _empty

__all__ = ["HostCallable", "HostError", "empty", "is_shared", "shared_like", "stats"]


class HostError(RuntimeError):
    """A C++ exception that passed from a C++ function into Python; its text is what().

    Left uncaught, it arrives in C++ as the exception that was thrown there.
    """

    def __reduce__(self):  # what ties it to the C++ exception stays in this process
        return type(self), self.args


def empty(shape, dtype="float64"):
    """A new numpy array in shared memory, its contents undefined.

    shape is an int or a sequence of them, dtype anything numpy takes for one. Raises MemoryError when shared memory is
    exhausted.
    """
    return _empty(shape, dtype)
