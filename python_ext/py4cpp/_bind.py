"""What `py4cpp bind` needs to know of a module: its names, and how each is called. The C++ side writes the header."""

import inspect
import types

_SIMPLE = (bool, int, float, str)


def describe(module_name, wanted):
    """[module name, its documentation, [entry, ...]]. With `wanted` only these names; those that it lacks aren't there.

    An entry is a dict: name; kind "function", "class", "value" or "unknown" (callable, but nobody knows how); doc; for
    a value its type; else parameters, each a dict: name, kind ("positional", "option", "rest", "keywords"), by_keyword,
    and for an option its default: None if there is none or it is no bool, int, float or str, else [value].
    """
    import importlib

    module = importlib.import_module(module_name)
    entries = []
    for name in wanted or _names(module):
        if hasattr(module, name) and name.isidentifier():
            entry = _entry(name, getattr(module, name))
            if entry is not None:
                entries.append(entry)
    return [module_name, _doc(module), entries]


def _names(module):
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return sorted({str(name) for name in listed})
    public = [name for name in sorted(vars(module)) if not name.startswith("_")]
    return [name for name in public if _is_own(module, getattr(module, name))]


def _is_own(module, thing):
    """Without __all__, what a module has imported is told by where it was defined, as far as that is known."""
    if isinstance(thing, types.ModuleType):
        return False
    if isinstance(thing, _SIMPLE):
        return True
    home = getattr(thing, "__module__", None)
    own = module.__name__
    if isinstance(thing, type) or isinstance(thing, types.FunctionType):
        return isinstance(home, str) and (home == own or home.startswith(own + "."))
    if not callable(thing):
        return False
    if isinstance(thing, types.BuiltinFunctionType):
        return home is None or home.split(".")[0].lstrip("_") == own.split(".")[0]
    return type(thing).__module__.split(".")[0] != "typing" and (
        not isinstance(home, str) or home.split(".")[0] == own.split(".")[0]
    )


def _doc(thing):
    try:
        return inspect.getdoc(thing) or ""
    except Exception:
        return ""


def _entry(name, thing):
    if isinstance(thing, types.ModuleType):
        return None
    if type(thing) in _SIMPLE:
        return {"name": name, "kind": "value", "doc": "", "type": type(thing).__name__, "parameters": []}
    if not callable(thing):
        return None
    kind = "class" if isinstance(thing, type) else "function"
    try:
        signature = inspect.signature(thing)
        parameters = _parameters(signature, _hints(thing))
    except (ValueError, TypeError):
        return {"name": name, "kind": "unknown" if kind == "function" else "class", "doc": _doc(thing), "type": "",
                "parameters": [_rest("args"), _keywords("kwargs")]}
    return {"name": name, "kind": kind, "doc": _doc(thing), "type": "", "parameters": parameters}


def _hints(thing):
    import typing

    try:
        return typing.get_type_hints(thing.__init__ if isinstance(thing, type) else thing)
    except Exception:
        return {}


def _rest(name):
    return {"name": name, "kind": "rest", "by_keyword": False, "default": None, "type": ""}


def _keywords(name):
    return {"name": name, "kind": "keywords", "by_keyword": True, "default": None, "type": ""}


def _parameters(signature, hints):
    found = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            found.append(_rest(parameter.name))
        elif parameter.kind is parameter.VAR_KEYWORD:
            found.append(_keywords(parameter.name))
        else:
            required = parameter.default is parameter.empty
            keyword_only = parameter.kind is parameter.KEYWORD_ONLY
            default = [parameter.default] if type(parameter.default) in _SIMPLE else None
            hint = hints.get(parameter.name)
            found.append({
                "name": parameter.name,
                "kind": "positional" if required and not keyword_only else "option",
                "by_keyword": parameter.kind is not parameter.POSITIONAL_ONLY,
                "required": required,
                "default": default,
                "type": hint.__name__ if hint in _SIMPLE else "",
            })
    return found
