"""Calls whose output goes to C++ while they run."""

import sys
import threading

from ._worker import OutputStream, RawOutput


def call(sink, function, /, *args, **kwargs):
    """function(*args, **kwargs), what it prints going to the sink, piece by piece."""
    stream = _idle.pop() if _idle else OutputStream(_SinkOutput())
    output = stream.buffer
    output.begin(sink, sys.stdout)
    sys.stdout = stream
    try:
        return function(*args, **kwargs)
    finally:
        output.end()
        if sys.stdout is stream:
            sys.stdout = output.before
        (_closed if stream.closed else _idle).append(stream)


def method(sink, thing, name, /, *args, **kwargs):
    """The same for thing.name(*args, **kwargs)."""
    return call(sink, getattr(thing, name), *args, **kwargs)


# The streams are used again and never freed: print() borrows sys.stdout, so if one went while another thread prints
# into it, that thread would crash.
_idle, _closed = [], []
_inside = threading.local()  # what the sink itself prints doesn't go to the sink


class _SinkOutput(RawOutput):
    """Once the call has ended, what is still printed into it goes where it went before."""

    sink = before = None

    def begin(self, sink, before):
        self.before = _living(before)
        self.sink = sink

    def end(self):
        self.sink = None
        self.before = _living(self.before)

    def send(self, data):
        sink, outer = self.sink, getattr(_inside, "sink", None)
        taken = False
        if sink is not None and sink is not outer:
            _inside.sink = sink
            try:
                taken = sink(data)
            finally:
                _inside.sink = outer
        if not taken and self.before is not None:
            self.before.write(data.decode("utf-8", "backslashreplace"))
        return True


def _living(stream):
    """Where what is printed into the stream ends up, if its call has ended."""
    while isinstance(getattr(stream, "buffer", None), _SinkOutput) and stream.buffer.sink is None:
        stream = stream.buffer.before
    return stream
