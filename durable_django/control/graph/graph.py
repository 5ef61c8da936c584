"""An execution as a graph of what it did: its calls in order, and what it waits for now.

As executed, not as written: a body is code, and only what it did is known. A body is sequential,
so the graph is a chain; a group parts it into lanes side by side, which the next call joins. Undos
follow what they were run after. A map is one node, and so is a child.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from itertools import count
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from durable_django.control.calls import group_calls, is_running, order_of
from durable_django.control.graph.collapsing import collapse, fit_lanes
from durable_django.control.graph.nodes import Story, to_node, to_open_node, to_wait
from durable_django.control.graph.values import (
    MAX_NODES,
    Block,
    Edge,
    Graph,
    Node,
    NodeKind,
    NodeStatus,
)
from durable_django.control.groups import Place, arrange, flatten
from durable_django.control.items import ItemCount
from durable_django.control.waiting import list_current_waits
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.execution import Execution
from durable_django.domain.timer import Timer

__all__ = [
    "MAX_NODES",
    "Block",
    "Edge",
    "Graph",
    "Node",
    "NodeKind",
    "NodeStatus",
    "build_graph",
    "graph_json",
]


def build_graph(
    execution: Execution,
    checkpoints: Sequence[Checkpoint],
    timers: Sequence[Timer] = (),
    *,
    now: datetime,
    maps: Mapping[str, ItemCount] = MappingProxyType({}),
    children: Mapping[UUID, Execution] = MappingProxyType({}),
) -> Graph:
    """Return the graph of an execution as it stands at the store's `now` (aware).

    The items of a map need not be among the checkpoints: `maps` tells their numbers. `children`
    are those that may be seen, so that their nodes lead to them.
    """
    story = Story(
        execution=execution,
        is_running=is_running(execution, now),
        maps=maps,
        children=children,
    )
    blocks = _list_blocks(story, checkpoints, timers)
    start = Node(id="", kind=NodeKind.START, name=_("start"), status="completed")
    end = Node(id="", kind=NodeKind.END, name=_end_of(execution), status=str(execution.status))
    chain = _number([Block(node=start), *_fit(blocks), Block(node=end)], count())
    return Graph(
        workflow_name=execution.workflow_name,
        nodes=tuple(_list_nodes(chain)),
        edges=tuple(_list_edges(chain)),
        blocks=tuple(chain),
    )


def graph_json(graph: Graph) -> dict[str, Any]:
    """Return the graph as JSON values; `took` is in seconds."""
    nodes = [
        asdict(node)
        | {
            "took": None if node.took is None else node.took.total_seconds(),
            "execution_id": str(node.execution_id) if node.execution_id else None,
        }
        for node in graph.nodes
    ]
    return {
        "workflow_name": graph.workflow_name,
        "nodes": nodes,
        "edges": [asdict(edge) for edge in graph.edges],
    }


def _list_blocks(
    story: Story, checkpoints: Sequence[Checkpoint], timers: Sequence[Timer]
) -> list[Block]:
    calls = group_calls(checkpoints)
    places = arrange(calls)
    blocks = [(place.order, _to_block(place, story)) for place in places]
    blocks += [
        (order_of(call.undos[0]), Block(node=to_node(call.undos, story)))
        for call in calls
        if call.undos
    ]
    blocks.sort(key=lambda pair: pair[0])
    known = {place.key for place in flatten(places)}
    known |= {row.key for call in calls for row in call.undos}
    waits = list_current_waits(story.execution, calls, timers)
    waiting = [Block(node=to_wait(one)) for one in waits if not one.key or one.key not in known]
    return _with_waits([block for _order, block in blocks], places, waiting)


def _to_block(place: Place, story: Story) -> Block:
    lanes = []
    for inside in place.inside:
        block = _to_block(inside, story)
        # A branch that is a body of its own is the lane of what it did.
        is_body = inside.call is None and not inside.is_group
        lanes.append(tuple(_chain_of(inside, story)) if is_body else (block,))
    if place.call is None:
        return Block(node=to_open_node(place, story), lanes=tuple(lanes))
    return Block(node=to_node(place.call.attempts, story, place), lanes=tuple(lanes))


def _chain_of(branch: Place, story: Story) -> Iterator[Block]:
    yield Block(node=to_open_node(branch, story))
    for place in branch.inside:
        yield _to_block(place, story)


def _with_waits(
    blocks: list[Block], places: Sequence[Place], waiting: Sequence[Block]
) -> list[Block]:
    """Add what it waits for: where its key says, else at the end, in lanes if it is several things."""
    blocks, waiting = _place_by_key(blocks, waiting)
    if len(waiting) == 1 and not (blocks and _is_open_group(places)):
        return [*blocks, *waiting]
    lanes = tuple((block,) for block in waiting)
    if not lanes:
        return blocks
    if blocks and _is_open_group(places):
        return [*blocks[:-1], replace(blocks[-1], lanes=(*blocks[-1].lanes, *lanes))]
    fork = Node(id="", kind=NodeKind.GROUP, name=_("several things"), status=NodeStatus.WAITING)
    return [*blocks, Block(node=fork, lanes=lanes)]


def _place_by_key(blocks: list[Block], waiting: Sequence[Block]) -> tuple[list[Block], list[Block]]:
    """Return the blocks with the waits of known branches in these, and the other waits."""
    others = []
    for wait in waiting:
        placed = _place(blocks, wait)
        if placed is None:
            others.append(wait)
        else:
            blocks = placed
    return blocks, others


def _place(chain: Sequence[Block], wait: Block) -> list[Block] | None:
    """Return the chain with the wait in the group or the branch that its key names, if it has it."""
    outer = wait.node.key.rpartition("/")[0]
    for at, block in enumerate(chain):
        if outer and block.node.key == outer:
            if block.node.kind is NodeKind.BRANCH:
                return [*chain, wait]
            return _replaced(chain, at, lanes=(*block.lanes, (wait,)))
        for number, lane in enumerate(block.lanes):
            inside = _place(lane, wait)
            if inside is not None:
                lanes = (*block.lanes[:number], tuple(inside), *block.lanes[number + 1 :])
                return _replaced(chain, at, lanes=lanes)
    return None


def _replaced(
    chain: Sequence[Block], at: int, *, lanes: tuple[tuple[Block, ...], ...]
) -> list[Block]:
    return [*chain[:at], replace(chain[at], lanes=lanes), *chain[at + 1 :]]


def _is_open_group(places: Sequence[Place]) -> bool:
    return bool(places) and places[-1].call is None and places[-1].is_group


def _end_of(execution: Execution) -> str:
    return str(execution.status) if execution.is_terminal else _("not ended")


# --- from blocks to nodes and edges ---


def _fit(blocks: list[Block]) -> list[Block]:
    """Return at most `MAX_NODES` nodes: first groups become one each, then the rest is collapsed."""
    fitting = [fit_lanes(block) for block in blocks]
    if sum(1 for _node in _list_nodes(fitting)) <= MAX_NODES:
        return fitting
    return [Block(node=node) for node in collapse([_to_one(block) for block in blocks])]


def _to_one(block: Block) -> Node:
    inside = [node for lane in block.lanes for node in _list_nodes(lane)]
    if not inside:
        return block.node
    calls = sum(node.calls for node in inside)
    return replace(block.node, calls=calls, name=f"{block.node.name} ×{calls}")  # noqa: RUF001 -- the sign for "times"


def _number(blocks: Iterable[Block], numbers: Iterator[int]) -> list[Block]:
    return [
        Block(
            node=replace(block.node, id=f"n{next(numbers)}"),
            lanes=tuple(tuple(_number(lane, numbers)) for lane in block.lanes),
        )
        for block in blocks
    ]


def _list_nodes(blocks: Iterable[Block]) -> Iterator[Node]:
    for block in blocks:
        yield block.node
        for lane in block.lanes:
            yield from _list_nodes(lane)


def _list_edges(blocks: Sequence[Block]) -> Iterator[Edge]:
    former: list[str] = []
    for block in blocks:
        yield from (Edge(source=source, target=block.node.id) for source in former)
        for lane in block.lanes:
            yield Edge(source=block.node.id, target=lane[0].node.id)
            yield from _list_edges(lane)
        former = list(_ends_of(block))


def _ends_of(block: Block) -> Iterator[str]:
    """Yield the nodes from which it goes on after a block: the last of each of its lanes."""
    if not block.lanes:
        yield block.node.id
    for lane in block.lanes:
        yield from _ends_of(lane[-1])
