"""What an execution of the demo is about, who interferes with it, and where it must end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from durable_django import ExecutionStatus
from example_project.simulation.board import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One execution and its story."""

    id: UUID
    #: The order, account or claim number, or the applicant.
    name: str
    workflow: str
    story: str
    ends: ExecutionStatus
    #: The class of the error it ends with, without its module.
    error: str = ""
    #: Each is done once, when the execution first waits for what the key names: a signal, a timer,
    #: a task or a child.
    acts: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    #: It is left waiting for this, for whoever watches.
    stays_at: str = ""
    #: The worker that charges this order is killed.
    is_victim: bool = False

    def is_over(self, line: Line) -> bool:
        """Whether nothing more is to come of it, as far as the demo goes."""
        if self.stays_at:
            return line.status is self.ends and line.is_waiting_for(self.stays_at)
        return line.has_settled
