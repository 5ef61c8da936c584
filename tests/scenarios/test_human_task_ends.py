from __future__ import annotations

import json
from datetime import timedelta

import pytest

from durable_django import Approval, TaskCancelledError
from durable_django.codecs.tagged_json import TaggedJsonCodec
from durable_django.domain.event import CODE, Actor, ActorKind
from durable_django.engine.serialization import Payloads
from durable_django.exceptions import TaskOverError
from durable_django.models import HumanTask
from durable_django.testing import InMemoryCheckpointStore
from tests.scenarios.people import RefundForm, states

HOUR = timedelta(hours=1)
CAROL = Actor(kind=ActorKind.USER, id="3", name="carol")


@pytest.fixture
def approve(define):
    return define(lambda ctx: ctx.ask("approve", Approval())["approved"])


class TestWhoWaits:
    def test_while_paused_an_answer_is_taken_and_used_later(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.ask("approve", {}).by))
        driver.pause(execution)
        driver.complete_task(execution, "approve", by="alice")
        while_paused = execution.refresh().status

        driver.resume(execution)

        assert while_paused == "paused"
        assert driver.result(execution) == "alice"

    def test_while_parked_too(self, driver, define):
        flags = {"fails": True}

        def body(ctx):
            first = ctx.ask("first", {})
            if flags["fails"]:
                raise ValueError("not yet")
            return [first.by, ctx.ask("second", {}).by]

        execution = driver.start(define(body, on_failure="park"))
        driver.complete_task(execution, "first", by="alice")
        flags["fails"] = False
        parked = execution.refresh().status
        driver.retry(execution)
        driver.complete_task(execution, "second", by="bob")

        assert parked == "parked"
        assert driver.result(execution) == ["alice", "bob"]

    def test_a_cancel_cancels_the_task(self, driver, approve):
        execution = driver.start(approve)

        driver.cancel(execution, "customer")

        assert execution.refresh().status == "cancelled"
        [task] = driver.tasks(execution)
        assert (str(task.status), task.actor) == ("cancelled", None)
        assert task.comment == "Its execution was cancelled: customer"
        with pytest.raises(TaskOverError, match="withdrawn by its execution"):
            driver.store.complete_task(task.id, "alice", "{}")

    def test_a_compensation_cancels_it_before_it_begins(self, driver, define):
        seen = []

        def undo(_):
            seen.append([str(task.status) for task in driver.tasks(execution)])

        def body(ctx):
            ctx.step("reserve", lambda: 1, compensate=undo)
            ctx.ask("approve", {})

        execution = driver.start(define(body))
        driver.cancel(execution)

        assert execution.refresh().status == "cancelled"
        assert seen == [["cancelled"]]

    def test_a_time_to_live_cancels_it(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.ask("approve", {}), ttl=HOUR))

        driver.advance(HOUR)

        assert execution.refresh().status == "failed"
        assert states(driver, execution) == [("approve", "cancelled")]

    def test_a_retry_asks_anew_what_ended_with_its_execution(self, driver, define):
        def body(ctx):
            return ctx.ask("approve", {}, timeout=3 * HOUR).by

        execution = driver.start(define(body, ttl=HOUR))
        driver.advance(5 * HOUR)
        driver.retry(execution)
        asked_again = states(driver, execution)
        driver.advance(2 * HOUR)
        driver.complete_task(execution, "approve", by="alice")

        assert asked_again == [("approve", "cancelled"), ("approve", "open")]
        assert driver.result(execution) == "alice"

    def test_a_retry_asks_anew_what_timed_out(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.ask("approve", {}, timeout=HOUR).by))
        driver.advance(HOUR)
        driver.retry(execution)
        driver.advance(HOUR / 2)
        driver.complete_task(execution, "approve", by="alice")

        assert driver.result(execution) == "alice"
        assert states(driver, execution) == [("approve", "expired"), ("approve", "completed")]
        attempts = [(row.attempt, row.epoch) for row in driver.checkpoints(execution)]
        assert attempts == [(1, 0), (2, 1)]

    def test_a_retry_keeps_the_task_of_one_that_only_stopped(self, driver, define):
        flags = {"fails": True}

        def body(ctx):
            if ctx.input is None:
                raise AssertionError
            answer = ctx.ask("approve", {})
            if flags["fails"]:
                raise ValueError("not yet")
            return answer.by

        execution = driver.start(define(body, on_failure="park"))
        driver.complete_task(execution, "approve", by="alice")
        flags["fails"] = False
        driver.retry(execution)

        assert driver.result(execution) == "alice"
        assert states(driver, execution) == [("approve", "completed")]

    def test_a_timeout_that_nobody_catches_undoes_the_steps(self, driver, define, log):
        """W23."""

        def body(ctx):
            ctx.step("reserve", lambda: "r-1", compensate=log.append)
            ctx.ask("approve", {}, timeout=HOUR)

        execution = driver.start(define(body))
        driver.advance(HOUR)

        assert execution.refresh().status == "failed"
        assert execution.error.type == "TaskTimeoutError"
        assert log == ["r-1"]

    def test_a_fork_keeps_the_answers_and_asks_anew_from_where_it_begins(self, driver, define):
        def body(ctx):
            return [ctx.ask("first", {}).by, ctx.ask("second", {}).by]

        execution = driver.start(define(body))
        driver.complete_task(execution, "first", by="alice")
        driver.complete_task(execution, "second", by="bob")
        fork = driver.engine.get(driver.engine.acts.fork(execution.id, "second").id)
        driver.drain()
        driver.complete_task(fork, "second", by="carol")

        assert driver.result(fork) == ["alice", "carol"]
        assert driver.result(execution) == ["alice", "bob"]
        assert states(driver, fork) == [("second", "completed")]

    def test_a_timeout_can_be_hastened_by_a_person(self, driver, define):
        execution = driver.start(
            define(lambda ctx: ctx.ask("approve", {}, timeout=HOUR, default="late"))
        )

        driver.engine.acts.fire_timer(execution.id, "approve")
        driver.drain()

        assert driver.result(execution) == "late"
        assert states(driver, execution) == [("approve", "expired")]

    def test_a_task_whose_row_is_gone_is_asked_anew(self, new_driver, define):
        driver = new_driver()
        execution = driver.start(define(lambda ctx: ctx.ask("approve", {}).by))
        _forget_tasks(driver, execution)

        driver.pause(execution)
        driver.resume(execution)
        driver.complete_task(execution, "approve", by="alice")

        assert driver.result(execution) == "alice"


class TestRecordingTheAnswer:
    def test_one_that_is_too_large_to_be_recorded_parks_until_the_limit_is_raised(
        self, new_driver, define
    ):
        driver = new_driver(payloads=Payloads(TaggedJsonCodec(), max_bytes=200))
        execution = driver.start(define(lambda ctx: len(ctx.ask("note", RefundForm)["text"])))
        [task] = driver.tasks(execution)
        driver.store.complete_task(task.id, "alice", json.dumps({"text": "x" * 180}))
        driver.drain()
        parked = execution.refresh().execution
        driver.engine.payloads._max_bytes = 1000
        driver.retry(execution)

        assert (parked.status, parked.park_reason) == ("parked", "payload")
        assert driver.result(execution) == 180

    def test_a_codec_that_is_away_for_a_moment_is_asked_again(self, new_driver, define):
        codec = _Away()
        driver = new_driver(payloads=Payloads(codec))
        execution = driver.start(define(lambda ctx: ctx.ask("approve", {}).by))
        [task] = driver.tasks(execution)
        codec.is_away = True
        driver.store.complete_task(task.id, "alice", "{}")
        driver.drain()
        status = execution.refresh().status

        driver.advance(HOUR)

        assert status == "running"
        assert driver.result(execution) == "alice"


class _Away(TaggedJsonCodec):
    """Cannot encode anything the next time it is asked."""

    is_away = False

    def encode(self, value):
        if self.is_away:
            self.is_away = False
            raise OSError("the key server is away")
        return super().encode(value)


class TestCancellingTheTask:
    def test_it_fails_the_call_live_and_on_replay(self, driver, define):
        seen = []

        def body(ctx):
            with pytest.raises(TaskCancelledError) as caught:
                ctx.ask("approve", {}, default="unused", timeout=HOUR)
            seen.append((str(caught.value), caught.value.why))
            ctx.sleep("nap", HOUR)

        execution = driver.start(define(body))
        [task] = driver.tasks(execution)
        driver.store.cancel_task(task.id, CAROL, "customer withdrew")
        driver.drain()
        driver.advance(HOUR)

        assert execution.refresh().status == "completed"
        assert seen == [seen[0]] * 2
        assert seen[0][1] == "by carol: customer withdrew"

    def test_a_retry_asks_anew(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.ask("approve", {}).by))
        driver.store.cancel_task(driver.tasks(execution)[0].id, CODE)
        driver.drain()
        failed = execution.refresh().error.type
        driver.retry(execution)
        driver.complete_task(execution, "approve", by="alice")

        assert failed == "TaskCancelledError"
        assert driver.result(execution) == "alice"


def _forget_tasks(driver, execution):
    """Lose the rows, as by hand."""
    if isinstance(driver.store.load_task.__self__, InMemoryCheckpointStore):
        driver.store.load_task.__self__._records[execution.id].tasks.clear()
    else:
        HumanTask.objects.filter(execution=execution.id).delete()
