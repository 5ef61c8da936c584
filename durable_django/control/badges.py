"""How a status looks everywhere: an icon, a word and a colour, never a colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from durable_django.domain.execution import Execution
from durable_django.domain.status import ExecutionStatus, WaitKind
from durable_django.models import WorkflowExecution

# Asks for the character as text, where a font would show a coloured picture.
_AS_TEXT = "\ufe0e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """A status as it is shown; the classes are those of `durable.css`."""

    css_class: str
    icon: str
    label: str | Promise


def badge_of(execution: WorkflowExecution | Execution) -> Badge:
    """Return the badge of an execution: by its status, and whether it waits to try again."""
    status = ExecutionStatus(execution.status)
    if status is ExecutionStatus.SUSPENDED and execution.waiting_kind == WaitKind.RETRY:
        return RETRYING
    return BADGES[status]


def badge_of_status(status: ExecutionStatus) -> Badge:
    """Return the badge of a status, which for SUSPENDED does not say what it waits for."""
    return BADGES[status]


def _badge(name: str, icon: str, label: str | Promise) -> Badge:
    return Badge(css_class=f"dw-badge dw-{name}", icon=icon + _AS_TEXT, label=label)


RETRYING = _badge("retrying", "↻", _("Retrying"))
#: In the order in which people look at them: what happens, what waits, what needs them, what ended.
BADGES: Mapping[ExecutionStatus, Badge] = {
    ExecutionStatus.PENDING: _badge("pending", "○", _("Pending")),
    ExecutionStatus.RUNNING: _badge("running", "▶", _("Running")),
    ExecutionStatus.SUSPENDED: _badge("suspended", "◷", _("Waiting")),
    ExecutionStatus.COMPENSATING: _badge("compensating", "↩", _("Compensating")),
    ExecutionStatus.PAUSED: _badge("paused", "‖", _("Paused")),
    ExecutionStatus.PARKED: _badge("parked", "⚑", _("Parked")),
    ExecutionStatus.FAILED: _badge("failed", "✗", _("Failed")),
    ExecutionStatus.CANCELLED: _badge("cancelled", "⊘", _("Cancelled")),
    ExecutionStatus.COMPLETED: _badge("completed", "✓", _("Completed")),
}
