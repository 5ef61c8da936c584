"""Branches under their groups: the tree in which an execution's calls stand, by their keys.

A call in a branch has the key `group/branch`, or `group/branch/call` if the branch is a body of
its own. A group has a row only once it is decided, and a branch that is a body has none: both are
found by the calls in them. Nothing here reads a database, and nothing falls over what is written
by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from durable_django.control.calls import Call, order_of
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.status import CheckpointKind, CheckpointStatus
from durable_django.engine.branches import BranchStatus
from durable_django.engine.group_record import GroupRecord, read_record

#: Deeper ones stand where their group stands.
MAX_DEPTH = 8

#: What the engine records of an attempt that it gave up.
_GIVEN_UP = frozenset({"BranchDropped", "MapInterrupted"})
#: What people read of a branch of a decided group.
BRANCH_WORDS = {
    BranchStatus.UNBEGUN: _("not begun"),
    BranchStatus.WAITING: _("dropped while it waited"),
    BranchStatus.DONE: _("done"),
    BranchStatus.FAILED: _("failed"),
    BranchStatus.DROPPED: _("dropped"),
}


@dataclass(slots=True)
class Place:
    """Where something stands in the tree: a call, or what is only known by the calls in it."""

    key: str
    #: The last part of the key: its name among its siblings.
    label: str
    depth: int = 0
    #: None of a group that is not decided, and of a branch that is a body of its own.
    call: Call | None = None
    #: What it stands in; None in the body.
    outer: Place | None = None
    #: What stands in it, in order.
    inside: list[Place] = field(default_factory=list)

    @property
    def is_group(self) -> bool:
        """Whether it has branches, and is no branch that is a body of its own."""
        if self.call is not None:
            return self.call.kind is CheckpointKind.GROUP
        # Groups and bodies alternate, and the outermost is a group.
        return self.depth % 2 == 0

    @property
    def attempts(self) -> list[Checkpoint]:
        """All attempts of it and of what stands in it, undos left out."""
        own = list(self.call.attempts) if self.call is not None else []
        return [*own, *(row for place in self.inside for row in place.attempts)]

    @property
    def order(self) -> tuple[datetime, int, int]:
        """What puts it among its siblings: the first thing that was done in it."""
        return min(order_of(row) for row in self.attempts)


def arrange(calls: Iterable[Call]) -> list[Place]:
    """Return the calls of the body in the order they were first made, with what stands in them."""
    top: list[Place] = []
    known: dict[str, Place] = {}
    # Whatever comes first in the order of keys is what the others stand in.
    for call in sorted(calls, key=lambda call: call.key.count("/")):
        scopes = _scopes_of(call)
        siblings, outer = top, None
        for depth, scope in enumerate(scopes):
            if scope not in known:
                label = scope.rpartition("/")[2]
                known[scope] = Place(key=scope, label=label, depth=depth, outer=outer)
                siblings.append(known[scope])
            outer = known[scope]
            siblings = outer.inside
        label = call.key.rpartition("/")[2] if scopes else call.key
        place = Place(key=call.key, label=label, depth=len(scopes), call=call, outer=outer)
        found = known.setdefault(call.key, place)
        if found is not place and found.call is None:
            found.call = call
        else:
            siblings.append(place)
    return _sorted(top)


def flatten(places: Iterable[Place]) -> Iterator[Place]:
    """Yield every place before what stands in it."""
    for place in places:
        yield place
        yield from flatten(place.inside)


def read_group(row: Checkpoint) -> GroupRecord | None:
    """Return how a group ended; None if its row says nothing that can be read."""
    if row.kind is not CheckpointKind.GROUP:
        return None
    try:
        record = read_record(row)
    except (ValueError, KeyError, TypeError, AttributeError):  # written by hand
        return None
    by: object = record.by
    return record if isinstance(by, str) else None


def branch_status(place: Place) -> BranchStatus | None:
    """Return how a branch ended by its group's record; None if that is not decided, or not known."""
    group = place.outer.call if place.outer is not None else None
    record = read_group(group.last) if group is not None else None
    return record.statuses.get(place.label) if record is not None else None


def is_race(place: Place) -> bool:
    """Say whether a group was decided by the first of its branches that ended."""
    record = read_group(place.call.last) if place.call is not None else None
    return record is not None and bool(record.by) and not record.has_failed


def begun_at(place: Place) -> datetime | None:
    """Return when the first thing in it was begun."""
    starts = [row.started_at for row in place.attempts if row.started_at is not None]
    return min(starts, default=None)


def is_dropped(row: Checkpoint) -> bool:
    """Say whether the attempt was given up: its group was decided, or its body ended, without it."""
    if row.status is not CheckpointStatus.FAILED or row.is_final or row.retry_at is not None:
        return False
    return ErrorRecord.from_text(row.error or "").type in _GIVEN_UP


def _scopes_of(call: Call) -> list[str]:
    """Return the keys of what the call stands in, the outermost first; empty in the body."""
    if not call.last.branch_position or call.kind is CheckpointKind.UNDO:
        return []
    parts = call.key.split("/")[:-1][:MAX_DEPTH]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _sorted(places: list[Place], statuses: Sequence[str] = ()) -> list[Place]:
    """Return siblings in the order in which they are declared, if it is known, or were begun."""
    declared = {name: number for number, name in enumerate(statuses)}
    for place in places:
        record = read_group(place.call.last) if place.call is not None else None
        place.inside = _sorted(place.inside, list(record.statuses) if record else ())
    return sorted(
        places,
        key=lambda p: (declared.get(p.label, len(declared)), p.order, _branch_position(p), p.key),
    )


def _branch_position(place: Place) -> int:
    """Return its place among its siblings, as far as it is recorded; of a body it is not."""
    return place.call.last.branch_position if place.call is not None else sys.maxsize
