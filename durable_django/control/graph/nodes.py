"""Make the nodes of a graph: of calls, of groups that are known by the calls in them, of waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from durable_django.control.calls import WAITS_OUTSIDE, undone_key
from durable_django.control.graph.values import Node, NodeKind, NodeStatus
from durable_django.control.groups import Place, branch_status, is_dropped
from durable_django.control.items import ItemCount
from durable_django.control.waiting import CurrentWait, child_id_of, say_wait
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.execution import Execution
from durable_django.domain.status import CheckpointKind, CheckpointStatus, WaitKind
from durable_django.engine.branches import BranchStatus

#: A sleep and a wait do not say when they were begun, and a group only when it was decided.
_NOT_TIMED = frozenset(
    {CheckpointKind.SLEEP, CheckpointKind.SIGNAL, CheckpointKind.EVENT, CheckpointKind.GROUP}
)
_GOES_ON = frozenset({*WAITS_OUTSIDE, CheckpointKind.MAP, CheckpointKind.POLL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The execution whose graph it is, and what is known beside its calls."""

    execution: Execution
    is_running: bool
    maps: Mapping[str, ItemCount]
    children: Mapping[UUID, Execution]


def to_node(rows: Sequence[Checkpoint], story: Story, place: Place | None = None) -> Node:
    """Return the node of a call, or of an undo, by its attempts."""
    first, last = rows[0], rows[-1]
    undone = undone_key(last)
    took = None
    if first.started_at and last.completed_at and first.started_at <= last.completed_at:
        took = last.completed_at - first.started_at
    name = place.label if place is not None and place.depth else last.key
    count = story.maps.get(last.key)
    child_id = child_id_of(last)
    if count is not None and count.total is not None:
        name = f"{name} ×{count.total}"  # noqa: RUF001 -- the sign for "times"
    return Node(
        id="",
        kind=NodeKind(last.kind),
        key=last.key,
        name=_("undo %(call)s") % {"call": undone} if undone else name,
        status=_status_of(last, story),
        attempts=len(rows),
        took=None if last.kind in _NOT_TIMED else took,
        items=count.say() if count is not None else "",
        execution_id=child_id if child_id in story.children else None,
    )


def to_open_node(place: Place, story: Story) -> Node:
    """Return the node of a group that is not decided, or of a branch that is a body of its own."""
    is_over = story.execution.is_terminal
    status = NodeStatus.OPEN if is_over else NodeStatus.WAITING
    ended = branch_status(place)
    if ended is not None:
        status = _STATUS_OF[ended]
    return Node(
        id="",
        kind=NodeKind.GROUP if place.is_group else NodeKind.BRANCH,
        key=place.key,
        name=place.label if place.depth else place.key,
        status=status,
    )


def to_wait(wait: CurrentWait) -> Node:
    """Return the node of something that it waits for and of which nothing is recorded."""
    name = wait.key.rpartition("/")[2] or say_wait(wait)
    return Node(
        id="",
        kind=_KIND_OF.get(wait.kind, NodeKind.STEP),
        key=wait.key,
        name=name,
        status=NodeStatus.WAITING,
    )


def _status_of(last: Checkpoint, story: Story) -> NodeStatus:
    if last.status is CheckpointStatus.INTENT:
        if last.kind in _GOES_ON and not story.execution.is_terminal:
            return NodeStatus.WAITING
        return NodeStatus.RUNNING if story.is_running else NodeStatus.OPEN
    if is_dropped(last):
        return NodeStatus.DROPPED
    if last.status is CheckpointStatus.FAILED:
        is_over = last.is_final or story.execution.is_terminal
        return NodeStatus.FAILED if is_over else NodeStatus.RETRYING
    if last.status is CheckpointStatus.COMPENSATED:
        return NodeStatus.COMPENSATED
    return NodeStatus.COMPLETED


_STATUS_OF = {
    BranchStatus.DONE: NodeStatus.COMPLETED,
    BranchStatus.FAILED: NodeStatus.FAILED,
    BranchStatus.UNBEGUN: NodeStatus.DROPPED,
    BranchStatus.WAITING: NodeStatus.DROPPED,
    BranchStatus.DROPPED: NodeStatus.DROPPED,
}
_KIND_OF = {
    WaitKind.TIMER: NodeKind.SLEEP,
    WaitKind.SIGNAL: NodeKind.SIGNAL,
    WaitKind.EVENT: NodeKind.EVENT,
    WaitKind.CHILD: NodeKind.CHILD,
    WaitKind.MAP: NodeKind.MAP,
    WaitKind.POLL: NodeKind.POLL,
    WaitKind.TASK: NodeKind.TASK,
}
