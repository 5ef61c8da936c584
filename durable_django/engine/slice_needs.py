"""What every slice of an engine uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from durable_django.domain.claim import Claim
from durable_django.domain.execution import NewExecution
from durable_django.domain.retry_policy import RetryPolicy
from durable_django.engine.action_runner import ActionRunner
from durable_django.engine.branch_crew import BranchCrew
from durable_django.engine.error_recorder import ErrorRecorder
from durable_django.engine.notifier import Notifier
from durable_django.engine.serialization import Payloads
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.ports.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceNeeds:
    """What every slice of an engine uses."""

    store: CheckpointStore
    clock: Clock
    payloads: Payloads
    actions: ActionRunner
    errors: ErrorRecorder
    notifier: Notifier
    #: Whether the process is sure enough of its lease to begin an action.
    may_begin: Callable[[Claim], bool]
    #: How many transactions of user code are open in this thread (a TestCase's own do not count).
    transaction_depth: Callable[[], int]
    undo_retry: RetryPolicy
    #: Runs the branches of groups.
    branches: BranchCrew
    #: Rings for a queue in which something became due.
    wake: Callable[[str], object]
    #: Returns what to insert to start a workflow (or a workflow with options) with arguments.
    plan_child: Callable[[Any, tuple[Any, ...], Mapping[str, Any]], NewExecution]
    #: The most ancestors that an execution may have.
    max_depth: int
