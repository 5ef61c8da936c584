from __future__ import annotations

import json
import re

import pytest
from django.template.loader import render_to_string
from hypothesis import given

from durable_django.control.graph.graph import MAX_NODES, Graph, build_graph, graph_json
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    WaitKind,
)
from tests.control.records import Records, any_records, at, records

FAILED = CheckpointStatus.FAILED


def build(stored: Records) -> Graph:
    return build_graph(stored.execution, stored.checkpoints, stored.timers, now=at(60))


def shown(graph: Graph) -> list[tuple[str, str]]:
    return [(node.name, node.status) for node in graph.nodes[1:-1]]


def test_calls_are_a_chain_from_start_to_end():
    stored = records(ExecutionStatus.COMPLETED, finished_at=at(9))
    stored.step("reserve", 2, 3)
    stored.step("charge", 1, 2)

    graph = build(stored)

    assert [node.name for node in graph.nodes] == ["start", "charge", "reserve", "completed"]
    assert [(edge.source, edge.target) for edge in graph.edges] == [
        ("n0", "n1"),
        ("n1", "n2"),
        ("n2", "n3"),
    ]


def test_a_node_counts_the_attempts_of_its_call_and_how_long_they_took():
    stored = records(ExecutionStatus.COMPLETED, finished_at=at(9))
    stored.step("charge", 1, 2, status=FAILED, retry_at=at(3))
    stored.step("charge", 3, 5, attempt=2)

    node = build(stored).nodes[1]

    assert (node.attempts, node.status, node.took.total_seconds()) == (2, "completed", 4)


@pytest.mark.parametrize(
    ("fields", "attempt", "status"),
    [
        ({"wake_at": at(99)}, {"end": None}, "running"),
        ({"wake_at": at(30)}, {"end": None}, "open"),
        ({}, {"end": 2, "status": FAILED, "is_final": True}, "failed"),
        ({}, {"end": 2, "status": FAILED, "retry_at": at(99)}, "retrying"),
        ({}, {"end": 2, "status": CheckpointStatus.COMPENSATED}, "compensated"),
    ],
    ids=["running", "lost", "failed", "to be retried", "undone"],
)
def test_a_node_says_how_far_its_call_has_come(fields, attempt, status):
    stored = records(**fields)
    stored.step("charge", 1, **attempt)

    assert shown(build(stored)) == [("charge", status)]


def test_undos_come_after_what_they_were_run_for():
    stored = records(ExecutionStatus.FAILED, finished_at=at(9))
    stored.step("charge", 1, 2, status=CheckpointStatus.COMPENSATED)
    stored.step("ship", 2, 3, status=FAILED, is_final=True)
    stored.step("~undo/charge", 3, 4)

    graph = build(stored)

    assert shown(graph) == [
        ("charge", "compensated"),
        ("ship", "failed"),
        ("undo charge", "completed"),
    ]
    assert graph.nodes[3].kind == "undo"


def test_what_it_waits_for_is_a_node_although_nothing_is_recorded():
    stored = records(ExecutionStatus.SUSPENDED, waiting_kind=WaitKind.SIGNAL, waiting_for="paid")
    stored.step("charge", 1, 2)

    graph = build(stored)

    assert shown(graph) == [("charge", "completed"), ("paid", "waiting")]
    assert (graph.nodes[2].kind, graph.nodes[-1].name) == ("signal", "not ended")


def test_up_to_the_limit_every_call_is_a_node():
    assert len(build(_with_pages(MAX_NODES)).nodes) == MAX_NODES + 2


def test_more_nodes_are_collapsed_where_neighbours_are_alike():
    stored = _with_pages(MAX_NODES)
    stored.step("verify", 900, 901)

    assert shown(build(stored)) == [("page ×150", "completed"), ("verify", "completed")]  # noqa: RUF001


def test_what_does_not_repeat_leaves_the_first_and_the_last():
    stored = records(ExecutionStatus.COMPLETED, finished_at=at(999))
    for number in range(500):
        status = FAILED if number == 250 else CheckpointStatus.COMPLETED
        stored.step(f"step {number}", number, number + 1, status=status)

    graph = build(stored)

    [more] = [node for node in graph.nodes if node.kind == "more"]
    assert len(graph.nodes) == MAX_NODES + 2
    assert (more.name, more.status) == ("… 351 more calls", "failed")
    assert graph.nodes[-2].name == "step 499"


def test_the_json_has_seconds_and_words():
    stored = records(ExecutionStatus.COMPLETED, finished_at=at(9))
    stored.step("charge", 1, 3.5)

    found = json.loads(json.dumps(graph_json(build(stored))))

    assert found["nodes"][1]["took"] == 2.5
    assert found["nodes"][1]["kind"] == CheckpointKind.STEP
    assert found["edges"][0] == {"source": "n0", "target": "n1"}


def test_the_page_shows_the_chain_and_no_name_becomes_markup():
    name = '"><script>alert(1)</script>'
    stored = records(ExecutionStatus.FAILED, finished_at=at(9))
    stored.step(name, 1, 2, status=FAILED, is_final=True)

    html = render_to_string("durable_django/graph.html", {"graph": build(stored)})

    assert html.count("<li") == 3
    assert not re.search(r"<script|\sstyle=|\son\w+=", html)
    assert "failed" in html


def test_an_undo_leads_to_the_call_it_undoes():
    stored = records(ExecutionStatus.FAILED, finished_at=at(9))
    stored.step("charge#2", 1, 2, status=CheckpointStatus.COMPENSATED)
    stored.step("~undo/charge#2", 3, 4)

    html = render_to_string(
        "durable_django/graph.html", {"graph": build(stored), "step_url": "?tab=steps"}
    )

    assert html.count('href="?tab=steps#step-charge.23.2"') == 2


def _with_pages(count: int) -> Records:
    stored = records(ExecutionStatus.COMPLETED, finished_at=at(999))
    for number in range(1, count + 1):
        key = "page" if number == 1 else f"page#{number}"
        stored.step(key, number, number + 0.5)
    return stored


@given(any_records())
def test_whatever_is_stored_is_one_chain(stored_and_now):
    stored, now = stored_and_now

    graph = build_graph(stored.execution, stored.checkpoints, stored.timers, now=now)

    assert len(graph.edges) == len(graph.nodes) - 1
    assert {node.key for node in graph.nodes} >= {row.key for row in stored.checkpoints}
