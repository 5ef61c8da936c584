"""An execution as a graph of what it did: its calls in order, and what it waits for now.

As executed, not as written: a body is code, and only what it did is known. A body is sequential,
so the graph is a chain; undos follow what they were run after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby, pairwise
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from durable_django.control.calls import (
    CurrentWait,
    find_current_wait,
    group_calls,
    is_running,
    order_of,
    undone_key,
)
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.execution import Execution
from durable_django.domain.status import CheckpointKind, CheckpointStatus
from durable_django.domain.timer import Timer

#: More nodes than this are collapsed: first equal neighbours, then the middle.
MAX_NODES = 150


class NodeKind(StrEnum):
    """What a node stands for."""

    START = "start"
    END = "end"
    STEP = CheckpointKind.STEP.value
    SLEEP = CheckpointKind.SLEEP.value
    SIGNAL = CheckpointKind.SIGNAL.value
    UNDO = CheckpointKind.UNDO.value
    #: Calls that were left out.
    MORE = "more"


class NodeStatus(StrEnum):
    """How far a call has come."""

    COMPLETED = "completed"
    FAILED = "failed"
    COMPENSATED = "compensated"
    RUNNING = "running"
    #: Begun, and its end was never recorded.
    OPEN = "open"
    RETRYING = "retrying"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A call with all its attempts, several such calls, or an end of the chain."""

    #: `n0`, `n1`, …: unique in its graph, and safe in any notation.
    id: str
    kind: NodeKind
    #: Of the call; empty of the ends and of what stands for several.
    key: str = ""
    name: str
    #: A `NodeStatus`; of the ends, the execution's status.
    status: str
    attempts: int = 0
    #: How many calls it stands for.
    calls: int = 1
    #: From the first attempt's beginning to the last one's end; None if either is not known.
    took: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What came after what, by the nodes' ids."""

    source: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Nodes in the order in which they were begun, and the edges between them."""

    workflow_name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def build_graph(
    execution: Execution,
    checkpoints: Sequence[Checkpoint],
    timers: Sequence[Timer] = (),
    *,
    now: datetime,
) -> Graph:
    """Return the graph of an execution as it stands at the store's `now` (aware)."""
    calls = group_calls(checkpoints)
    runs = is_running(execution, now)
    attempts = [one for call in calls for one in (call.attempts, call.undos) if one]
    attempts.sort(key=lambda rows: order_of(rows[0]))
    nodes = [_to_node(rows, execution, is_running=runs) for rows in attempts]
    wait = find_current_wait(execution, calls, timers)
    if wait is not None and wait.key not in {node.key for node in nodes}:
        nodes.append(_to_wait(wait))
    start = Node(id="", kind=NodeKind.START, name=_("start"), status="completed")
    end = Node(id="", kind=NodeKind.END, name=_end_of(execution), status=str(execution.status))
    chain = [start, *_collapse(nodes), end]
    numbered = [replace(node, id=f"n{number}") for number, node in enumerate(chain)]
    return Graph(
        workflow_name=execution.workflow_name,
        nodes=tuple(numbered),
        edges=tuple(Edge(source=a.id, target=b.id) for a, b in pairwise(numbered)),
    )


def graph_json(graph: Graph) -> dict[str, Any]:
    """Return the graph as JSON values; `took` is in seconds."""
    nodes = [
        asdict(node) | {"took": None if node.took is None else node.took.total_seconds()}
        for node in graph.nodes
    ]
    return {
        "workflow_name": graph.workflow_name,
        "nodes": nodes,
        "edges": [asdict(edge) for edge in graph.edges],
    }


def _to_node(rows: Sequence[Checkpoint], execution: Execution, *, is_running: bool) -> Node:
    first, last = rows[0], rows[-1]
    undone = undone_key(last)
    took = None
    if first.started_at and last.completed_at and first.started_at <= last.completed_at:
        took = last.completed_at - first.started_at
    return Node(
        id="",
        kind=NodeKind(last.kind),
        key=last.key,
        name=_("undo %(call)s") % {"call": undone} if undone else last.key,
        status=_status_of(last, execution, is_running=is_running),
        attempts=len(rows),
        took=took if last.kind in (CheckpointKind.STEP, CheckpointKind.UNDO) else None,
    )


def _status_of(last: Checkpoint, execution: Execution, *, is_running: bool) -> NodeStatus:
    if last.status is CheckpointStatus.INTENT:
        return NodeStatus.RUNNING if is_running else NodeStatus.OPEN
    if last.status is CheckpointStatus.FAILED:
        is_over = last.is_final or execution.is_terminal
        return NodeStatus.FAILED if is_over else NodeStatus.RETRYING
    if last.status is CheckpointStatus.COMPENSATED:
        return NodeStatus.COMPENSATED
    return NodeStatus.COMPLETED


def _to_wait(wait: CurrentWait) -> Node:
    kinds = {"timer": NodeKind.SLEEP, "signal": NodeKind.SIGNAL}
    return Node(
        id="",
        kind=kinds.get(wait.kind, NodeKind.STEP),
        key=wait.key,
        name=wait.key,
        status=NodeStatus.WAITING,
    )


def _end_of(execution: Execution) -> str:
    return str(execution.status) if execution.is_terminal else _("not ended")


def _collapse(nodes: list[Node]) -> list[Node]:
    if len(nodes) <= MAX_NODES:
        return nodes
    alike = groupby(nodes, key=lambda node: (_base_of(node), node.kind, node.status))
    joined = [_join(list(group)) for _what, group in alike]
    if len(joined) <= MAX_NODES:
        return joined
    kept = MAX_NODES // 2
    return [*joined[:kept], _say_left_out(joined[kept : 1 - kept]), *joined[1 - kept :]]


def _base_of(node: Node) -> str:
    return node.name.partition("#")[0]


def _join(nodes: list[Node]) -> Node:
    if len(nodes) == 1:
        return nodes[0]
    return replace(
        nodes[0],
        key="",
        name=f"{_base_of(nodes[0])} ×{len(nodes)}",  # noqa: RUF001 -- the sign for "times"
        attempts=sum(node.attempts for node in nodes),
        calls=len(nodes),
        took=None,
    )


def _say_left_out(nodes: list[Node]) -> Node:
    calls = sum(node.calls for node in nodes)
    failed = any(node.status == NodeStatus.FAILED for node in nodes)
    said = ngettext("%(count)s more call", "%(count)s more calls", calls) % {"count": calls}
    return Node(
        id="",
        kind=NodeKind.MORE,
        name=f"… {said}",
        status=NodeStatus.FAILED if failed else NodeStatus.COMPLETED,
        attempts=sum(node.attempts for node in nodes),
        calls=calls,
    )
