"""GroupStore: several things at once, in one execution."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.status import Interrupt
from durable_django.domain.wait import Suspension, Wait


class GroupStore(Protocol):
    """What a store does for branches, maps and broadcasts."""

    def open_waits(self, claim: Claim, wait: Wait) -> Interrupt | None:
        """Write what `suspend` would open (children, tasks, subscriptions), and go on.

        Timers are not registered: they count from the suspension.
        """

    def settle(
        self,
        claim: Claim,
        checkpoint: Checkpoint,
        *,
        fired: Collection[str] = (),
        released: Collection[str] = (),
        dropped: Collection[Checkpoint] = (),
        unless_news: bool = False,
    ) -> Interrupt | Suspension:
        """Close the call's open attempt, or insert its outcome, and end what it waited with.

        The pending timers of `fired` become FIRED. What the calls `released`, and those inside
        them, wait with is withdrawn: timers CANCELLED, subscriptions gone, active tasks
        CANCELLED. `dropped` are the open attempts of other calls, closed as given. With
        `unless_news`, nothing is written if there is news the claim has not seen: SIGNALLED, as
        `suspend` does. SUSPENDED reads: done.

        Raises:
            LeaseLost: The fence was passed, or the attempt was closed already.
        """

    def list_calls(self, execution_id: UUID) -> list[Checkpoint]:
        """Return all attempts but those of items and their undos, ordered as `list_checkpoints`.

        There may be many thousands of these; what an execution did can be told without them.
        """

    def list_items(self, execution_id: UUID, keys: Collection[str]) -> list[Checkpoint]:
        """Return the attempts of these items of a map, ordered by key, then attempt."""

    def list_subscribers(self, topic: str, *, after: UUID | None, limit: int) -> list[UUID]:
        """Return executions that wait for a topic, ordered by id, that come after an id."""
