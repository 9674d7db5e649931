"""Turns the texts of eval, exec and set into something the extension can call again and again.

Text without named values is plain code for the global namespace. Text with named values becomes the body of a function
that has them as parameters, so nested scopes see them and nothing is left behind; the names that the text assigns are
declared global in it. A named value that the text itself assigns must be a global while the text runs, and so must all
of them for a text that can be no function's body. One that the body of a class assigns is both: such a body looks past
the function around it.
"""

import __future__
import sys

from ._imports import when_imported

SHOWN_NAME = "<py4cpp>"  # the file name in errors of syntax; tracebacks need one for each text

_globals = vars(sys.modules["__main__"])
_future_flags = 0
for _feature in __future__.all_feature_names:
    _future_flags |= getattr(__future__, _feature).compiler_flag

_sources = {}  # file name: an entry of linecache.cache, oldest first
_source_size = 0
_MOST_SOURCES = 4096
_MOST_SOURCE_SIZE = 16 << 20
_numbered = 0


def compile_text(mode, text, names):
    """mode is "eval", "exec" or "set". Without names a code object for the first two, else a function of one positional
    value for each name; for "set" a function of the value to assign."""
    filename = _next_filename()
    if mode == "set":
        function = _assigning(text, filename)
    else:
        text, code = _compile(mode, text, filename)
        function = _with_names(mode, text, code, filename, names) if names else code
    _remember(filename, text)
    return function


# ---- sources, for tracebacks


def _next_filename():
    global _numbered
    _numbered += 1
    return f"{SHOWN_NAME[:-1]}-{_numbered}>"


def _remember(filename, text):
    global _source_size
    entry = (len(text), None, text.splitlines(keepends=True), filename)
    _sources[filename] = entry
    _source_size += len(text)
    linecache = sys.modules.get("linecache")
    cache = getattr(linecache, "cache", None)
    if cache is not None:
        cache[filename] = entry
    while len(_sources) > _MOST_SOURCES or (_source_size > _MOST_SOURCE_SIZE and len(_sources) > 1):
        oldest = next(iter(_sources))
        _source_size -= _sources.pop(oldest)[0]
        if cache is not None:
            cache.pop(oldest, None)


# Importing linecache takes longer than all the rest of starting, and most programs never print a traceback.
when_imported("linecache", lambda linecache: linecache.cache.update(_sources))


# ---- compiling


def _compile(mode, text, filename):
    """The text that was compiled, and its code. Text indented as a whole, as in C++ raw strings, is forgiven."""
    try:
        return text, compile(text, filename, mode, 0, True)
    except IndentationError as error:
        indented = error
        straight = _straightened(mode, text)
    except SyntaxError as error:
        raise _shown(error)
    try:
        return straight, compile(straight, filename, mode, 0, True)
    except SyntaxError:
        pass
    raise _shown(indented)


def _straightened(mode, text):
    if mode == "eval":
        stripped = text.lstrip()
        return "\n" * text[: len(text) - len(stripped)].count("\n") + stripped
    import textwrap

    return textwrap.dedent(text)


def _shown(error):
    error.filename = SHOWN_NAME
    error.__context__ = None
    return error.with_traceback(None)


def _with_names(mode, text, code, filename, names):
    names = _checked_names(names)
    import ast
    import symtable

    scope = symtable.symtable(text, filename, mode)
    bound = {symbol.get_name() for symbol in scope.get_symbols() if _binds(symbol) or symbol.is_declared_global()}
    rebound = [name for name in names if name in bound]
    parameters = [name for name in names if name not in bound]
    in_classes = _bound_in_classes(scope).intersection(parameters)
    if rebound or in_classes:
        parameters.append(_Rewriter.RECORD)
    try:
        tree = compile(text, filename, mode, ast.PyCF_ONLY_AST, True)
        body = _Rewriter(rebound).statements(tree.body) if mode == "exec" else [_at(ast.Return(value=tree.body))]
        function = _function(body, parameters, bound, filename, code.co_flags & _future_flags)
    except (_OnlyForModules, RecursionError):  # compile() takes deeper nesting as text than as a tree
        return _in_globals(code, names)
    return _rebinding(function, names, rebound, in_classes) if rebound or in_classes else function


class _OnlyForModules(Exception):
    """The text can't be the body of a function."""


def _checked_names(names):
    """As Python reads them: the micro sign in a text is the Greek letter."""
    import keyword

    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise SyntaxError(f"a value can't be named {name!r}")
    if all(map(str.isascii, names)):
        return names
    import unicodedata

    return [unicodedata.normalize("NFKC", name) for name in names]


def _binds(symbol):
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_annotated()


def _bound_in_classes(scope):
    names = set()
    scopes = [scope]
    while scopes:
        scope = scopes.pop()
        scopes.extend(scope.get_children())
        if scope.get_type() == "class":
            names.update(symbol.get_name() for symbol in scope.get_symbols() if _binds(symbol))
    return names


def _at(node):
    node.lineno = node.end_lineno = 1
    node.col_offset = node.end_col_offset = 0
    return node


def _function(body, parameters, global_names, filename, flags):
    import ast
    import types

    if global_names:
        body = [_at(ast.Global(names=sorted(global_names))), *body]
    arguments = ast.arguments(
        posonlyargs=[_at(ast.arg(arg=name)) for name in parameters],
        args=[],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )
    body = body or [_at(ast.Pass())]
    definition = _at(ast.FunctionDef(name="<module>", args=arguments, body=body, decorator_list=[]))
    definition.type_params = []
    module = compile(ast.Module(body=[definition], type_ignores=[]), filename, "exec", flags, True)
    code = next(constant for constant in module.co_consts if isinstance(constant, types.CodeType))
    return types.FunctionType(code, _globals)


class _Rewriter:
    """Makes the statements of a module fit for the body of a function whose assigned names are declared global. Where a
    name of `rebound` is assigned, the name is added to the set that the function gets as RECORD."""

    RECORD = ".assigned"  # no identifier, so no text can mean it

    def __init__(self, rebound):
        self._rebound = frozenset(rebound)

    def statements(self, body):
        return [replacement for statement in body for replacement in self._statement(statement)]

    def _statement(self, statement):
        import ast

        if isinstance(statement, ast.Global):
            return []
        if isinstance(statement, ast.ImportFrom):
            if any(alias.name == "*" for alias in statement.names):
                raise _OnlyForModules
            return [] if statement.module == "__future__" and not statement.level else [statement]
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            if statement.value is None:
                return []
            statement = ast.copy_location(ast.Assign(targets=[statement.target], value=statement.value), statement)
        if isinstance(statement, (ast.Assign, ast.AugAssign)):
            return [statement, *self._records(statement)]
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self._blocks(statement)
        return [statement]

    def _blocks(self, statement):
        import ast

        for field in ("body", "orelse", "finalbody"):
            block = getattr(statement, field, None)
            if block:
                setattr(statement, field, self.statements(block) or [_at(ast.Pass())])
        for part in [*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())]:
            self._blocks(part)

    def _records(self, statement):
        import ast

        if not self._rebound:
            return
        for target in getattr(statement, "targets", None) or [statement.target]:
            for node in ast.walk(target):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in self._rebound:
                    record = _at(ast.Name(id=self.RECORD, ctx=ast.Load()))
                    add = _at(ast.Attribute(value=record, attr="add", ctx=ast.Load()))
                    call = _at(ast.Call(func=add, args=[_at(ast.Constant(value=node.id))], keywords=[]))
                    yield ast.copy_location(ast.Expr(value=call), statement)


# ---- named values that are globals for a while

_MISSING = object()


class _Borrowed:
    """Makes values global while it is entered. One that was assigned meanwhile stays; the others make room again for
    what had their names before."""

    def __init__(self, values, assigned):
        self._values = values
        self._assigned = assigned

    def __enter__(self):
        self._before = {name: _globals.get(name, _MISSING) for name in self._values}
        _globals.update(self._values)

    def __exit__(self, *_):
        for name, before in self._before.items():
            now = _globals.get(name, _MISSING)
            if now is not _MISSING and (name in self._assigned or now is not self._values[name]):
                continue
            if before is not _MISSING:
                _globals[name] = before
            elif now is not _MISSING:
                del _globals[name]


def _rebinding(function, names, rebound, in_classes):
    def run(*values):
        given = dict(zip(names, values))
        assigned = set()
        borrowed = {name: given[name] for name in in_classes}
        borrowed.update((name, given.pop(name)) for name in rebound)
        with _Borrowed(borrowed, assigned):
            return function(*given.values(), assigned)

    return run


def _in_globals(code, names):
    def run(*values):
        with _Borrowed(dict(zip(names, values)), ()):
            return eval(code, _globals)

    return run


# ---- targets of assignments


def _assigning(text, filename):
    import ast

    target = _target(text)
    assigned = {node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    statement = _at(ast.Assign(targets=[target], value=_at(ast.Name(id=".value", ctx=ast.Load()))))
    try:
        return _function([statement], [".value"], assigned, filename, 0)
    except (SyntaxError, ValueError) as error:  # None = 1, __debug__ = 1, *a = 1
        message = error.msg if isinstance(error, SyntaxError) else str(error)
    raise SyntaxError(message, (SHOWN_NAME, 1, 1, text))


def _target(text):
    import ast

    try:
        body = ast.parse(text.strip(), SHOWN_NAME).body
    except SyntaxError as error:
        raise _shown(error)
    target = body[0].value if len(body) == 1 and isinstance(body[0], ast.Expr) else None
    if target is None or not _make_store(target):
        raise SyntaxError(f"cannot assign to {text!r}", (SHOWN_NAME, 1, 1, text))
    return target


def _make_store(node):
    import ast

    if isinstance(node, (ast.Tuple, ast.List)):
        if not all(_make_store(element) for element in node.elts):
            return False
    elif isinstance(node, ast.Starred):
        if not _make_store(node.value):
            return False
    elif not isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
        return False
    node.ctx = ast.Store()
    return True
