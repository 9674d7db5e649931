"""What the library asks about Python objects, and the extension about exceptions and C++ functions."""

import sys

from ._native import as_object


def type_name(thing):
    """"dict", "numpy.ndarray": qualified, without "builtins."."""
    kind = type(thing)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def slots(thing):
    """The names of its attributes that aren't callable, without running any property."""
    return [name for name in dir(thing) if not _is_method(thing, name)]


def methods(thing):
    """The names of its attributes that are callable."""
    return [name for name in dir(thing) if _is_method(thing, name)]


def _is_method(thing, name):
    import inspect

    try:
        found = inspect.getattr_static(thing, name)
    except AttributeError:  # made on demand
        try:
            found = getattr(thing, name)
        except Exception:
            return False
    if isinstance(found, (classmethod, staticmethod)):
        return callable(found.__func__)
    return callable(found)


def public_names(module):
    """What a module exports: __all__, or else what doesn't begin with an underscore."""
    names = getattr(module, "__all__", None)
    if names is None:
        return [name for name in dir(module) if not name.startswith("_")]
    return [str(name) for name in names]


def elements(iterable):
    """A list of them; of a tensor, the array: its elements would be tensors again, each a handle."""
    if hasattr(type(iterable), "__array__"):
        import numpy

        try:
            array = numpy.asarray(iterable)
        except TypeError:
            return list(iterable)
        if array is not iterable and array.dtype.isnative and array.dtype.char in "?bBhHiIlLqQefdFD":
            return array
    return list(iterable)


def why_no_array(thing):
    """What numpy says, which for a tensor is what to call first; empty if it's no tensor."""
    if not hasattr(type(thing), "__array__"):
        return ""
    import numpy

    try:
        numpy.asarray(thing)
    except TypeError as error:
        text = str(error)
        return f"{text}: call .float() first" if "BFloat16" in text else text
    return ""


def handles(iterable):
    """Its elements, handles whatever they are."""
    return [as_object(each) for each in iterable]


def pair_handles(mapping, keys, values):
    """The pairs of a mapping, with keys and values as handles or as what they are."""
    return [
        (as_object(key) if keys else key, as_object(value) if values else value)
        for key, value in dict(mapping).items()
    ]


def members(thing, names, handles):
    """Whether it is a mapping, and its items; else those of its attributes that have one of the names.

    What has one of the names in `handles` becomes a handle.
    """
    from collections.abc import Mapping

    mapping = isinstance(thing, Mapping)
    if mapping:
        found = dict(thing)
    else:
        missing = object()
        found = ((name, getattr(thing, name, missing)) for name in names)
        found = {name: value for name, value in found if value is not missing}
    return mapping, {name: as_object(value) if name in handles else value for name, value in found.items()}


def help_text(thing):
    """What help() would show."""
    import pydoc

    return pydoc.render_doc(thing, renderer=pydoc.plaintext)


_FIXED = (range, tuple, str, bytes, frozenset)  # iterating these, nobody can tell how far ahead we are
_SMALL = (int, float, bool, complex, type(None))


class Reader:
    """Iterates for C++, several elements at a time where that makes no difference."""

    def __init__(self, iterable):
        self._next = iter(iterable).__next__
        self._most = 256 if type(iterable) in _FIXED else 1
        self._size = min(self._most, 16)
        self._ended = False

    def take(self):
        """The next elements, at least one; none at the end."""
        taken = []
        while len(taken) < self._size and self.advance():
            taken.append(self.element)
            if not self._is_small():
                break
        self.element = None
        self._size = min(self._most, 2 * self._size)
        return taken

    def advance(self):
        """Whether there is one more, which is then `element`."""
        self.element = None
        if self._ended:
            return False
        self._ended = True  # so it is also where this raises
        try:
            self.element = self._next()
        except StopIteration:
            return False
        self._ended = False
        return True

    def _is_small(self):
        kind = type(self.element)
        return kind in _SMALL or (kind in (str, bytes) and len(self.element) <= 1024)


_frames = {}


def through_cpp(traceback, name):
    """The traceback as seen from outside of a C++ function that Python called: with a frame for it in front."""
    from types import TracebackType

    frame = _frames.get(name)
    if frame is None:
        code = compile("frame = _getframe()", "<C++>", "exec").replace(co_name=name)
        scope = {"_getframe": sys._getframe, "__name__": "<C++>"}
        exec(code, scope)
        frame = scope.pop("frame")
        if len(_frames) < 256:
            _frames[name] = frame
    return TracebackType(traceback, frame, frame.f_lasti, 1)


_LONGEST = 64 * 1024


def traceback_text(exception, chain):
    """Python's full text, the middle left out where it is very long."""
    import traceback

    text = "".join(traceback.format_exception(exception, chain=chain))
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]}\n  ... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def signature_of(names):
    """The signature of a C++ function whose parameters have these names; None if they have none."""
    import inspect

    if names is None:
        raise AttributeError("the parameters of this C++ function have no names")
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([inspect.Parameter(name, kind) for name in names])
