"""A store that dies at the write you name, to prove that everything goes on from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from durable_django.ports.checkpoint_store import CheckpointStore

#: What a worker writes. What a caller writes (start, signal, cancel …) is in the caller's hands.
WORKER_WRITES = (
    "claim_due",
    "claim_one",
    "release",
    "abandon",
    "clear_recoveries",
    "note_begun",
    "record_intent",
    "record_outcome",
    "run_atomic",
    "fire_timer",
    "deliver_signal",
    "expire_wait",
    "expire_task",
    "remind_task",
    "escalate_task",
    "suspend",
    "open_waits",
    "settle",
    "start_child",
    "start_map_children",
    "settle_map",
    "complete",
    "begin_compensation",
    "record_undo",
    "run_atomic_undo",
    "finish",
    "park",
    "pause",
)
OTHERS = (
    "now",
    "insert_executions",
    "add_signal",
    "transact",
    "add_event",
    "insert_fork",
    "hasten",
    "list_events",
    "request_cancel",
    "request_pause",
    "resume",
    "retry",
    "load_execution",
    "find_execution_by_key",
    "list_executions",
    "list_checkpoints",
    "list_timers",
    "list_signals",
    "claim_task",
    "release_task",
    "assign_task",
    "complete_task",
    "cancel_task",
    "load_task",
    "list_tasks",
    "renew",
    "adopt_orphans",
    "next_alarm",
    "count_due",
    "change_queue",
    "load_queue",
    "list_queues",
    "measure_queues",
    "admit_waiting",
    "next_admission",
    "find_limit",
    "find_executions",
    "list_children",
    "count_children",
    "list_calls",
    "list_items",
    "list_subscribers",
    "record_progress",
    "delete_finished",
    "count_finished",
)


class SimulatedCrash(BaseException):
    """The process dies here. Not an Exception: nobody may catch it and go on."""


@dataclass(frozen=True, slots=True)
class CrashPoint:
    """Before or after the `number`-th write (from 1)."""

    number: int
    is_after: bool


class CrashingStore:
    """Counts a worker's writes to another store, and dies once, at the crash point."""

    def __init__(self, store: CheckpointStore, point: CrashPoint | None = None) -> None:
        self._point = point
        #: The names of the writes so far. A claim that found nothing is no write.
        self.writes: list[str] = []
        for name in WORKER_WRITES:
            setattr(self, name, self._counted(name, getattr(store, name)))
        for name in OTHERS:
            setattr(self, name, getattr(store, name))

    def as_store(self) -> CheckpointStore:
        """Return it as what it is at run time."""
        return cast("CheckpointStore", self)

    def _counted(self, name: str, write: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            number = len(self.writes) + 1
            is_claim = name.startswith("claim")
            if not is_claim:
                self._die_at(number, is_after=False)
            answer = write(*args, **kwargs)
            if is_claim and not answer:
                return answer
            self.writes.append(name)
            if is_claim:
                # Before a claim nothing is held: dying there is dying after the write before it.
                self._die_at(number, is_after=False)
            self._die_at(number, is_after=True)
            return answer

        return counted

    def _die_at(self, number: int, *, is_after: bool) -> None:
        if self._point == CrashPoint(number, is_after=is_after):
            self._point = None
            raise SimulatedCrash(f"{'after' if is_after else 'before'} write {number}")
