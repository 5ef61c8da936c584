"""A story: a workflow, what its client does meanwhile, and how both must end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from durable_django.domain.status import ExecutionStatus
from durable_django.engine.durable_engine import DurableEngine
from tests.crash_points.snapshot import Row

Act = Callable[[DurableEngine, UUID], object]


@dataclass(frozen=True, kw_only=True)
class Story:
    """One workflow, its client, and how it must end."""

    workflow: str
    status: ExecutionStatus
    #: The keys of the steps and undos whose actions run, in order, each once.
    script: tuple[str, ...]
    #: The encoded result.
    output: str | None = None
    acts: Mapping[str, Act] = field(default_factory=dict)
    #: What the client does when it sees the execution like this, if anything.
    next_act: Callable[[Row], str | None] = lambda _: None
    #: A run without faults has at least this many points: fewer means that the instrument is blind.
    min_points: int = 40
    #: Statuses and results that a crash may lead to instead.
    other_ends: tuple[tuple[ExecutionStatus, str | None], ...] = ()
    #: Steps whose action never runs twice, crash or not.
    at_most_once: frozenset[str] = frozenset()
    #: Whether its actions always run in the order of the script: those of branches need not.
    is_ordered: bool = True
    #: The undos that run, in order; None: as the calls stand in the body.
    undone: tuple[str, ...] | None = None
    #: Multiplies the stride of a run: a story that is long.
    stride_factor: int = 1
    #: Timers that an act of the client moves.
    moved_timers: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.workflow.partition(".")[2]
