"""Find the object that a name in a function's source stands for, without running anything."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

#: Stands for "not known": None is something a name may stand for.
UNKNOWN: Any = object()


class NameResolver:
    """Looks names up as the function would: its own imports, its closure, its module, builtins.

    So an alias (`from datetime import datetime as dt`) is seen through, and a local variable that
    is called `random` is not taken for the module.
    """

    def __init__(self, function: Callable[..., Any], tree: ast.FunctionDef) -> None:
        code = getattr(function, "__code__", None)
        self._locals = {*getattr(code, "co_varnames", ()), *getattr(code, "co_cellvars", ())}
        closure = inspect.getclosurevars(function) if code is not None else None
        self._globals = {
            **vars(builtins),
            **getattr(function, "__globals__", {}),
            **(closure.nonlocals if closure is not None else {}),
        }
        self._imported = dict(_list_imports(tree))

    def resolve(self, node: ast.expr) -> Any:
        """Return what `name` or `name.attribute…` stands for, or UNKNOWN.

        Attributes are read of modules and classes only: reading them of other things may run code,
        and so may asking a module for what it does not have yet.
        """
        if isinstance(node, ast.Name):
            if node.id in self._imported:
                return self._imported[node.id]
            return UNKNOWN if node.id in self._locals else self._globals.get(node.id, UNKNOWN)
        if isinstance(node, ast.Attribute):
            owner = self.resolve(node.value)
            if isinstance(owner, ModuleType):
                return vars(owner).get(node.attr, UNKNOWN)
            if isinstance(owner, type):
                return getattr(owner, node.attr, UNKNOWN)
        return UNKNOWN


def _list_imports(tree: ast.FunctionDef) -> list[tuple[str, Any]]:
    """Return the names that the function itself imports from modules that are loaded."""
    found: list[tuple[str, Any]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                found.append((alias.asname or name, _load(name)))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                owner = _load(node.module)
                found.append((alias.asname or alias.name, getattr(owner, alias.name, UNKNOWN)))
    return found


def _load(name: str) -> Any:
    # The standard library is as good as loaded; other modules are not imported for a check.
    if name.partition(".")[0] in sys.stdlib_module_names:
        try:
            return importlib.import_module(name)
        except ImportError:
            return UNKNOWN
    return sys.modules.get(name, UNKNOWN)
