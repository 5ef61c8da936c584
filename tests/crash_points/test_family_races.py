"""Parents, children and groups in real threads: whoever comes first, nothing is lost or doubled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings

from durable_django import Signal, Timer, WorkflowContext, current_step, runtime, workflow
from durable_django.conf import settings as durable_settings
from durable_django.domain.status import ExecutionStatus
from durable_django.engine.action_runner import InlineActionRunner
from durable_django.engine.durable_engine import DurableEngine, EngineOptions
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.driver import LEASE
from tests.crash_points.models import Effect
from tests.stores.orm.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
#: Where more than one thread may write at once.
with_writers = pytest.mark.skipif(
    settings.DATABASE == "sqlite", reason="SQLite has one writer: branches run one after the other."
)

HOUR = timedelta(hours=1)
QUEUE = "family"
NAMES = tuple(f"n{number}" for number in range(8))
ROUNDS = 4


@pytest.fixture
def engine() -> Iterator[DurableEngine]:
    clock = ManualClock()
    # The suite's own settings have branches run one after the other.
    conf = replace(durable_settings(), parallel_threads=8)
    engine = runtime.build_engine(
        branches=runtime.build_branch_crew(conf),
        store=OrmCheckpointStore(alias="default", clock=clock),
        clock=clock,
        dispatcher=None,
        actions=InlineActionRunner(clock),
        options=EngineOptions(lease=LEASE, renews_leases=False),
    )
    yield engine
    engine.dispose()


@workflow(name="family.all", queue=QUEUE)
def wait_for_all(ctx: WorkflowContext) -> Any:
    return ctx.wait_all(*NAMES)


@workflow(name="family.any", queue=QUEUE)
def wait_for_any(ctx: WorkflowContext) -> Any:
    first = ctx.wait_any(*NAMES)[0]
    return [first, [ctx.wait_signal(name) for name in NAMES if name != first]]


@workflow(name="family.hasty", queue=QUEUE)
def hasty(ctx: WorkflowContext) -> Any:
    winner, _ = ctx.race(paid=Signal("paid"), late=Timer(hours=1))
    return [winner, ctx.wait_signal("paid", timeout=HOUR, default="none")]


@workflow(name="family.leaf", queue=QUEUE)
def leaf(ctx: WorkflowContext, number: int = 0) -> int:
    ctx.step("count", _count, str(ctx.execution_id), atomic=True)
    return number


def _count(execution_id: str) -> None:
    Effect.objects.create(execution_id=execution_id, step="count")


@workflow(name="family.parent", queue=QUEUE)
def parent(ctx: WorkflowContext) -> int:
    return ctx.child("leaf", leaf, 7)


@workflow(name="family.mapping", queue=QUEUE)
def mapping(ctx: WorkflowContext) -> int:
    return sum(ctx.map("leaves", leaf, range(8)))


@workflow(name="family.fan_out", queue=QUEUE)
def fan_out(ctx: WorkflowContext) -> list[int]:
    with ctx.parallel("all") as p:
        leaves = [p.child(f"leaf{number}", leaf, number) for number in range(4)]
    return [one.result for one in leaves]


def _start(engine: DurableEngine, what: Any) -> ExecutionHandle[Any]:
    handle = engine.start_by_name(what.name, {})
    engine.run_one(handle.id)
    return handle


def _result(engine: DurableEngine, handle: ExecutionHandle[Any]) -> Any:
    engine.drain([QUEUE])
    return handle.refresh().result(timeout=timedelta(0))


def test_of_signals_for_one_group_none_is_lost(engine: DurableEngine) -> None:
    """C73: each is sent twice, as by a sender that got no answer."""
    for number in range(ROUNDS):
        handle = _start(engine, wait_for_all)

        def deliver(name: str, of: UUID = handle.id, value: int = number) -> None:
            for _ in range(2):
                engine.send_signal(of, name, value, dedupe_key=name)
            engine.run_one(of)

        answers = at_once(*[lambda name=name: deliver(name) for name in NAMES])

        refused = [answer for answer in answers if answer is not None]
        # Who repeats itself after the end hears the same answer; nobody is turned away.
        assert refused == []
        assert _result(engine, handle) == dict.fromkeys(NAMES, number)
        statuses = [str(signal.status) for signal in engine.store.list_signals(handle.id)]
        assert statuses == ["delivered"] * len(NAMES)


def test_of_signals_that_race_one_wins_and_the_others_are_there_later(
    engine: DurableEngine,
) -> None:
    """C68, W8g."""
    for _ in range(ROUNDS):
        handle = _start(engine, wait_for_any)

        def deliver(name: str, of: UUID = handle.id) -> None:
            engine.send_signal(of, name, name)
            engine.run_one(of)

        at_once(*[lambda name=name: deliver(name) for name in NAMES])

        winner, others = _result(engine, handle)
        assert sorted([winner, *others]) == sorted(NAMES)


def test_a_signal_and_a_timer_that_race_decide_it_once(engine: DurableEngine) -> None:
    seen = set()
    for _ in range(ROUNDS * 2):
        handle = _start(engine, hasty)
        engine.clock.sleep(HOUR)

        at_once(
            lambda of=handle.id: engine.run_one(of),
            lambda of=handle.id: engine.send_signal(of, "paid", "sum"),
        )
        engine.drain([QUEUE])
        engine.clock.sleep(HOUR)

        winner, later = _result(engine, handle)
        assert (winner, later) in {("late", "sum"), ("paid", "none")}
        [signal] = engine.store.list_signals(handle.id)
        assert signal.status == "delivered"
        timers = {timer.key: str(timer.status) for timer in engine.store.list_timers(handle.id)}
        assert timers["race/late"] == ("fired" if winner == "late" else "cancelled")
        seen.add(winner)
    assert seen <= {"late", "paid"}


def test_children_that_end_at_once_wake_their_parent(engine: DurableEngine) -> None:
    """W14: the last two of a map do not each take the other for the last."""
    for what, expected in ((mapping, sum(range(8))), (fan_out, [0, 1, 2, 3])):
        for _ in range(ROUNDS):
            handle = _start(engine, what)
            children = engine.store.list_children(handle.id)

            outcomes = at_once(*[lambda of=child.id: engine.run_one(of) for child in children])

            assert [outcome.status for outcome in outcomes] == ["completed"] * len(children)
            woken = engine.store.load_execution(handle.id)
            assert woken.wake_at is not None, woken
            assert _result(engine, handle) == expected


def test_a_child_that_ends_while_its_parent_suspends(engine: DurableEngine) -> None:
    """W14: in the same instant, in every order."""
    for _ in range(ROUNDS * 3):
        handle = engine.start_by_name(parent.name, {})

        def run_child(of: UUID = handle.id) -> None:
            for _ in range(1000):
                for child in engine.store.list_children(of):
                    engine.run_one(child.id)
                    return

        at_once(lambda of=handle.id: engine.run_one(of), run_child)

        assert _result(engine, handle) == 7
        [child] = engine.store.list_children(handle.id)
        assert Effect.objects.filter(execution_id=child.id).count() == 1


def test_a_parent_that_is_cancelled_while_its_child_ends(engine: DurableEngine) -> None:
    for _ in range(ROUNDS * 2):
        handle = _start(engine, parent)
        [child] = engine.store.list_children(handle.id)

        at_once(
            lambda of=child.id: engine.run_one(of),
            lambda of=handle.id: (engine.cancel(of), engine.run_one(of)),
        )
        engine.drain([QUEUE])

        assert handle.refresh().status is ExecutionStatus.CANCELLED
        ended = engine.store.load_execution(child.id)
        assert ended.status in {ExecutionStatus.COMPLETED, ExecutionStatus.CANCELLED}
        effects = Effect.objects.filter(execution_id=child.id).count()
        # Its step has no undo: cancelled after it, the effect stays.
        assert effects == 1 or ended.status is ExecutionStatus.CANCELLED


def test_of_two_workers_on_one_group_one_decides(engine: DurableEngine) -> None:
    for _ in range(ROUNDS):
        handle = _start(engine, fan_out)
        for child in engine.store.list_children(handle.id):
            engine.run_one(child.id)

        outcomes = at_once(*[lambda of=handle.id: engine.run_one(of)] * 4)

        assert sum(outcome is not None for outcome in outcomes) == 1
        assert _result(engine, handle) == [0, 1, 2, 3]


def test_a_broadcast_and_a_new_waiter_do_not_block_each_other(engine: DurableEngine) -> None:
    handles = [_start(engine, listening) for _ in range(6)]

    answers = at_once(
        *[lambda n=n: engine.broadcasts.broadcast("news", n) for n in range(2)],
        *[lambda of=one.id: engine.run_one(of) for one in handles[:2]],
        lambda: _start(engine, listening),
    )

    assert not any(isinstance(answer, BaseException) for answer in answers), answers
    for handle in handles:
        first = _result(engine, handle)
        assert first in (0, 1)


@workflow(name="family.listening", queue=QUEUE)
def listening(ctx: WorkflowContext) -> Any:
    return ctx.wait_event("news")


# --- branches in threads of their own ---


_together = threading.Barrier(3)
_lock = threading.Lock()
_under_way: list[int] = []
_most: list[int] = []


@workflow(name="family.threads", queue=QUEUE)
def threads(ctx: WorkflowContext) -> list[int]:
    with ctx.parallel("all", max_concurrency=3) as p:
        branches = [p.branch(f"b{number}", _branch, number) for number in range(9)]
    return [one.result for one in branches]


def _branch(ctx: WorkflowContext, number: int) -> int:
    ctx.step("meet", _meet)
    ctx.step("count", _count, str(ctx.execution_id), atomic=True)
    ctx.sleep("nap", HOUR)
    return ctx.step("end", lambda: number)


def _meet() -> None:
    with _lock:
        _under_way.append(1)
        _most.append(len(_under_way))
    _together.wait(timeout=20)
    with _lock:
        _under_way.pop()


@with_writers
def test_branches_run_at_once_on_connections_of_their_own(engine: DurableEngine) -> None:
    _most.clear()
    handle = _start(engine, threads)
    for _ in range(4):
        engine.clock.sleep(HOUR)
        engine.drain([QUEUE])

    assert handle.refresh().result(timeout=timedelta(0)) == list(range(9))
    assert max(_most) == 3
    assert Effect.objects.filter(execution_id=handle.id).count() == 9
    attempts = {(row.key, row.attempt) for row in engine.store.list_checkpoints(handle.id)}
    assert len(attempts) == 9 * 4 + 1
    assert {attempt for _, attempt in attempts} == {1}


@workflow(name="family.items", queue=QUEUE)
def items(ctx: WorkflowContext) -> int:
    return sum(ctx.map("m", _item, range(60), max_concurrency=3, atomic=True))


def _item(number: int) -> int:
    Effect.objects.create(execution_id=UUID(int=number), step="item")
    return number


def test_items_are_done_once_each(engine: DurableEngine) -> None:
    assert _result(engine, _start(engine, items)) == sum(range(60))
    assert Effect.objects.filter(step="item").count() == 60


@workflow(name="family.many_threads", queue=QUEUE)
def many_threads(ctx: WorkflowContext) -> None:
    with ctx.parallel("all") as p:
        for number in range(12):
            p.branch(f"b{number}", _two_steps)
    ctx.wait_signal("never")


def _two_steps(ctx: WorkflowContext) -> None:
    ctx.step("begin", _has_begun.set)
    ctx.step("count", _count, str(ctx.execution_id), atomic=True, compensate=_uncount)


def _uncount(_: object) -> None:
    Effect.objects.filter(execution_id=current_step().execution_id)[0].delete()


_has_begun = threading.Event()


def test_a_cancel_in_the_midst_of_threads_is_kept(engine: DurableEngine) -> None:
    for _ in range(ROUNDS):
        _has_begun.clear()
        handle = engine.start_by_name(many_threads.name, {})

        def cancel(of: UUID = handle.id) -> bool:
            assert _has_begun.wait(20)
            return engine.cancel(of)

        answers = at_once(lambda of=handle.id: engine.run_one(of), cancel)
        engine.drain([QUEUE])

        assert answers[1] is True
        assert handle.refresh().status is ExecutionStatus.CANCELLED
        assert Effect.objects.filter(execution_id=handle.id).count() == 0
