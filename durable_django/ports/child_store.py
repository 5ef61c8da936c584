"""ChildStore: executions that executions start, and what becomes of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.execution import Execution, NewExecution
from durable_django.domain.status import ExecutionStatus, Interrupt


class ChildStore(Protocol):
    """What a store does for parents and children.

    A child that its parent waits for is started by `suspend` or `open_waits`, with the wait. In
    the transaction that ends a child, the parent is told, whatever the end is: news, of the kind
    and the key of the call that started it. Of the items of a map it is told of the last one, and
    of every one that did not complete.
    """

    def start_child(
        self, claim: Claim, checkpoint: Checkpoint, child: NewExecution
    ) -> Interrupt | None:
        """Insert an execution nobody waits for, and the outcome of the call, in one transaction."""

    def start_map_children(
        self, claim: Claim, call: str, children: Sequence[NewExecution]
    ) -> Interrupt | None:
        """Insert the children of a map that it has not started yet, in one transaction.

        An item whose child is there already, and has completed or is under way, keeps it. One
        that was started by an earlier attempt of the map, and failed or was cancelled, or whose
        item was undone since, is detached (it is no child of the map any more), and the new one
        takes its place.
        """

    def settle_map(
        self, claim: Claim, checkpoint: Checkpoint, compensation: str
    ) -> Interrupt | None:
        """Close the attempt of a map as COMPLETED, and keep its children's outcomes as items.

        `compensation` is the import path of their undo, if they have one.
        """

    def find_executions(self, ids: Collection[UUID]) -> dict[UUID, Execution]:
        """Return those of the executions that there are, by id."""

    def list_children(
        self,
        parent_id: UUID,
        *,
        keys: Collection[str] | None = None,
        open_only: bool = False,
        after: UUID | None = None,
        limit: int = 100,
    ) -> list[Execution]:
        """Return the children, oldest first (by id), that come after an id.

        With `keys`, only those that these calls started; `open_only` leaves out what has ended.
        """

    def count_children(self, parent_id: UUID, call: str) -> dict[ExecutionStatus, int]:
        """Return how many children a map has in which status."""
