"""The names of a step's arguments, which are stored by position: by them secrets are known.

The action's path is text from the database. It is looked up among what this process has imported
already, by plain dictionary look-ups: nothing is imported, called or evaluated for it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

_MAX_DECORATORS = 10


def name_arguments(action: str, arguments: Any) -> Any:
    """Return a step's arguments by the names that its action gives them; if unknown, as they are.

    Unknown are those of a lambda, of a function inside a function, and of what is not loaded here.
    Of a `partial` the names are those of its function, from the first on.
    """
    found = _find_function(action) if isinstance(arguments, list) else None
    if found is None:
        return arguments
    code, is_bound = found
    names = code.co_varnames[int(is_bound) : code.co_argcount]
    rest = arguments[len(names) :]
    named = dict(zip(names, arguments, strict=False))
    if rest and not code.co_flags & inspect.CO_VARARGS:
        return arguments  # not what the function takes: it was another once
    if rest:
        named[code.co_varnames[code.co_argcount + code.co_kwonlyargcount]] = rest
    return named


def _find_function(path: str) -> tuple[CodeType, bool] | None:
    """Return the code of the loaded function, and whether it is a method that is bound first."""
    parts = path.split(".")
    for split in range(len(parts) - 1, 0, -1):
        module = sys.modules.get(".".join(parts[:split]))
        if isinstance(module, ModuleType):
            return _find_inside(object.__getattribute__(module, "__dict__"), parts[split:])
    return None


def _find_inside(namespace: Mapping[str, Any], parts: list[str]) -> tuple[CodeType, bool] | None:
    *classes, name = parts
    for part in classes:
        found = namespace.get(part)
        if not isinstance(found, type):
            return None
        namespace = type.__getattribute__(found, "__dict__")
    function = namespace.get(name)
    is_bound = bool(classes) and not isinstance(function, staticmethod)
    for _ in range(_MAX_DECORATORS):
        if isinstance(function, (staticmethod, classmethod)):
            function = function.__func__
        elif isinstance(function, FunctionType) and "__wrapped__" in function.__dict__:
            function = function.__dict__["__wrapped__"]
    return (function.__code__, is_bound) if isinstance(function, FunctionType) else None
