"""Doing something as soon as a module is imported, whoever imports it, without importing it ourselves."""

import sys


def when_imported(name, action):
    """Calls action(module) now if the module is there, else right after it has been imported."""
    module = sys.modules.get(name)
    if module is not None:
        action(module)
    else:
        sys.meta_path.insert(0, _Watch(name, action))


class _Watch:
    """A finder that finds nothing itself, but wraps the loader that another one finds for its module."""

    def __init__(self, name, action):
        self._name = name
        self._action = action

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self._name:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = find(fullname, path, target) if find and not isinstance(finder, _Watch) else None
            if spec is not None:
                break
        else:
            return None
        if not isinstance(spec.loader, type):  # a loader of builtin modules is one for all
            self._wrap(spec.loader)
        return spec

    def _wrap(self, loader):
        execute = loader.exec_module

        def exec_module(module):
            execute(module)
            if module.__name__ == self._name and self in sys.meta_path:  # a failed import is tried again
                sys.meta_path.remove(self)
                loader.exec_module = execute
                self._action(module)

        loader.exec_module = exec_module
