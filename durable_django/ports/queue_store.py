"""QueueStore: what keeps due executions from being run: controls of queues, and limits."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from durable_django.domain.limit import LimitFigures
from durable_django.domain.work_queue import QueueChange, QueueControl, QueueFigures


class QueueStore(Protocol):
    """What a store does for queues that are controlled, and for executions with a limit.

    **Queues.** `claim_due`, `count_due` and `next_alarm` mind the control of a queue; `claim_one`
    does not: whoever asks for one execution advances it in its own process, outside of the queue.
    A claim takes first what a lost worker left, then the others in their order, so that nothing
    starves; where not all of them may begin, first what has begun, then what is new.

    * PAUSED: nothing is claimed. DRAINING: only what has begun, and the children that others wait
      for: else these could not end.
    * `max_running`: never are more executions of the queue held, however many claim at once. One
      whose lease ran out is not counted if it is itself to be claimed, and keeps its place else,
      because its worker might come back.
    * `rate`: every first claim takes a token from a bucket, unless the execution is only to end,
      because it was cancelled or has expired before it began. Such a one counts as begun.

    A control that is new or was lifted is minded by other processes within a second; one that is
    changed, by the next claim.

    **Limits.** An execution with a `limit_key` is held back (PENDING, waiting for LIMIT, alarm at
    its expiry or none) until it is admitted. It keeps its place until it ends: `complete` and
    `finish` admit the next one in their transaction. Others may be a little late for it, because
    nobody waits for anybody else's transaction here: `admit_waiting` makes up for that.
    """

    def change_queue(self, name: str, change: QueueChange) -> QueueControl:
        """Change a queue's control, in the caller's transaction; return it as it is now.

        A bucket is full when its rate is set, and stays as it is if the rate was the same before.
        """

    def load_queue(self, name: str) -> QueueControl:
        """Return a queue's control; nothing controls a queue that nobody changed."""

    def list_queues(self) -> list[QueueControl]:
        """Return the queues that anybody ever changed, by name."""

    def measure_queues(
        self, names: Collection[str], *, with_others: bool = False
    ) -> dict[str, QueueFigures]:
        """Return what is in these queues and, if asked, in all others that have anything in them.

        For people: it looks at every execution that has not ended.
        """

    def admit_waiting(self, limit: int) -> list[str]:
        """Admit what is ready under up to `limit` keys that have free places; return its queues.

        The next call goes on with other keys, so that all of them have their turn.
        Housekeeping, to be called every second or so: it admits what became ready by the clock,
        what nobody admitted because the one who should have died, and what a deleted or a lost
        execution made room for. Forgets keys that nothing has any more.
        """

    def next_admission(self) -> datetime | None:
        """Return when the next start that is held back, and not ready, becomes ready, if any."""

    def find_limit(self, key: str) -> LimitFigures | None:
        """Return how far a limit is used; None if no execution has it."""
