"""Asking, answering and going on are each there whole or not at all, wherever a process dies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from django.db.models import F

from durable_django import Approval, Escalate, runtime, workflow
from durable_django.engine.durable_engine import DurableEngine
from durable_django.models import (
    ExecutionEvent,
    HumanTask,
    HumanTaskCandidate,
    StepCheckpoint,
    WorkflowExecution,
    WorkflowTimer,
)
from tests.crash_points.deaths import DieEverywhere

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


@workflow(name="crash.asking")
def asking(ctx):
    answer = ctx.ask(
        "approve",
        Approval(),
        candidates=["alice", "group:finance"],
        remind=HOUR,
        escalate=Escalate(after=2 * HOUR, to="boss"),
        timeout=3 * HOUR,
        default=None,
    )
    return None if answer is None else [answer["approved"], answer.by]


@pytest.fixture
def engine() -> Iterator[DurableEngine]:
    engine = runtime.build_engine(dispatcher=None)
    former = runtime.use_engine(engine)
    yield engine
    runtime.use_engine(former)
    engine.dispose()


def start(engine: DurableEngine) -> UUID:
    return engine.start_by_name("crash.asking", {}).id


def test_a_task_is_opened_with_its_attempt_its_timer_and_the_wait(
    engine: DurableEngine, die_everywhere: DieEverywhere
) -> None:
    def check(execution_id: UUID) -> None:
        execution = WorkflowExecution.objects.get(pk=execution_id)
        is_asked = execution.status == "suspended"
        for rows in (HumanTask, StepCheckpoint, WorkflowTimer):
            assert rows.objects.filter(execution=execution_id).count() == is_asked
        candidates = HumanTaskCandidate.objects.filter(task__execution=execution_id)
        assert candidates.count() == 2 * is_asked

    for execution_id, _ in die_everywhere(lambda: start(engine), engine.run_one):
        check(execution_id)
        _take_over(engine, execution_id)
        check(execution_id)
        assert WorkflowExecution.objects.get(pk=execution_id).waiting_kind == "task"


def test_an_answer_wakes_its_execution_or_is_none(
    engine: DurableEngine, die_everywhere: DieEverywhere
) -> None:
    def arrange() -> UUID:
        execution_id = start(engine)
        engine.run_one(execution_id)
        return execution_id

    def answer(execution_id: UUID) -> None:
        [task] = engine.store.list_tasks(execution_id)
        engine.store.complete_task(task.id, "alice", '{"approved": true}', "fine")

    for execution_id, _ in die_everywhere(arrange, answer):
        execution = engine.store.load_execution(execution_id)
        [task] = engine.store.list_tasks(execution_id)
        [timer] = engine.store.list_timers(execution_id)
        is_done = task.status == "completed"
        assert execution.signal_count == is_done
        assert (execution.wake_at <= engine.store.now()) == is_done
        assert (timer.status == "cancelled") == is_done
        assert ExecutionEvent.objects.filter(execution=execution_id).count() == is_done
        if not is_done:
            answer(execution_id)
        engine.run_one(execution_id)
        assert engine.get(execution_id).result(timeout=timedelta(0)) == [True, "alice"]


@pytest.mark.parametrize(
    ("hours", "ending"),
    [
        pytest.param(1, "reminded", id="reminder"),
        pytest.param(2, "escalated", id="escalation"),
        pytest.param(3, "expired", id="timeout"),
    ],
)
def test_what_falls_due_is_done_whole_and_once(
    engine: DurableEngine, die_everywhere: DieEverywhere, hours: int, ending: str
) -> None:
    def arrange() -> UUID:
        execution_id = start(engine)
        engine.run_one(execution_id)
        _let_pass(execution_id, hours * HOUR)
        return execution_id

    for execution_id, _ in die_everywhere(arrange, engine.run_one):
        _check_whole(execution_id)
        _take_over(engine, execution_id)
        _check_whole(execution_id)
        task = HumanTask.objects.get(execution=execution_id)
        told = list(
            ExecutionEvent.objects.filter(execution=execution_id, type__startswith="task_")
            .order_by("pk")
            .values_list("type", flat=True)
        )
        # A reminder is due as well by then, but for the timeout, which comes first.
        expected = {
            "reminded": ["task_reminded"],
            "escalated": ["task_escalated", "task_reminded"],
            "expired": [],
        }
        assert told == expected[ending]
        assert (task.status == "expired") == (ending == "expired")


def _check_whole(execution_id: UUID) -> None:
    """Check that nothing is half done, whoever died."""
    task = HumanTask.objects.get(execution=execution_id)
    attempt = StepCheckpoint.objects.get(execution=execution_id)
    timer = WorkflowTimer.objects.get(execution=execution_id)
    events = ExecutionEvent.objects.filter(execution=execution_id)
    is_over = task.status == "expired"
    assert (attempt.status == "failed") == is_over
    assert (timer.status == "fired") == is_over
    assert events.filter(type="task_reminded").count() == task.reminders
    is_escalated = task.escalated_at is not None
    assert events.filter(type="task_escalated").count() == is_escalated
    assert task.candidates.filter(name="boss").count() == is_escalated


def _take_over(engine: DurableEngine, execution_id: UUID) -> None:
    """Have another worker go on, once the lease has run out."""
    held = WorkflowExecution.objects.filter(pk=execution_id, status="running")
    held.update(wake_at=F("wake_at") - HOUR, order_at=F("order_at") - HOUR)
    engine.run_one(execution_id)


def _let_pass(execution_id: UUID, duration: timedelta) -> None:
    """Put everything that has an instant that much earlier."""
    moved = {
        WorkflowExecution: ("wake_at", "order_at"),
        HumanTask: ("created_at", "expires_at", "remind_at", "escalate_at"),
        WorkflowTimer: ("fire_at",),
    }
    for model, columns in moved.items():
        by = "pk" if model is WorkflowExecution else "execution"
        rows = model.objects.filter(**{by: execution_id})
        rows.update(**{column: F(column) - duration for column in columns})
