"""Write a graph in Mermaid's notation, whatever the names in it are."""

from __future__ import annotations

import unicodedata

from durable_django.control.graph.values import Graph, Node, NodeKind, NodeStatus

_MAX_NAME = 80
#: Harmless within a quoted label. Everything else that is no letter or digit becomes an entity.
_PLAIN = frozenset(" _.,:-")
_SHAPES = {
    NodeKind.START: ('(["', '"])'),
    NodeKind.END: ('(["', '"])'),
    NodeKind.SLEEP: ('{{"', '"}}'),
    NodeKind.SIGNAL: ('>"', '"]'),
    NodeKind.EVENT: ('>"', '"]'),
    NodeKind.UNDO: ('[/"', '"/]'),
    NodeKind.CHILD: ('[["', '"]]'),
    NodeKind.GROUP: ('{"', '"}'),
    NodeKind.BRANCH: ('("', '")'),
    NodeKind.MAP: ('[("', '")]'),
    NodeKind.TASK: ('[\\"', '"\\]'),
}
_BOX = ('["', '"]')
_COLOURS = {
    NodeStatus.COMPLETED: "fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
    NodeStatus.FAILED: "fill:#ffebe9,stroke:#b42318,color:#1f2328",
    NodeStatus.COMPENSATED: "fill:#fff,stroke:#bf3989,color:#1f2328,stroke-dasharray:4 2",
    NodeStatus.RUNNING: "fill:#ddf4ff,stroke:#0969da,color:#1f2328",
    NodeStatus.OPEN: "fill:#f6f8fa,stroke:#57606a,color:#1f2328,stroke-dasharray:4 2",
    NodeStatus.RETRYING: "fill:#fff1e5,stroke:#bc4c00,color:#1f2328",
    NodeStatus.WAITING: "fill:#fff8c5,stroke:#9a6700,color:#1f2328",
    NodeStatus.DROPPED: "fill:#f6f8fa,stroke:#57606a,color:#57606a,stroke-dasharray:2 2",
}


def to_mermaid(graph: Graph) -> str:
    """Return the graph as a Mermaid flowchart: ASCII but for letters and digits, a line per item.

    No name can end its label, its line or a surrounding `<script>`: all but letters, digits and
    a few signs are written as entities, and invisible characters as their code points.
    """
    lines = ["flowchart TD"]
    lines += [f"    {_to_shape(node)}" for node in graph.nodes]
    lines += [f"    {edge.source} --> {edge.target}" for edge in graph.edges]
    used = {node.status for node in graph.nodes if node.kind is not NodeKind.END}
    for status, colours in _COLOURS.items():
        if status in used:
            lines.append(f"    classDef {status} {colours}")
    return "\n".join(lines) + "\n"


def _to_shape(node: Node) -> str:
    begin, end = _SHAPES.get(node.kind, _BOX)
    label = escape_mermaid(node.name)
    if node.items:
        label += f" · {escape_mermaid(node.items)}"
    if node.attempts > node.calls:
        label += f" · {node.attempts} attempts"
    is_known = node.kind is not NodeKind.END and node.status in _COLOURS
    suffix = f":::{node.status}" if is_known else ""
    return f"{node.id}{begin}{label}{end}{suffix}"


def escape_mermaid(name: str) -> str:
    """Return a name as the text of a quoted label, cut to 80 characters."""
    cut = name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 1]}…"
    return "".join(_escape(character) for character in cut)


def _escape(character: str) -> str:
    if character.isalnum() or character in _PLAIN:
        return character
    # Controls, line ends, lone surrogates, and what turns the direction of text.
    if unicodedata.category(character)[0] in "CZ":
        return f"U+{ord(character):04X}"
    return f"#{ord(character)};"
