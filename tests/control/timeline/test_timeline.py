from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import pytest

from durable_django import RetryPolicy
from durable_django.control.items import ItemCount
from durable_django.control.timeline.timeline import (
    MAX_ROWS,
    MarkKind,
    RowKind,
    SegmentKind,
    Timeline,
    build_timeline,
    timeline_json,
)
from durable_django.domain.signal import topic_of
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    ParkReason,
    SignalStatus,
    TimerStatus,
    WaitKind,
)
from durable_django.engine.branches import BranchStatus
from durable_django.engine.group_record import GroupRecord, write_record
from durable_django.testing import make_checkpoint, make_error, make_execution
from tests.control.records import Records, at, driven, read, records

FAILED, DONE = CheckpointStatus.FAILED, CheckpointStatus.COMPLETED
DAY = 86_400


def build(stored: Records, now: float = 10) -> Timeline:
    return build_timeline(*stored.all, at(now))


def segments(timeline: Timeline, row: int = 0) -> list[tuple[str, float, float]]:
    begin = at(0)
    return [
        (
            str(one.kind),
            (one.starts_at - begin).total_seconds(),
            (one.ends_at - begin).total_seconds(),
        )
        for one in timeline.rows[row].segments
    ]


def marks(timeline: Timeline, row: int = 0) -> list[tuple[str, float]]:
    return [(str(m.kind), (m.at - at(0)).total_seconds()) for m in timeline.rows[row].marks]


def labels(timeline: Timeline) -> list[str]:
    return [row.label for row in timeline.rows]


class TestSteps:
    def test_calls_are_rows_in_the_order_of_their_first_start(self):
        stored = records(ExecutionStatus.COMPLETED, finished_at=at(9))
        stored.step("reserve", 3, 4)
        stored.step("charge", 1, 2, status=FAILED, retry_at=at(5))
        stored.step("charge", 5, 6, attempt=2)

        assert labels(build(stored)) == ["charge", "reserve"]

    def test_time_before_an_attempt_is_queued_and_time_in_it_ran(self):
        stored = records(ExecutionStatus.COMPLETED, finished_at=at(9))
        stored.step("charge", 2, 3)
        stored.step("reserve", 4, 6)

        timeline = build(stored)

        assert segments(timeline, 0) == [("queued", 0, 2), ("ran", 2, 3)]
        assert segments(timeline, 1) == [("queued", 3, 4), ("ran", 4, 6)]

    def test_attempts_of_a_call_share_its_row_with_the_back_off_between_them(self):
        stored = records(ExecutionStatus.COMPLETED, finished_at=at(9))
        stored.step("charge", 0, 1, status=FAILED, retry_at=at(3))
        stored.step("charge", 4, 5, attempt=2)

        assert segments(build(stored)) == [
            ("failed", 0, 1),
            ("backoff", 1, 3),
            ("queued", 3, 4),
            ("ran", 4, 5),
        ]

    def test_an_attempt_that_runs_reaches_to_now(self):
        stored = records(wake_at=at(60))
        stored.step("charge", 0)

        timeline = build(stored, now=7)

        assert segments(timeline) == [("running", 0, 7)]
        assert timeline.rows[0].segments[0].title == "charge attempt 1: running for 7 s"

    def test_an_attempt_whose_lease_has_run_out_is_open(self):
        stored = records(wake_at=at(5), updated_at=at(1))
        stored.step("charge", 0)

        assert segments(build(stored, now=7)) == [("open", 0, 1)]

    def test_an_attempt_that_a_poisoned_execution_left_is_open_until_it_was_parked(self):
        stored = records(ExecutionStatus.PARKED, park_reason=ParkReason.POISON, updated_at=at(4))
        stored.step("charge", 0)

        timeline = build(stored, now=9)

        assert segments(timeline, 0) == [("open", 0, 4)]
        assert (timeline.rows[1].label, segments(timeline, 1)) == ("parked", [("waiting", 4, 9)])

    def test_the_title_of_a_failure_says_attempt_time_and_error(self):
        stored = records(ExecutionStatus.FAILED, finished_at=at(2))
        stored.step("charge", 0, 0.21, status=FAILED, attempt=2, is_final=True)

        title = build(stored).rows[0].segments[0].title

        assert title == (
            "charge attempt 2: failed after 210 ms: shop.CardDeclined: The card was declined."
        )

    def test_the_hook_decides_what_is_shown_of_an_error(self):
        stored = records(ExecutionStatus.FAILED, finished_at=at(2))
        stored.step("charge", 0, 1, status=FAILED, is_final=True)

        timeline = build_timeline(*stored.all, at(3), describe_error=lambda _: "[hidden]")

        assert "declined" not in json.dumps(timeline_json(timeline))
        assert "[hidden]" in timeline.rows[0].segments[0].title

    def test_what_a_person_retried_leaves_its_time_of_standing_still_blank(self):
        stored = records(ExecutionStatus.COMPLETED, epoch=1, finished_at=at(DAY + 2))
        stored.step("charge", 0, 1, status=FAILED)
        stored.step("charge", DAY, DAY + 1, attempt=2, epoch=1)

        assert segments(build(stored, DAY + 9)) == [("failed", 0, 1), ("ran", DAY, DAY + 1)]

    def test_a_back_off_that_a_cancel_cut_short_ends_there(self):
        stored = records(ExecutionStatus.CANCELLED, finished_at=at(2))
        stored.step("charge", 0, 1, status=FAILED, retry_at=at(600))

        timeline = build(stored)

        assert segments(timeline) == [("failed", 0, 1), ("backoff", 1, 2)]
        assert timeline.rows[0].summary == "✗ failed"

    def test_outcomes_that_a_fork_took_over_are_marked_at_its_beginning(self):
        stored = records(forked_from=records().execution.id, wake_at=at(60), epoch=1)
        stored.step("charge", -900, -899)
        stored.step("ship", 2, epoch=1)

        timeline = build(stored, now=3)

        assert segments(timeline, 0) == [("reused", 0, 0)]
        assert segments(timeline, 1) == [("queued", 0, 2), ("running", 2, 3)]
        assert timeline.begins_at == at(0)


class TestUndo:
    def test_an_undo_is_in_the_row_of_what_it_undoes(self):
        stored = records(ExecutionStatus.FAILED, finished_at=at(9))
        stored.step("charge", 0, 1, status=CheckpointStatus.COMPENSATED, compensation="x")
        stored.step("ship", 1, 2, status=FAILED, is_final=True)
        stored.step("~undo/charge", 2, 3, status=FAILED, retry_at=at(4))
        stored.step("~undo/charge", 4, 5, attempt=2)

        timeline = build(stored)

        assert labels(timeline) == ["charge", "ship"]
        assert segments(timeline) == [
            ("compensated", 0, 1),
            ("undo_failed", 2, 3),
            ("backoff", 3, 4),
            ("undo", 4, 5),
        ]
        assert timeline.rows[0].summary == "↩ undone"


class TestWaits:
    def test_a_sleep_that_is_over_waited_until_due_and_was_queued_until_noticed(self):
        stored = records(ExecutionStatus.COMPLETED, finished_at=at(99))
        stored.step("charge", 0, 1)
        stored.step("nap", 61, 63, kind=CheckpointKind.SLEEP)

        timeline = build(stored)

        assert segments(timeline, 1) == [("waiting", 1, 61), ("queued", 61, 63)]
        assert (timeline.rows[1].kind, timeline.rows[1].summary) == (RowKind.SLEEP, "1 min")

    def test_a_sleep_that_lasts_reaches_to_when_it_is_due(self):
        stored = records(
            ExecutionStatus.SUSPENDED,
            waiting_kind=WaitKind.TIMER,
            waiting_for="nap",
            wake_at=at(30 * DAY),
        )
        stored.step("charge", 0, 1)
        stored.timer("nap", 30 * DAY)

        timeline = build(stored, now=DAY)

        assert segments(timeline, 1) == [("waiting", 1, 30 * DAY)]
        assert marks(timeline, 1) == [("due", 30 * DAY)]
        assert timeline.ends_at == at(30 * DAY)
        assert timeline.now == at(DAY)
        assert timeline.rows[1].summary == "due 1 Apr 09:00"

    def test_a_wait_for_a_signal_has_a_diamond_where_it_was_delivered(self):
        stored = records(ExecutionStatus.COMPLETED, finished_at=at(99))
        stored.step("charge", 0, 1)
        stored.step("paid", 60, 60, kind=CheckpointKind.SIGNAL)
        stored.signal("paid", 55, status=SignalStatus.DELIVERED, delivered_at=at(60))

        timeline = build(stored)

        assert segments(timeline, 1) == [("waiting", 1, 55), ("queued", 55, 60)]
        assert marks(timeline, 1) == [("delivered", 60)]

    def test_a_signal_that_came_early_was_not_waited_for(self):
        stored = records(ExecutionStatus.COMPLETED, finished_at=at(99))
        stored.step("charge", 0, 10)
        stored.step("paid", 10, 10, kind=CheckpointKind.SIGNAL)
        stored.signal("paid", 5, status=SignalStatus.DELIVERED, delivered_at=at(10))

        timeline = build(stored)

        assert (segments(timeline, 1), marks(timeline, 1)) == ([], [("delivered", 10)])

    def test_signals_of_one_name_are_paired_in_their_order(self):
        stored = records(ExecutionStatus.COMPLETED, finished_at=at(99))
        for key, accepted, delivered in (("paid", 5, 6), ("paid#2", 20, 21)):
            stored.step(key, delivered, delivered, kind=CheckpointKind.SIGNAL, name="paid")
            stored.signal(
                "paid", accepted, status=SignalStatus.DELIVERED, delivered_at=at(delivered)
            )

        timeline = build(stored)

        assert segments(timeline, 0) == [("waiting", 0, 5), ("queued", 5, 6)]
        assert segments(timeline, 1) == [("waiting", 6, 20), ("queued", 20, 21)]

    def test_a_wait_that_timed_out_says_when(self):
        stored = records(ExecutionStatus.COMPLETED, finished_at=at(99))
        stored.step("paid", 62, 62, kind=CheckpointKind.SIGNAL, status=FAILED, is_final=True)
        stored.timer("paid", 60, status=TimerStatus.FIRED)

        timeline = build(stored)

        assert segments(timeline) == [("waiting", 0, 60), ("queued", 60, 62)]
        assert marks(timeline) == [("timed_out", 62)]

    def test_a_wait_that_lasts_is_a_row_although_nothing_is_recorded(self):
        stored = records(
            ExecutionStatus.SUSPENDED, waiting_kind=WaitKind.SIGNAL, waiting_for="paid"
        )
        stored.step("paid", 1, 1, kind=CheckpointKind.SIGNAL)

        timeline = build(stored, now=9)

        assert [(row.key, row.kind) for row in timeline.rows] == [
            ("paid", RowKind.SIGNAL),
            ("paid#2", RowKind.SIGNAL),
        ]
        assert segments(timeline, 1) == [("waiting", 1, 9)]

    def test_a_wait_whose_signal_has_come_is_queued_since_then(self):
        stored = records(
            ExecutionStatus.SUSPENDED,
            waiting_kind=WaitKind.SIGNAL,
            waiting_for="paid",
            wake_at=at(6),
        )
        stored.signal("paid", 6)

        timeline = build(stored, now=9)

        assert segments(timeline) == [("waiting", 0, 6), ("queued", 6, 9)]
        assert labels(timeline) == ["paid", "signal paid"]

    def test_a_back_off_that_is_over_is_queued_since_then(self):
        stored = records(
            ExecutionStatus.SUSPENDED,
            waiting_kind=WaitKind.RETRY,
            waiting_for="charge",
            wake_at=at(3),
        )
        stored.step("charge", 0, 1, status=FAILED, retry_at=at(3))

        timeline = build(stored, now=8)

        assert segments(timeline) == [("failed", 0, 1), ("backoff", 1, 3), ("queued", 3, 8)]
        assert labels(timeline) == ["charge"]

    def test_signals_that_nobody_consumed_have_a_row_of_diamonds(self):
        stored = records(wake_at=at(60))
        stored.signal("paid", 3)
        stored.signal("paid", 4, status=SignalStatus.DEAD)

        timeline = build(stored, now=9)

        assert labels(timeline)[-1] == "signal paid"
        assert marks(timeline, -1) == [("pending", 3), ("dead", 4)]

    def test_the_timer_of_a_paused_sleep_is_still_there(self):
        stored = records(ExecutionStatus.PAUSED, pause_requested_at=at(5))
        stored.timer("nap", 60)

        timeline = build(stored, now=9)

        assert labels(timeline) == ["nap", "paused"]
        assert segments(timeline, 1) == [("waiting", 5, 9)]


class TestStates:
    @pytest.mark.parametrize(
        ("fields", "label", "kind", "begin", "end"),
        [
            ({"wake_at": at(4)}, "waits for a worker", "queued", 0, 9),
            ({"wake_at": at(60)}, "waits for a worker", "waiting", 0, 60),
        ],
        ids=["due", "planned"],
    )
    def test_what_has_not_begun_waits(self, fields, label, kind, begin, end):
        stored = records(ExecutionStatus.PENDING, started_at=None, **fields)

        timeline = build(stored, now=9)

        assert (labels(timeline), segments(timeline)) == ([label], [(kind, begin, end)])

    def test_what_runs_between_two_calls_is_shown(self):
        stored = records(wake_at=at(60))
        stored.step("charge", 0, 4)

        timeline = build(stored, now=9)

        assert (labels(timeline)[1], segments(timeline, 1)) == ("running", [("running", 4, 9)])

    def test_what_was_lost_is_shown_until_its_lease_ended(self):
        timeline = build(records(wake_at=at(6)), now=9)

        assert (labels(timeline), segments(timeline)) == (
            ["lost with its worker"],
            [("open", 0, 6)],
        )

    def test_what_has_ended_has_no_now(self):
        timeline = build(records(ExecutionStatus.COMPLETED, finished_at=at(3)), now=9)

        assert (timeline.now, timeline.ends_at, timeline.rows) == (None, at(3), ())


class TestManyRows:
    def test_up_to_the_limit_every_call_has_its_row(self):
        timeline = build(_with_pages(MAX_ROWS))

        assert len(timeline.rows) == MAX_ROWS

    def test_more_are_grouped_by_name(self):
        stored = _with_pages(MAX_ROWS)
        stored.step("verify", 900, 901)

        timeline = build(stored)

        assert labels(timeline) == ["page ×200", "verify"]  # noqa: RUF001 -- "times"
        assert timeline.rows[0].calls == MAX_ROWS
        assert [one.kind for one in timeline.rows[0].segments].count(SegmentKind.RAN) == MAX_ROWS

    def test_names_that_do_not_repeat_leave_the_first_and_the_last(self):
        stored = records(ExecutionStatus.COMPLETED, finished_at=at(999))
        for number in range(MAX_ROWS + 50):
            stored.step(f"step {number}", number, number + 1)

        timeline = build(stored)

        assert len(timeline.rows) == MAX_ROWS
        assert (labels(timeline)[0], labels(timeline)[-1]) == ("step 0", "step 249")
        assert [row.label for row in timeline.rows if row.calls > 1] == ["… 51 more calls"]


def _with_pages(count: int) -> Records:
    stored = records(ExecutionStatus.COMPLETED, finished_at=at(999))
    for number in range(1, count + 1):
        key = "page" if number == 1 else f"page#{number}"
        stored.step(key, number, number + 0.5)
    return stored


class TestJson:
    def test_everything_is_a_json_value(self):
        stored = records(
            ExecutionStatus.SUSPENDED, waiting_kind=WaitKind.SIGNAL, waiting_for="paid"
        )
        stored.step("charge", 0, 1, status=FAILED, retry_at=at(2))
        stored.signal("other", 3)

        found = json.loads(json.dumps(timeline_json(build(stored))))

        assert found["execution_id"] == str(stored.execution.id)
        assert found["rows"][0]["segments"][0]["kind"] == "failed"
        assert found["rows"][0]["segments"][0]["starts_at"] == "2026-03-02T09:00:00+00:00"
        assert found["rows"][-1]["marks"][0]["kind"] == MarkKind.PENDING


class TestWhatTheEngineRecords:
    def test_a_whole_story_has_a_row_for_every_call(self):
        """The engine's own rows, not ones that a test made up."""
        answers = iter([OSError("down"), None])

        def charge():
            if error := next(answers):
                raise error

        def story(ctx):
            ctx.step("charge", charge, retry=RetryPolicy.fixed(2, timedelta(seconds=30)))
            ctx.sleep("rest", timedelta(minutes=1))
            ctx.wait_signal("packed")
            ctx.wait_signal("later", timeout=timedelta(days=1))

        with driven(story) as (driver, workflow):
            execution = driver.start(workflow)
            driver.advance(minutes=5)
            driver.signal(execution, "packed")
            driver.signal(execution, "unasked")
            stored, now = read(driver, execution), driver.clock.now()

        timeline = build_timeline(*stored.all, now)

        assert [(row.label, row.kind) for row in timeline.rows] == [
            ("charge", "step"),
            ("rest", "sleep"),
            ("packed", "signal"),
            ("later", "signal"),
            ("signal unasked", "inbox"),
        ]
        kinds = [[str(one.kind) for one in row.segments] for row in timeline.rows]
        assert kinds[:4] == [["failed", "backoff", "ran"], ["waiting"], ["waiting"], ["waiting"]]
        assert [mark.kind for mark in timeline.rows[2].marks] == ["delivered"]


class TestGroups:
    def test_branches_are_rows_under_their_group_and_wait_for_nobody_before_them(self):
        stored = records(ExecutionStatus.COMPLETED, finished_at=at(9))
        stored.step("validate", 0, 1)
        stored.step("prepare/stock", 1, 3, branch_position=1)
        stored.step("prepare/pack/box", 1, 2, branch_position=1)
        stored.step("prepare/pack/tape", 5, 6, branch_position=2)
        stored.step("prepare", 6, 6, kind=CheckpointKind.GROUP, action=decided(stock="done"))
        stored.step("ship", 7, 8)

        timeline = build(stored)

        assert [(row.depth, row.label, row.kind) for row in timeline.rows] == [
            (0, "validate", "step"),
            (0, "prepare", "group"),
            (1, "stock", "step"),
            (1, "pack", "branch"),
            (2, "box", "step"),
            (2, "tape", "step"),
            (0, "ship", "step"),
        ]
        assert segments(timeline, 1) == [("group", 1, 6)]
        assert segments(timeline, 2) == [("ran", 1, 3)]
        # It followed the call before it in its branch, and not its sibling.
        assert segments(timeline, 5) == [("queued", 2, 5), ("ran", 5, 6)]
        assert segments(timeline, 6) == [("queued", 6, 7), ("ran", 7, 8)]

    def test_a_group_that_is_not_decided_goes_on_until_now(self):
        stored = records(ExecutionStatus.SUSPENDED, waiting_kind=WaitKind.TIMER, waiting_for="nap")
        stored.step("prepare/stock", 1, 3, branch_position=1)
        stored.timer("prepare/nap", 60)

        timeline = build(stored)

        assert [(row.depth, row.label) for row in timeline.rows] == [
            (0, "prepare"),
            (1, "stock"),
            (1, "nap"),
        ]
        assert segments(timeline, 0) == [("group", 1, 10)]
        assert timeline.rows[0].summary == "under way"

    @pytest.mark.parametrize(
        ("fields", "summary"),
        [
            ({"by": "stock"}, "✓ first: stock"),
            ({}, "✓ 1 of 2"),
            ({"by": "pack", "has_failed": True}, "✗ failed: pack"),
            ({"has_timed_out": True}, "✗ timed out"),
        ],
        ids=["race", "all", "failed", "late"],
    )
    def test_it_says_how_it_was_decided(self, fields, summary):
        stored = records(ExecutionStatus.COMPLETED, finished_at=at(9))
        action = decided(stock="done", pack="dropped", **fields)
        stored.step("prepare", 6, 6, kind=CheckpointKind.GROUP, action=action)

        assert build(stored).rows[0].summary == summary

    def test_what_was_dropped_is_no_failure(self):
        stored = records()
        error = make_error(type="BranchDropped").to_text()
        stored.step("race/pay", 1, 2, kind=CheckpointKind.CHILD, status=FAILED, error=error)

        timeline = build(stored)

        assert segments(timeline)[-1] == ("dropped", 1, 2)
        assert timeline.rows[0].summary == "⊘ dropped"

    def test_a_mark_of_an_event_is_that_of_its_own_broadcast(self):
        stored = records()
        stored.step("off", 5, 5, kind=CheckpointKind.EVENT)
        topic = topic_of("off", "7")
        stored.signal(topic, 3, status=SignalStatus.DELIVERED, delivered_at=at(5))

        timeline = build(stored)

        assert segments(timeline) == [("waiting", 0, 3), ("queued", 3, 5)]
        assert marks(timeline) == [("delivered", 5)]


class TestChildrenAndMaps:
    def test_a_child_is_a_bar_that_leads_to_its_execution_if_it_may_be_seen(self):
        stored = records(ExecutionStatus.SUSPENDED, waiting_kind=WaitKind.CHILD, waiting_for="pay")
        child = make_execution(status=ExecutionStatus.PARKED)
        own = {"kind": CheckpointKind.CHILD, "idempotency_key": str(child.id)}
        stored.step("pay", 1, **own)

        seen = build_timeline(*stored.all, at(10), children={child.id: child})
        unseen = build(stored)

        assert segments(seen) == [("queued", 0, 1), ("under_way", 1, 10)]
        assert seen.rows[0].execution_id == child.id
        assert "Parked" in seen.rows[0].summary
        assert (unseen.rows[0].execution_id, unseen.rows[0].summary) == (None, "under way")

    def test_the_timeout_of_what_is_under_way_is_marked(self):
        stored = records(ExecutionStatus.SUSPENDED, waiting_kind=WaitKind.CHILD, waiting_for="pay")
        stored.step("pay", 1, kind=CheckpointKind.CHILD)
        stored.timer("pay", 60)

        assert marks(build(stored)) == [("due", 60)]

    def test_a_map_is_one_bar_with_its_numbers(self):
        stored = records(ExecutionStatus.COMPLETED, finished_at=at(9))
        stored.step("load", 1, 5, kind=CheckpointKind.MAP)
        maps = {"load": ItemCount(total=10_000, completed=9_990, failed=10)}

        [row] = build_timeline(*stored.all, at(10), maps=maps).rows

        assert row.summary == "9990 of 10000 done, 10 failed"
        assert row.segments[-1].title.endswith("; 9990 of 10000 done, 10 failed")

    def test_ten_thousand_branches_are_drawn_as_few_rows(self):
        stored = records(ExecutionStatus.COMPLETED, finished_at=at(99))
        for number in range(10_000):
            key = f"all/{number}"
            stored.checkpoints.append(
                make_checkpoint(
                    stored.execution.id,
                    key,
                    name=str(number),
                    branch_position=number + 1,
                    status=DONE,
                    started_at=at(1),
                    completed_at=at(2),
                )
            )

        timeline = build(stored)

        assert len(timeline.rows) == MAX_ROWS
        assert sum(row.calls for row in timeline.rows) == 10_001


def decided(by: str = "", *, has_failed: bool = False, has_timed_out: bool = False, **statuses):
    """Return what a group's row holds of its end."""
    ended = GroupRecord(
        statuses={name: BranchStatus(status) for name, status in statuses.items()},
        by=by,
        has_failed=has_failed,
        has_timed_out=has_timed_out,
    )
    return write_record(ended, make_checkpoint(UUID(int=1)), None).action
