"""Make a graph fit: fewer nodes for equal neighbours, for the middle, and for too many lanes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from django.utils.translation import ngettext

from durable_django.control.graph.values import (
    MAX_LANES,
    MAX_NODES,
    Block,
    Node,
    NodeKind,
    NodeStatus,
)


def collapse(nodes: list[Node]) -> list[Node]:
    """Return at most `MAX_NODES` nodes."""
    if len(nodes) <= MAX_NODES:
        return nodes
    alike = groupby(nodes, key=lambda node: (_base_of(node), node.kind, node.status))
    joined = [_join(list(group)) for _what, group in alike]
    if len(joined) <= MAX_NODES:
        return joined
    kept = MAX_NODES // 2
    return [*joined[:kept], _say_left_out(joined[kept : 1 - kept]), *joined[1 - kept :]]


def fit_lanes(block: Block) -> Block:
    """Return the block with at most `MAX_LANES` lanes; the last one stands for those left out."""
    lanes = tuple(tuple(fit_lanes(inside) for inside in lane) for lane in block.lanes)
    if len(lanes) <= MAX_LANES:
        return replace(block, lanes=lanes)
    kept, left_out = lanes[: MAX_LANES - 1], lanes[MAX_LANES - 1 :]
    more = _say_left_out([inside.node for lane in left_out for inside in lane])
    return replace(block, lanes=(*kept, (Block(node=more),)))


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
        items="",
        execution_id=None,
    )


def _say_left_out(nodes: Sequence[Node]) -> Node:
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
