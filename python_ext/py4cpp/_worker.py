"""The start of a worker process: `python -c` runs main(), which returns when the host has said goodbye."""

import atexit
import io
import os
import sys

from . import _native
from ._imports import when_imported

# Seconds that a call waits for a busy thread of Python to let it in. Python's own is ten times that.
_SWITCH_INTERVAL = 0.0005


def main(read_descriptor, write_descriptor):
    """Serves the host at the other end of two pipes. Returns to let Python end as it always does."""
    capture_stdout = _native.connect(read_descriptor, write_descriptor)
    atexit.register(_native.ending)  # the first to be registered is the last to run
    when_imported("numpy", lambda numpy: _native.numpy_imported())
    sys.setswitchinterval(min(_SWITCH_INTERVAL, sys.getswitchinterval()))
    sys.argv = [""]
    _clean_main()
    if capture_stdout:
        sys.stdout = sys.__stdout__ = OutputStream(_HostOutput())
    elif sys.stdout is not None:
        sys.stdout.reconfigure(line_buffering=True)
    _native.serve()


def sent_arrays():
    """For py.stats(): arrays and bytes that went to C++, shared and copied."""
    sent = _native.stats()
    return [sent["arrays_shared"], sent["arrays_copied"], sent["bytes_shared"], sent["bytes_copied"]]


def _clean_main():
    """What the bootstrap left in __main__ goes: the namespace is the user's."""
    namespace = vars(sys.modules["__main__"])
    for name in [name for name in namespace if not (name.startswith("__") and name.endswith("__"))]:
        del namespace[name]


class RawOutput(io.RawIOBase):
    """What lies under a sys.stdout that isn't file descriptor 1."""

    def writable(self):
        return True

    def write(self, data):
        with memoryview(data) as view, view.cast("B") as flat:
            if not self.send(bytes(flat)):
                return os.write(1, flat)
            return len(flat)

    def fileno(self):
        return 1

    @property
    def mode(self):
        return "wb"

    @property
    def name(self):
        return "<stdout>"


class _HostOutput(RawOutput):
    """Sends what is written to the host, in order with the replies."""

    def send(self, data):
        return _native.output(data)  # false in a forked child


class OutputStream(io.TextIOWrapper):
    """A sys.stdout over a RawOutput. Nothing waits in it."""

    def __init__(self, raw):
        super().__init__(raw, encoding="utf-8", errors="backslashreplace", newline="\n", write_through=True)
