from __future__ import annotations

import json
import re

import pytest
from django.template.loader import render_to_string
from hypothesis import given

from durable_django.control.graph.graph import MAX_NODES, Graph, build_graph, graph_json
from durable_django.control.graph.mermaid import to_mermaid
from durable_django.control.graph.values import MAX_LANES
from durable_django.control.items import ItemCount
from durable_django.domain.signal import topic_of
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    WaitKind,
)
from durable_django.testing import make_error, make_execution
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
def test_whatever_is_stored_leads_from_the_start_to_the_end(stored_and_now):
    stored, now = stored_and_now

    graph = build_graph(stored.execution, stored.checkpoints, stored.timers, now=now)

    assert {node.key for node in graph.nodes} >= {row.key for row in stored.checkpoints}
    assert_is_sound(graph)


def assert_is_sound(graph: Graph) -> None:
    """Fail unless every node is reached from the start, and every one leads to the end."""
    ids = [node.id for node in graph.nodes]
    assert len(set(ids)) == len(ids)
    assert {edge.target for edge in graph.edges} == set(ids[1:])
    assert {edge.source for edge in graph.edges} == set(ids) - {graph.nodes[-1].id}
    # Nodes are in an order in which nothing comes before what it follows.
    places = {one: place for place, one in enumerate(ids)}
    assert all(places[edge.source] < places[edge.target] for edge in graph.edges)


class TestBranches:
    def test_branches_part_after_their_group_and_the_next_call_joins_them(self):
        stored = records(ExecutionStatus.COMPLETED, finished_at=at(9))
        stored.step("validate", 0, 1)
        stored.step("prepare/stock", 1, 3, branch_position=1)
        stored.step("prepare/pack/box", 1, 2, branch_position=1)
        stored.step("prepare/pack/tape", 3, 4, branch_position=2)
        stored.step("prepare", 6, 6, kind=CheckpointKind.GROUP)
        stored.step("ship", 7, 8)

        graph = build(stored)

        names = {node.id: node.name for node in graph.nodes}
        assert [(names[edge.source], names[edge.target]) for edge in graph.edges] == [
            ("start", "validate"),
            ("validate", "prepare"),
            ("prepare", "stock"),
            ("prepare", "pack"),
            ("pack", "box"),
            ("box", "tape"),
            ("stock", "ship"),
            ("tape", "ship"),
            ("ship", "completed"),
        ]
        assert_is_sound(graph)
        kinds = {node.name: node.kind for node in graph.nodes}
        assert (kinds["prepare"], kinds["pack"]) == ("group", "branch")

    def test_what_it_waits_for_stands_among_the_branches_of_an_open_group(self):
        stored = records(
            ExecutionStatus.SUSPENDED,
            waiting_kind=WaitKind.SEVERAL,
            waiting_for="|signal:paid||timer:late|",
        )
        stored.step("race/pay", 1, kind=CheckpointKind.CHILD, branch_position=1)
        stored.timer("race/late", 99)

        graph = build(stored)

        group = graph.blocks[1]
        assert [[block.node.name for block in lane] for lane in group.lanes] == [
            ["pay"],
            ["late"],
            ["paid"],
        ]
        assert {node.status for node in graph.nodes[1:-1]} == {"waiting"}
        assert_is_sound(graph)

    def test_what_a_branch_within_a_branch_waits_for_stands_in_it(self):
        stored = records(
            ExecutionStatus.SUSPENDED,
            waiting_kind=WaitKind.SEVERAL,
            waiting_for="|timer:rest||timer:pause|",
        )
        stored.step("deep/one/x", 1, 2, branch_position=1)
        stored.step("deep/one/inner/y", 3, 4, branch_position=1)
        stored.step("deep/two", 1, 2, branch_position=2)
        stored.timer("deep/one/inner/rest", 99)
        stored.timer("deep/one/pause", 99)

        graph = build(stored)

        one, two = graph.blocks[1].lanes
        assert [block.node.name for block in one] == ["one", "x", "inner", "pause"]
        assert [[block.node.name for block in lane] for lane in one[2].lanes] == [["y"], ["rest"]]
        assert [block.node.name for block in two] == ["two"]
        assert_is_sound(graph)

    def test_several_things_of_which_nothing_is_recorded_part_by_themselves(self):
        stored = records(
            ExecutionStatus.SUSPENDED,
            waiting_kind=WaitKind.SEVERAL,
            waiting_for=f"|signal:paid||event:{topic_of('off', '7')}|",
        )

        graph = build(stored)

        assert [node.name for node in graph.nodes[1:-1]] == ["several things", "paid", "off"]
        assert_is_sound(graph)

    def test_too_many_branches_are_one_lane_that_says_how_many(self):
        stored = records(ExecutionStatus.COMPLETED, finished_at=at(99))
        for number in range(40):
            status = FAILED if number == 30 else CheckpointStatus.COMPLETED
            own = {"branch_position": number + 1, "status": status, "is_final": True}
            stored.step(f"all/{number}", 1, 2, **own)

        graph = build(stored)

        assert len(graph.blocks[1].lanes) == MAX_LANES
        more = graph.blocks[1].lanes[-1][0].node
        assert (more.name, more.calls) == ("… 29 more calls", 29)
        assert "failed" in {node.status for node in graph.nodes}

    def test_a_graph_that_is_too_long_has_a_node_for_each_group(self):
        stored = records(ExecutionStatus.COMPLETED, finished_at=at(999))
        for number in range(40):
            for branch in range(5):
                key = f"group#{number}/{branch}"
                own = {"branch_position": branch + 1, "position": number + 1}
                stored.step(key, number, number + 0.5, **own)

        graph = build(stored)

        assert len(graph.nodes) == 42
        assert graph.nodes[1].name == "group#0 ×5"  # noqa: RUF001
        assert sum(node.calls for node in graph.nodes[1:-1]) == 200
        assert_is_sound(graph)


class TestChildrenAndMaps:
    def test_a_map_is_one_node_with_its_numbers(self):
        stored = records(ExecutionStatus.COMPLETED, finished_at=at(9))
        stored.step("load", 1, 5, kind=CheckpointKind.MAP)
        maps = {"load": ItemCount(total=250, completed=247, failed=3)}

        graph = build_graph(stored.execution, stored.checkpoints, now=at(9), maps=maps)

        assert graph.nodes[1].name == "load ×250"  # noqa: RUF001
        assert graph.nodes[1].items == "247 of 250 done, 3 failed"
        assert "247 of 250 done" in to_mermaid(graph)

    def test_a_child_leads_to_its_execution_if_it_may_be_seen(self):
        stored = records(ExecutionStatus.SUSPENDED, waiting_kind=WaitKind.CHILD, waiting_for="pay")
        child = make_execution()
        own = {"kind": CheckpointKind.CHILD, "idempotency_key": str(child.id)}
        stored.step("pay", 1, **own)
        known = {"children": {child.id: child}}

        graph = build_graph(stored.execution, stored.checkpoints, now=at(9), **known)
        urls = {child.id: "/there/"}
        html = render_to_string("durable_django/graph.html", {"graph": graph, "child_urls": urls})

        assert graph_json(graph)["nodes"][1]["execution_id"] == str(child.id)
        assert graph_json(build(stored))["nodes"][1]["execution_id"] is None
        assert graph.nodes[1].status == "waiting"
        assert 'href="/there/"' in html

    def test_what_was_dropped_is_no_failure(self):
        stored = records()
        error = make_error(type="BranchDropped").to_text()
        stored.step("race/pay", 1, 2, kind=CheckpointKind.CHILD, status=FAILED, error=error)

        assert shown(build(stored)) == [("race/pay", "dropped")]

    @given(any_records())
    def test_whatever_is_stored_its_mermaid_text_has_one_line_per_item(self, stored_and_now):
        stored, now = stored_and_now
        graph = build_graph(stored.execution, stored.checkpoints, stored.timers, now=now)

        lines = to_mermaid(graph).splitlines()

        shapes = [line for line in lines if re.match(r"    n\d+\W", line) and "-->" not in line]
        assert len(shapes) == len(graph.nodes)
        assert sum("-->" in line for line in lines) == len(graph.edges)
