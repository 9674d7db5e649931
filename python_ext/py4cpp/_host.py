"""What C++ objects look like in Python: for each set of members a class, whose properties and methods ask C++."""

from ._native import HostReference, as_object, invoke


class HostObject(HostReference):
    """An object of the C++ program. Its attributes are read and set there, its methods run there."""

    __slots__ = ()

    def __repr__(self):
        return f"<C++ {type(self).__qualname__} object>"

    def __reduce__(self):
        raise TypeError(f"cannot pickle '{type(self).__name__}' object: it lives in the C++ program")


def as_wanted(face, args, kwargs):
    """The arguments of a call of the function with this face: those that C++ wants as objects are marked as such."""
    names, objects = face["names"] or (), face["objects"]
    args = tuple(as_object(each) if place in objects else each for place, each in enumerate(args))
    if kwargs:
        marked = {names[place] for place in objects if place < len(names)}
        kwargs = {name: as_object(each) if name in marked else each for name, each in kwargs.items()}
    return args, kwargs


_classes = {}
_MOST_CLASSES = 1024


def class_for(face):
    """The class of objects with this face (schemas/wire.fbs), the same for the same one."""
    attributes, methods = face["attributes"], face["methods"]
    key = repr(face)  # which tells faces apart, and may be a key whatever is in them
    made = _classes.get(key)
    if made is None:
        if len(_classes) >= _MOST_CLASSES:
            _classes.clear()
        made = _classes[key] = _make_class(face["class"], attributes, methods)
    return made


def _make_class(cpp_name, attributes, methods):
    name = _last_part(cpp_name)
    namespace = {"__slots__": (), "__module__": "C++", "__doc__": f"{cpp_name} of the C++ program."}
    for attribute, writable in attributes.items():
        namespace[attribute] = _property(name, attribute, writable)
    for method, parameters in methods.items():
        namespace[method] = _method(name, method, parameters)
    return type(name, (HostObject,), namespace)


def _last_part(cpp_name):
    """"Thing<int, a::B>" of "ns::(anonymous namespace)::Thing<int, a::B>"."""
    depth = start = 0
    for position, letter in enumerate(cpp_name):
        depth += (letter in "<(") - (letter in ">)")
        if letter == ":" and depth == 0:
            start = position + 1
    return cpp_name[start:]


def _property(class_name, name, writable):
    shown = f"{class_name}.{name}"

    def get(self):
        return invoke(self, shown, (name,), None)

    def set(self, value):
        invoke(self, shown, (f"{name}=", as_object(value) if writable == "object" else value), None)

    return property(get, set if writable else None)


def _method(class_name, name, face):
    shown = f"{class_name}.{name}"
    parameters = face

    def method(self, /, *args, **kwargs):
        return invoke(self, shown, (f"{name}()", *args), kwargs)

    if isinstance(face, dict):
        parameters = face["names"]

        def method(self, /, *args, **kwargs):
            args, kwargs = as_wanted(face, args, kwargs)
            return invoke(self, shown, (f"{name}()", *args), kwargs)

    method.__name__ = name
    method.__qualname__ = shown
    if parameters is not None:
        import inspect

        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        method.__signature__ = inspect.Signature([own, *(inspect.Parameter(each, kind) for each in parameters)])
    return method
