"""Read a workflow's body for what goes wrong on replay or in the way of suspension.

Sees the body itself, not the functions it calls. Nested functions and lambdas are taken for
actions: inside them everything is allowed except a durable call.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from durable_django.checks.forbidden_calls import AMBIENT, find_forbidden_call, is_atomic
from durable_django.checks.name_resolver import NameResolver

DURABLE_CALLS = frozenset({"step", "sleep", "sleep_until", "wait_signal"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What is wrong on which lines of the source (from 1, both included), and what to do."""

    line: int
    end_line: int
    problem: str
    remedy: str


class BodyLint(ast.NodeVisitor):
    """Collects remarks on one body."""

    def __init__(self, function: ast.FunctionDef, names: NameResolver) -> None:
        self._function = function
        self._names = names
        parameters = [*function.args.posonlyargs, *function.args.args]
        self._ctx = parameters[0].arg if parameters else ""
        self._remarks: list[Remark] = []

    def list_remarks(self) -> list[Remark]:
        """Return all remarks, ordered by line."""
        for statement in self._function.body:
            self.visit(statement)
        # A chain of calls is one remark, though each of its links is a call.
        return sorted(dict.fromkeys(self._remarks), key=lambda remark: remark.line)

    # --- not the body's own code ---

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Pass over an inner function: it is an action, or gets the context handed in."""

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """Pass over an inner coroutine function, which can only be an action."""

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Pass over an inner class."""

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Refuse a durable call in what is handed to a step."""
        for call in self._list_durable_calls(node.body):
            self._add(
                call,
                "a durable call stands inside an action, where it is refused.",
                "Call it in the body, and hand its result to the step.",
            )

    # --- what differs on replay ---

    def visit_Call(self, node: ast.Call) -> None:
        """Look at what is called, then into its arguments."""
        found = find_forbidden_call(node.func, self._names)
        if found is not None:
            self._add(node, *found)
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Look for `os.environ`."""
        self._check_ambient(node)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        """Look for `environ`, imported by name."""
        self._check_ambient(node)

    def visit_For(self, node: ast.For) -> None:
        """Look for a loop over a set."""
        self._check_order(node.iter)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        """Look for a comprehension over a set."""
        self._check_order(node.iter)
        self.generic_visit(node)

    # --- what stands in the way of suspension ---

    def visit_With(self, node: ast.With) -> None:
        """Look for a durable call inside a transaction."""
        if any(is_atomic(item.context_expr, self._names) for item in node.items):
            for call in self._list_durable_calls(*node.body):
                self._add(
                    call,
                    "a durable call stands inside transaction.atomic(), where it is refused: the "
                    "block could take back what was recorded.",
                    "Move the block into a step with atomic=True.",
                )
        self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> None:
        """Look at the handlers and the `finally` around durable calls."""
        if any(self._list_durable_calls(*node.body)):
            self._check_handlers(node)
            self._check_leaving(node)
        for call in self._list_durable_calls(*node.finalbody):
            self._add(
                call,
                "a durable call stands in `finally`, which also runs whenever the workflow is "
                "suspended.",
                "Use compensate= on the step that must be undone, or `except` and `else`.",
            )
        self.generic_visit(node)

    def visit_TryStar(self, node: ast.TryStar) -> None:
        """Look at `except*` as at `except`."""
        self.visit_Try(ast.Try(**{name: getattr(node, name) for name in ast.Try._fields}))

    def _check_handlers(self, node: ast.Try) -> None:
        for handler in node.handlers:
            kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
            if not any(k is None or self._names.resolve(k) is BaseException for k in kinds):
                continue
            if not any(isinstance(inner, ast.Raise) for inner in _walk_own(*handler.body)):
                self._add(
                    handler,
                    "it swallows the suspension of the durable calls above it, which is no error.",
                    "Write `except Exception`, or end the handler with a bare `raise`.",
                    only_head=True,
                )

    def _check_leaving(self, node: ast.Try) -> None:
        for inner in _walk_own(*node.finalbody):
            if isinstance(inner, ast.Return):
                self._add(
                    inner,
                    "a `return` in `finally` swallows the suspension of the durable calls above.",
                    "Return after the `try` statement.",
                )

    # --- the small questions ---

    def _check_ambient(self, node: ast.Attribute | ast.Name) -> None:
        found = self._names.resolve(node)
        if any(found is ambient for ambient in AMBIENT):
            self._add(
                node,
                "it reads the process's environment, which may differ where it is replayed.",
                "Pass the value as an argument, or read it in a step.",
            )

    def _check_order(self, node: ast.expr) -> None:
        is_set = isinstance(node, (ast.Set, ast.SetComp))
        if isinstance(node, ast.Call):
            is_set = self._names.resolve(node.func) in (set, frozenset)
        if is_set:
            self._add(
                node,
                "it goes over a set, whose order differs from process to process.",
                "Go over sorted(…) of it.",
            )

    def _list_durable_calls(self, *nodes: ast.AST) -> Iterator[ast.Call]:
        """Yield the calls of the context's methods, and those that are handed the context."""
        for node in _walk_own(*nodes):
            if isinstance(node, ast.Call) and (
                (
                    isinstance(node.func, ast.Attribute)
                    and node.func.attr in DURABLE_CALLS
                    and self._is_context(node.func.value)
                )
                or any(self._is_context(argument) for argument in node.args)
            ):
                yield node

    def _is_context(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == self._ctx

    def _add(self, node: ast.AST, problem: str, remedy: str, *, only_head: bool = False) -> None:
        line = getattr(node, "lineno", 1)
        end_line = line if only_head else getattr(node, "end_lineno", None) or line
        self._remarks.append(Remark(line=line, end_line=end_line, problem=problem, remedy=remedy))


def _walk_own(*nodes: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes and what is in them, but nothing inside inner functions and lambdas."""
    rest = list(nodes)
    while rest:
        node = rest.pop(0)
        yield node
        if not isinstance(node, (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef)):
            rest.extend(ast.iter_child_nodes(node))
