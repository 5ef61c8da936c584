"""No limit is passed and nobody is left behind, wherever a process dies that starts or ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from durable_django import Limit, client, runtime, workflow
from durable_django.domain.limit import line_key
from durable_django.domain.status import OnConflict
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.start_request import StartOptions
from durable_django.models import (
    ExecutionEvent,
    LimitGroup,
    LimitTicket,
    WorkflowExecution,
)
from durable_django.testing.store_contract import assert_nothing_stuck
from tests.crash_points.deaths import DieEverywhere

pytestmark = pytest.mark.django_db(transaction=True)

ENDED = ("completed", "failed", "cancelled")


@workflow(name="crash.limited", limit=Limit(1))
def limited(ctx, divisor=1):
    ctx.step("work", lambda: 1 / divisor)


@workflow(name="crash.keyed")
def keyed(ctx):
    ctx.wait_signal("go", timeout=timedelta(days=1))


@pytest.fixture
def engine() -> Iterator[DurableEngine]:
    engine = runtime.build_engine(dispatcher=None)
    former = runtime.use_engine(engine)
    yield engine
    runtime.use_engine(former)
    engine.dispose()


@pytest.fixture
def die_everywhere(die_everywhere: DieEverywhere) -> DieEverywhere:
    """Die everywhere, each time on empty tables."""

    def die_on_empty_tables(
        arrange: Callable[[], object], act: Callable[[], object]
    ) -> Iterator[bool]:
        def arrange_anew() -> None:
            WorkflowExecution.objects.all().delete()
            LimitGroup.objects.all().delete()
            arrange()

        for _, died in die_everywhere(arrange_anew, lambda _: act()):
            yield died

    return die_on_empty_tables


def assert_limits_hold() -> None:
    """Check what must be so at every instant, whatever died."""
    admitted = LimitTicket.objects.filter(admitted_at__isnull=False)
    for group in LimitGroup.objects.all():
        assert admitted.filter(group_key=group.key).count() <= group.max_admitted
    assert not LimitTicket.objects.filter(execution__status__in=ENDED).exists()
    for execution in WorkflowExecution.objects.exclude(limit_key="").exclude(status__in=ENDED):
        ticket = LimitTicket.objects.get(execution=execution)
        is_held_back = execution.waiting_kind == "limit"
        assert is_held_back == (ticket.admitted_at is None)


def recover(engine: DurableEngine) -> None:
    """Let every lease run out, and go on as another worker does."""
    held = WorkflowExecution.objects.filter(status__in=["running", "compensating"])
    past = engine.store.now() - timedelta(seconds=1)
    held.update(wake_at=past, order_at=past)
    engine.drain()
    assert_nothing_stuck(engine.store)


def statuses() -> list[str]:
    rows = WorkflowExecution.objects.order_by("id")
    return list(rows.values_list("status", flat=True))


def test_an_end_admits_the_next_or_has_not_happened(
    engine: DurableEngine, die_everywhere: DieEverywhere
) -> None:
    def arrange() -> None:
        limited.start_many([(1,), (1,)])

    for _ in die_everywhere(arrange, engine.drain):
        assert_limits_hold()
        under_way = WorkflowExecution.objects.filter(started_at__isnull=False)
        assert under_way.exclude(status__in=ENDED).count() <= 1
        recover(engine)
        assert statuses() == ["completed"] * 2
        assert not LimitTicket.objects.exists()


def test_a_failure_admits_the_next_too(
    engine: DurableEngine, die_everywhere: DieEverywhere
) -> None:
    def arrange() -> None:
        limited.start_many([(0,), (1,)])

    for _ in die_everywhere(arrange, engine.drain):
        assert_limits_hold()
        recover(engine)
        assert statuses() == ["failed", "completed"]
        assert not LimitTicket.objects.exists()


def test_a_start_has_its_ticket_or_has_not_happened(
    engine: DurableEngine, die_everywhere: DieEverywhere
) -> None:
    for died in die_everywhere(limited.start, limited.start):
        assert_limits_hold()
        assert LimitTicket.objects.count() == WorkflowExecution.objects.count()
        assert died or len(statuses()) == 2
        recover(engine)
        assert set(statuses()) == {"completed"}


def test_a_retry_has_its_ticket_or_has_not_happened(
    engine: DurableEngine, die_everywhere: DieEverywhere
) -> None:
    def arrange() -> None:
        limited.start(0)
        engine.drain()
        limited.start()

    def retry() -> None:
        client.retry(WorkflowExecution.objects.get(status="failed").pk)

    for died in die_everywhere(arrange, retry):
        assert_limits_hold()
        assert died or statuses() == ["pending", "pending"]
        assert WorkflowExecution.objects.exclude(status="failed").count() == (
            LimitTicket.objects.count()
        )
        recover(engine)
        assert not LimitTicket.objects.exists()


def test_a_resume_does_not_lead_past_the_limit(
    engine: DurableEngine, die_everywhere: DieEverywhere
) -> None:
    def arrange() -> None:
        limited.start()
        client.pause(limited.start().id)

    def resume() -> None:
        client.resume(WorkflowExecution.objects.get(status="paused").pk)

    for died in die_everywhere(arrange, resume):
        admitted = LimitTicket.objects.filter(admitted_at__isnull=False)
        assert admitted.count() == 1
        [second] = WorkflowExecution.objects.exclude(pk=admitted.get().execution_id)
        assert (second.status, second.wake_at) in {("paused", None), ("suspended", None)}
        assert died or second.waiting_kind == "limit"
        recover(engine)
        assert statuses()[0] == "completed"


def with_key(on_conflict: OnConflict) -> Callable[[], Any]:
    return keyed.options(key="k", on_conflict=on_conflict).start


def start_and_suspend(engine: DurableEngine) -> None:
    keyed.options(key="k").start()
    engine.drain()


def test_a_replacement_takes_the_key_and_cancels_or_has_not_happened(
    engine: DurableEngine, die_everywhere: DieEverywhere
) -> None:
    act = with_key(OnConflict.REPLACE)

    for died in die_everywhere(lambda: start_and_suspend(engine), act):
        former, *new = WorkflowExecution.objects.order_by("id")
        is_done = bool(new)
        assert died or is_done
        assert (former.holds_key is None) == is_done
        assert (former.cancel_requested_at is not None) == is_done
        assert ExecutionEvent.objects.filter(execution=former).count() == is_done
        recover(engine)
        assert statuses() == (["cancelled", "suspended"] if is_done else ["suspended"])


def test_a_line_is_formed_or_has_not_been(
    engine: DurableEngine, die_everywhere: DieEverywhere
) -> None:
    act = with_key(OnConflict.QUEUE)

    for died in die_everywhere(lambda: start_and_suspend(engine), act):
        former, *new = WorkflowExecution.objects.order_by("id")
        is_done = bool(new)
        assert died or is_done
        assert_limits_hold()
        assert (former.holds_key is None) == is_done
        assert former.limit_key == (line_key("crash.keyed", "k") if is_done else "")
        assert LimitTicket.objects.count() == 2 * is_done
        client.signal(former.pk, "go")
        recover(engine)
        assert statuses() == (["completed", "suspended"] if is_done else ["completed"])


def test_an_end_that_a_line_formed_behind_admits_the_next(
    engine: DurableEngine, die_everywhere: DieEverywhere
) -> None:
    def arrange() -> None:
        start_and_suspend(engine)
        with_key(OnConflict.QUEUE)()
        client.signal(WorkflowExecution.objects.earliest("id").pk, "go")

    for _ in die_everywhere(arrange, engine.drain):
        assert_limits_hold()
        recover(engine)
        assert statuses() == ["completed", "suspended"]
        assert LimitTicket.objects.get().execution.status == "suspended"


def test_housekeeping_admits_or_has_not(
    engine: DurableEngine, die_everywhere: DieEverywhere
) -> None:
    def arrange() -> None:
        later = StartOptions(delay=timedelta(hours=1))
        client.start("crash.limited", options=later)
        past = engine.store.now() - timedelta(hours=1)
        LimitTicket.objects.update(ready_at=past, order_at=past)

    for died in die_everywhere(arrange, lambda: engine.store.admit_waiting(10)):
        assert_limits_hold()
        assert died or not WorkflowExecution.objects.filter(waiting_kind="limit").exists()
        recover(engine)
        assert statuses() == ["completed"]
