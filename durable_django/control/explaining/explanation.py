"""Say of an execution why it is where it is, what will wake it, and what may be done.

Three questions, answered for every state there is: `reason`, `next` and `advice` are never empty.
Nothing here knows whether a worker is alive or who looks: it tells what the rows tell, and which
acts the state allows. What programs and people wrote (messages of errors, the reason of a cancel)
passes through the hook `describe_error`: callers redact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from durable_django.control.calls import group_calls, is_held
from durable_django.control.explaining.acts import describe_acts
from durable_django.control.explaining.facts import list_facts
from durable_django.control.explaining.held import explain_held
from durable_django.control.explaining.parts import list_waited
from durable_django.control.explaining.stops import (
    explain_cancelled,
    explain_completed,
    explain_failed,
    explain_parked,
    explain_paused,
)
from durable_django.control.explaining.values import (
    Answer,
    Case,
    Explanation,
    Fact,
    Offer,
    Waited,
)
from durable_django.control.explaining.waits import explain_waiting
from durable_django.control.items import ItemCount
from durable_django.control.waiting import find_current_wait, list_current_waits
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.execution import Execution
from durable_django.domain.limit import LimitFigures
from durable_django.domain.signal import Signal
from durable_django.domain.status import ExecutionStatus
from durable_django.domain.task import Task
from durable_django.domain.timer import Timer
from durable_django.domain.work_queue import QueueControl

__all__ = ["Explanation", "Fact", "Offer", "Waited", "explain", "explanation_json"]

_STOPPED: dict[ExecutionStatus, Callable[[Case], Answer]] = {
    ExecutionStatus.COMPLETED: explain_completed,
    ExecutionStatus.FAILED: explain_failed,
    ExecutionStatus.CANCELLED: explain_cancelled,
    ExecutionStatus.PARKED: explain_parked,
    ExecutionStatus.PAUSED: explain_paused,
}


def explain(  # noqa: PLR0913 -- all that is stored of it
    execution: Execution,
    checkpoints: Sequence[Checkpoint],
    timers: Sequence[Timer],
    signals: Sequence[Signal],
    now: datetime,
    *,
    tasks: Sequence[Task] = (),
    children: Mapping[UUID, Execution] = MappingProxyType({}),
    maps: Mapping[str, ItemCount] = MappingProxyType({}),
    limit: LimitFigures | None = None,
    control: QueueControl | None = None,
    describe_error: Callable[[str], str] = str,
) -> Explanation:
    """Explain an execution as it stands at the store's `now` (aware).

    `tasks` are its human tasks; they are needed only if it waits for one. `children` are those
    that it waits for and that may be seen; `maps` says how far its maps have come. `limit` is
    needed only if it is held back, and `control`, its queue's, only if it is due.

    `describe_error` turns the message of an error, and the reason of a cancel, into what may be
    shown of it.
    """
    calls = group_calls(checkpoints)
    case = Case(
        execution=execution,
        checkpoints=checkpoints,
        calls=calls,
        timers=timers,
        signals=signals,
        now=now,
        wait=find_current_wait(execution, calls, timers),
        waits=list_current_waits(execution, calls, timers),
        error=ErrorRecord.from_text(execution.error) if execution.error else None,
        describe_error=describe_error,
        tasks=tasks,
        children=children,
        maps=maps,
        limit=limit,
        control=control,
    )
    answer = _answer(case)
    return Explanation(
        headline=answer.headline,
        reason=" ".join([answer.reason, *_list_requests(case)]),
        next=answer.next,
        advice=answer.advice,
        since=answer.since,
        until=answer.until,
        is_late=answer.is_late,
        actions=tuple(describe_acts(case)),
        facts=tuple(list_facts(case)),
        waits=tuple(list_waited(case)),
    )


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    """Return the explanation as JSON values: instants as ISO 8601 text."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(explanation).items()
    } | {
        "actions": [asdict(offer) for offer in explanation.actions],
        "facts": [asdict(fact) for fact in explanation.facts],
        "waits": [
            asdict(one) | {"until": one.until.isoformat() if one.until else None}
            for one in explanation.waits
        ],
    }


def _answer(case: Case) -> Answer:
    stopped = _STOPPED.get(case.execution.status)
    if stopped is not None:
        return stopped(case)
    return explain_held(case) if is_held(case.execution) else explain_waiting(case)


def _list_requests(case: Case) -> list[str]:
    """Return what people asked for that is not done yet."""
    execution = case.execution
    said: list[str] = []
    if execution.is_terminal:
        return said
    if execution.cancel_requested_at is not None and execution.ending is None:
        undoing = (
            _("its completed steps will be undone")
            if execution.cancel_compensates
            else _("nothing will be undone")
        )
        reason = case.describe_error(execution.cancel_reason)
        why = f" ({reason})" if reason else ""
        text = _("A cancel was requested %(at)s%(why)s; %(undoing)s.")
        at = case.say(execution.cancel_requested_at)
        said.append(text % {"at": at, "why": why, "undoing": undoing})
    is_pausing = execution.status is not ExecutionStatus.PAUSED
    if execution.pause_requested_at is not None and is_pausing:
        text = _("A pause was requested %(at)s; it takes effect before the next call.")
        said.append(text % {"at": case.say(execution.pause_requested_at)})
    return said
