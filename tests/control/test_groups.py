"""Branches under their groups, by the keys of their calls."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_django.control.calls import group_calls
from durable_django.control.groups import (
    MAX_DEPTH,
    Place,
    arrange,
    branch_status,
    flatten,
    is_dropped,
    is_race,
    read_group,
)
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.status import CheckpointKind, CheckpointStatus
from durable_django.engine.awaitables import Child, Signal, Timer
from durable_django.engine.branches import BranchStatus
from durable_django.engine.group_record import GroupRecord, write_record
from durable_django.engine.workflow_function import workflow
from durable_django.testing import make_checkpoint
from tests.control.records import Records, any_records, driven, read, records

GROUP = CheckpointKind.GROUP


def tree(stored: Records) -> list[tuple[int, str, bool]]:
    """Return depth and label of every place, and whether it has a row of its own."""
    places = flatten(arrange(group_calls(stored.checkpoints)))
    return [(place.depth, place.label, place.call is not None) for place in places]


def find(stored: Records, key: str) -> Place:
    places = flatten(arrange(group_calls(stored.checkpoints)))
    return next(place for place in places if place.key == key)


def record(**statuses: str) -> str:
    ended = GroupRecord(statuses={name: BranchStatus(one) for name, one in statuses.items()})
    return write_record(ended, make_checkpoint(UUID(int=1)), None).action


class TestTree:
    def test_branches_stand_under_their_group_in_the_order_of_their_declaration(self):
        stored = records()
        stored.step("a", 0, 1)
        stored.step("prepare/invoice", 1, 3, branch_position=2)
        stored.step("prepare/stock", 2, 3, branch_position=1)
        stored.step("prepare", 3, 3, kind=GROUP, action=record(stock="done", invoice="done"))
        stored.step("b", 4, 5)

        assert tree(stored) == [
            (0, "a", True),
            (0, "prepare", True),
            (1, "stock", True),
            (1, "invoice", True),
            (0, "b", True),
        ]

    def test_what_has_no_row_is_known_by_the_calls_in_it(self):
        stored = records()
        stored.step("prepare/pack/box", 1, 2, branch_position=1)
        stored.step("prepare/pack/inner/x", 3, 4, branch_position=1)

        assert tree(stored) == [
            (0, "prepare", False),
            (1, "pack", False),
            (2, "box", True),
            (2, "inner", False),
            (3, "x", True),
        ]
        kinds = {p.key: p.is_group for p in flatten(arrange(group_calls(stored.checkpoints)))}
        assert kinds["prepare"]
        assert not kinds["prepare/pack"]
        assert kinds["prepare/pack/inner"]

    def test_a_slash_alone_makes_no_branch(self):
        stored = records()
        stored.step('"></script>', 1, 2)

        assert tree(stored) == [(0, '"></script>', True)]

    def test_undos_are_part_of_what_they_undo(self):
        stored = records()
        stored.step("prepare/stock", 1, 2, branch_position=1)
        stored.step("~undo/prepare/stock", 3, 4, branch_position=1)

        assert tree(stored) == [(0, "prepare", False), (1, "stock", True)]
        assert len(find(stored, "prepare/stock").call.undos) == 1

    def test_it_is_no_deeper_than_can_be_shown(self):
        stored = records()
        stored.step("/".join("abcdefghijklmnop"), 1, 2, branch_position=1)

        assert max(depth for depth, _label, _has_row in tree(stored)) == MAX_DEPTH

    @given(any_records())
    def test_whatever_is_stored_every_call_has_one_place(self, stored_and_now):
        stored, _now = stored_and_now
        stored.checkpoints = [
            replace(row, key=f"{row.key}/{row.key}", branch_position=row.position % 2)
            for row in stored.checkpoints
        ]

        calls = group_calls(stored.checkpoints)
        places = list(flatten(arrange(calls)))

        assert sorted(p.call.key for p in places if p.call) == sorted(c.key for c in calls)


class TestRecord:
    @pytest.mark.parametrize(
        "action",
        [
            "",
            "no JSON",
            "[]",
            "{}",
            "null",
            '{"branches": [], "by": "", "failed": 1}',
            record(a="done").replace("done", "?"),
        ],
    )
    def test_what_is_written_by_hand_is_no_record(self, action):
        stored = records()

        row = stored.step("prepare", 1, 1, kind=GROUP, action=action)

        assert read_group(row) is None

    @given(
        st.recursive(st.none() | st.integers() | st.text(), lambda x: st.dictionaries(st.text(), x))
    )
    def test_nothing_in_it_falls_over(self, value):
        stored = records()
        told = json.loads(record(a="done")) | {"by": value, "branches": value}

        row = stored.step("prepare", 1, 1, kind=GROUP, action=json.dumps(told))

        found = read_group(row)
        assert found is None or isinstance(found.by, str)

    def test_only_a_group_has_one(self):
        assert read_group(records().step("a", 1, 2, action=record(a="done"))) is None


class TestWhatTheEngineLeaves:
    def test_a_race_is_told_from_a_group_that_all_decide(self):
        def body(ctx):
            with ctx.parallel("prepare") as p:
                p.step("stock", int)
                p.branch("pack", lambda ctx: ctx.step("box", int))
            ctx.race("end", paid=Signal("paid"), late=Timer(days=1))

        with driven(body) as (driver, flow):
            execution = driver.start(flow)
            driver.signal(execution, "paid")
            stored = read(driver, execution)

        assert not is_race(find(stored, "prepare"))
        assert branch_status(find(stored, "prepare/pack")) is BranchStatus.DONE
        assert is_race(find(stored, "end"))
        assert read_group(find(stored, "end").call.last).by == "paid"

    def test_what_its_group_went_on_without_is_dropped(self):
        def slow(ctx):
            return ctx.wait_signal("never")

        with driven(slow) as (driver, child):

            def body(ctx):
                ctx.race("end", paid=Signal("paid"), child=Child(child))

            parent = workflow(name="parent", registry=driver.engine.registry)(body)
            execution = driver.start(parent)
            driver.signal(execution, "paid")
            stored = read(driver, execution)

        assert is_dropped(find(stored, "end/child").call.last)

    def test_a_failure_that_is_tried_again_is_not_dropped(self):
        stored = records()
        failed = {"status": CheckpointStatus.FAILED}

        assert not is_dropped(stored.step("a", 1, 2, **failed))
        error = ErrorRecord(type="BranchDropped", message="").to_text()
        assert not is_dropped(stored.step("a", 1, 2, error=error, is_final=True, **failed))
        retry_at = stored.execution.created_at + timedelta(1)
        assert not is_dropped(stored.step("a", 1, 2, error=error, retry_at=retry_at, **failed))
        assert is_dropped(stored.step("a", 1, 2, error=error, **failed))
