from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction

from durable_django import queues, runtime
from durable_django.domain.event import Actor, ActorKind
from durable_django.domain.status import QueueMode
from durable_django.domain.work_queue import QueueControl, QueueFigures, Rate
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.registry import Registry
from durable_django.engine.workflow_function import WorkflowFunction, workflow
from durable_django.exceptions import DefinitionError

pytestmark = pytest.mark.django_db

ANA = Actor(kind=ActorKind.USER, id="7", name="ana")
MINUTE = timedelta(minutes=1)


class Doorbell:
    def __init__(self) -> None:
        self.rung: list[str] = []

    def wake(self, queue: str = "default", slots: int = 1) -> None:
        self.rung.append(queue)


@pytest.fixture
def doorbell() -> Doorbell:
    return Doorbell()


@pytest.fixture
def engine(doorbell: Doorbell) -> Iterator[DurableEngine]:
    engine = runtime.build_engine(dispatcher=doorbell, registry=Registry())
    former = runtime.use_engine(engine)
    yield engine
    runtime.use_engine(former)
    engine.dispose()


@pytest.fixture
def mail(engine: DurableEngine) -> WorkflowFunction[Any, Any]:
    return workflow(name="mail.send", queue="mail", registry=engine.registry)(
        lambda ctx: ctx.wait_signal("sent")
    )


def test_a_queue_that_nobody_knows_is_open_and_empty(engine: DurableEngine) -> None:
    queue = queues.get("nowhere")

    assert (queue.control, queue.figures) == (QueueControl(name="nowhere"), QueueFigures())
    assert queue.is_drained


def test_limits_are_set_and_lifted_one_by_one(engine: DurableEngine) -> None:
    queues.configure("mail", max_running=3, rate="100/min", reason="their quota", by=ANA)
    both = queues.get("mail").control
    queues.configure("mail", rate=None)
    queues.configure("mail")

    assert (both.max_running, both.rate) == (3, Rate(100, MINUTE))
    assert (both.reason, both.changed_by) == ("their quota", "ana")
    control = queues.get("mail").control
    assert (control.max_running, control.rate, control.changed_by) == (3, None, "code")


def test_a_rate_is_a_text_or_a_number_and_a_period(engine: DurableEngine) -> None:
    for rate in ("100/min", (100, MINUTE), Rate(100, MINUTE)):
        assert queues.configure("mail", rate=rate).rate == Rate(100, MINUTE)


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        ({"max_running": 0}, "pause the queue"),
        ({"max_running": "3"}, "whole number"),
        ({"rate": "fast"}, "no rate"),
        ({"rate": (1, 60)}, "A rate is"),
    ],
)
def test_what_could_not_work_is_refused(
    engine: DurableEngine, limits: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DefinitionError, match=problem):
        queues.configure("mail", **limits)
    assert queues.get("mail").control.changed_at is None


@pytest.mark.parametrize("act", [queues.get, queues.pause, queues.configure, queues.is_drained])
def test_a_name_that_is_none_is_refused(engine: DurableEngine, act: Any) -> None:
    with pytest.raises(DefinitionError, match="legal queue"):
        act(" mail")


def test_a_paused_queue_stands_still_and_a_resumed_one_is_rung_for(
    engine: DurableEngine, mail: WorkflowFunction[Any, Any], doorbell: Doorbell
) -> None:
    mail.start()
    paused = queues.pause("mail", reason="an outage", by=ANA)
    engine.drain(["mail"])
    while_it_is_paused = queues.get("mail").figures
    doorbell.rung.clear()

    queues.resume("mail")
    engine.drain(["mail"])

    assert (paused.mode, paused.reason) == (QueueMode.PAUSED, "an outage")
    assert while_it_is_paused == QueueFigures(due=1)
    assert doorbell.rung == ["mail"]
    assert queues.get("mail").figures == QueueFigures(waiting=1, begun=1)


def test_a_queue_is_drained_once_nothing_begun_is_left(
    engine: DurableEngine, mail: WorkflowFunction[Any, Any]
) -> None:
    begun = mail.start()
    engine.drain(["mail"])
    queues.drain("mail", reason="deploy")
    mail.start()
    engine.drain(["mail"])
    before = queues.is_drained("mail")

    begun.signal("sent")
    engine.drain(["mail"])

    assert (before, queues.is_drained("mail")) == (False, True)
    assert queues.get("mail").figures == QueueFigures(due=1)


def test_served_controlled_and_used_queues_are_listed(
    engine: DurableEngine, mail: WorkflowFunction[Any, Any]
) -> None:
    queues.configure("slow", max_running=1)
    mail.options(queue="elsewhere").start()

    listed = queues.list_queues()

    assert [queue.name for queue in listed] == ["default", "elsewhere", "mail", "slow"]
    assert [queue.figures.due for queue in listed] == [0, 1, 0, 0]
    assert [queue.control.is_controlled for queue in listed] == [False, False, False, True]


def test_a_change_vanishes_with_the_caller_s_transaction(engine: DurableEngine) -> None:
    with transaction.atomic():
        queues.pause("mail")
        transaction.set_rollback(True)

    assert queues.get("mail").control == QueueControl(name="mail")


def test_each_has_an_async_twin(engine: DurableEngine) -> None:
    async def steer() -> list[object]:
        await queues.aconfigure("mail", max_running=3)
        await queues.apause("mail")
        await queues.adrain("mail")
        await queues.aresume("mail")
        queue = await queues.aget("mail")
        listed = await queues.alist_queues()
        return [queue.control.max_running, len(listed), await queues.ais_drained("mail")]

    assert async_to_sync(steer)() == [3, 2, True]
