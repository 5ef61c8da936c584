"""What a graph is made of: nodes and edges, and the blocks in which they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from durable_django.domain.status import CheckpointKind

#: More nodes than this are collapsed: groups, then equal neighbours, then the middle.
MAX_NODES = 150
#: More lanes than this side by side cannot be told apart.
MAX_LANES = 12


class NodeKind(StrEnum):
    """What a node stands for."""

    START = "start"
    END = "end"
    STEP = CheckpointKind.STEP.value
    SLEEP = CheckpointKind.SLEEP.value
    SIGNAL = CheckpointKind.SIGNAL.value
    UNDO = CheckpointKind.UNDO.value
    EVENT = CheckpointKind.EVENT.value
    CHILD = CheckpointKind.CHILD.value
    #: Where branches part.
    GROUP = CheckpointKind.GROUP.value
    #: All items of a map.
    MAP = CheckpointKind.MAP.value
    ITEM = CheckpointKind.ITEM.value
    POLL = CheckpointKind.POLL.value
    TASK = CheckpointKind.TASK.value
    #: The beginning of a branch that is a body of its own.
    BRANCH = "branch"
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
    #: Given up, because its group was decided without it.
    DROPPED = "dropped"


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
    #: How far the items of a map have come, in words.
    items: str = ""
    #: Of a child that may be seen.
    execution_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What came after what, by the nodes' ids."""

    source: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A node of a chain, and what parts from it; what comes after joins the lanes again."""

    node: Node
    #: Chains side by side; none is empty.
    lanes: tuple[tuple[Block, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Nodes in the order in which they are drawn, and the edges between them."""

    workflow_name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    #: The same nodes as a chain.
    blocks: tuple[Block, ...]
