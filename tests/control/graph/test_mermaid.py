from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_django.control.graph.graph import build_graph
from durable_django.control.graph.mermaid import escape_mermaid, to_mermaid
from durable_django.domain.status import CheckpointStatus, ExecutionStatus
from tests.control.records import at, records


def graph_of(*names: str) -> str:
    stored = records(ExecutionStatus.COMPLETED, finished_at=at(99))
    for number, name in enumerate(names):
        stored.step(name, number, number + 1)
    return to_mermaid(build_graph(stored.execution, stored.checkpoints, now=at(99)))


def test_a_graph_is_a_flowchart_of_shapes_and_arrows():
    stored = records(ExecutionStatus.FAILED, finished_at=at(9))
    stored.step("charge", 1, 2, status=CheckpointStatus.FAILED, retry_at=at(2))
    stored.step("charge", 3, 4, status=CheckpointStatus.COMPENSATED, attempt=2)
    stored.step("~undo/charge", 5, 6)

    graph = build_graph(stored.execution, stored.checkpoints, now=at(9))

    assert to_mermaid(graph).splitlines()[:8] == [
        "flowchart TD",
        '    n0(["start"]):::completed',
        '    n1["charge · 2 attempts"]:::compensated',
        '    n2[/"undo charge"/]:::completed',
        '    n3(["failed"])',
        "    n0 --> n1",
        "    n1 --> n2",
        "    n2 --> n3",
    ]


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ('say "hi"', "say #34;hi#34;"),
        ("a[b](c){d}", "a#91;b#93;#40;c#41;#123;d#125;"),
        ("a\nb\r\tc", "aU+000AbU+000DU+0009c"),
        ("</script>", "#60;#47;script#62;"),
        ("charge#2", "charge#35;2"),
        ("#quot;", "#35;quot#59;"),
        ("`code`", "#96;code#96;"),
        ("\u202egpj.exe", "U+202Egpj.exe"),
        ("\ud800", "U+D800"),
        ("\u2028", "U+2028"),
        ("größe", "größe"),
        ("%%{init: x}%%", "#37;#37;#123;init: x#125;#37;#37;"),
        ("a" * 99, "a" * 79 + "#8230;"),
    ],
    ids=[
        "quotes",
        "brackets",
        "line ends",
        "script",
        "number sign",
        "entity",
        "markdown",
        "right to left",
        "surrogate",
        "line separator",
        "letters",
        "directive",
        "long",
    ],
)
def test_a_hostile_name_is_only_text(name, escaped):
    assert escape_mermaid(name) == escaped


@given(st.text(min_size=1, max_size=90))
def test_no_name_changes_the_lines_of_the_graph(name):
    lines = graph_of(name, "next").split("\n")

    assert len(lines) == 10
    assert re.fullmatch(r'    n1\["[^"<>\[\]{}`]*"\]:::completed', lines[2])
