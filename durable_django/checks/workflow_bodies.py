"""Check the bodies of registered workflows for what goes wrong on replay (W022).

A remark on a line is silenced by `# durable: ok` on it.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

from django.core.checks import CheckMessage
from django.core.checks import Warning as CheckWarning

from durable_django.checks.body_lint import BodyLint, Remark
from durable_django.checks.name_resolver import NameResolver
from durable_django.domain.definition import WorkflowDefinition
from durable_django.engine.registry import default_registry

SILENCER = "# durable: ok"


def check_workflow_bodies(**_: Any) -> list[CheckMessage]:
    """Report the traps in every workflow this process knows."""
    return [
        message
        for definition in default_registry.list_definitions()
        for message in lint_workflow(definition)
    ]


def lint_workflow(definition: WorkflowDefinition) -> list[CheckMessage]:
    """Return what is to be said of one body, in the order of its lines.

    A body whose source is not to be had (the interactive shell) is passed over.
    """
    body = inspect.unwrap(definition.body)
    try:
        lines, first = inspect.getsourcelines(body)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return []
    function = tree.body[0] if tree.body else None
    if not isinstance(function, ast.FunctionDef):
        return []
    file = inspect.getsourcefile(body) or "?"
    return [
        CheckWarning(
            f"Workflow {definition.name!r}, line {first + remark.line - 1}: {remark.problem}",
            hint=f"{remark.remedy} If it is meant, end the line with `{SILENCER}`.",
            obj=f"{file}:{first + remark.line - 1}",
            id="durable_django.W022",
        )
        for remark in BodyLint(function, NameResolver(body, function)).list_remarks()
        if not _is_silenced(remark, lines)
    ]


def _is_silenced(remark: Remark, lines: list[str]) -> bool:
    return any(SILENCER in line for line in lines[remark.line - 1 : remark.end_line])
