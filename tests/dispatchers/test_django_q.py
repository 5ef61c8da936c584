from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule
from django_q.scheduler import scheduler
from django_q.signing import SignedPackage

from durable_django import client, runtime, tasks
from durable_django.conf import settings
from durable_django.dispatchers import django_q
from durable_django.dispatchers.django_q import DjangoQDispatcher, _Wish
from durable_django.models import Doorbell
from durable_django.stores.orm.doorbells import OrmDoorbells
from tests.testapp.workflows import plain

pytestmark = pytest.mark.django_db(transaction=True)

TTL = timedelta(seconds=5)
Sent = list[tuple[Any, ...]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What would go to the broker."""
    calls: Sent = []
    monkeypatch.setattr(
        django_q, "async_task", lambda *args, **kwargs: calls.append((*args, kwargs))
    )
    return calls


@pytest.fixture
def dispatcher() -> DjangoQDispatcher:
    return DjangoQDispatcher(OrmDoorbells())


def slots_of(sent: Sent) -> list[str]:
    return [slot for _, slot, _ in sent]


def test_a_start_sends_one_task_that_says_where_to_look(sent: Sent) -> None:
    plain.start()
    options = {"save": False, "ack_failure": True, "timeout": -1}
    assert sent == [("durable_django.tasks.pump", "default:0", {"q_options": options})]


def test_what_the_broker_gets_is_strings_only() -> None:
    plain.start()
    task = SignedPackage.loads(OrmQ.objects.get().payload)
    assert (task["func"], task["args"], task["kwargs"]) == (
        "durable_django.tasks.pump",
        ("default:0",),
        {},
    )
    assert (task["save"], task["ack_failure"], task["timeout"]) == (False, True, -1)


def test_a_transaction_sends_after_its_commit_and_once(sent: Sent) -> None:
    with transaction.atomic():
        plain.start()
        with transaction.atomic():
            execution = plain.start()
            client.cancel(execution.id)
        plain.options(queue="slow").start()
        plain.start()
        assert sent == []
        # The store has callbacks of its own.
        wishes = [act for _, act, *_ in connection.run_on_commit if isinstance(act, _Wish)]
        assert [wish.queue for wish in wishes] == ["default", "slow"]
    assert slots_of(sent) == ["default:0", "slow:0"]


def test_a_rollback_sends_nothing(sent: Sent) -> None:
    def roll_back() -> None:
        with transaction.atomic():
            plain.start()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        roll_back()
    assert sent == []
    assert not Doorbell.objects.filter(slot="default:0").exists()


def test_a_savepoint_rolled_back_takes_no_other_wish_with_it(sent: Sent) -> None:
    with transaction.atomic():
        savepoint = transaction.savepoint()
        plain.start()
        transaction.savepoint_rollback(savepoint)
        plain.start()
    assert slots_of(sent) == ["default:0"]


def test_the_most_slots_of_a_transaction_count(sent: Sent, dispatcher: DjangoQDispatcher) -> None:
    with transaction.atomic():
        dispatcher.wake("default", 1)
        dispatcher.wake("default", 2)
        dispatcher.wake("default", 1)
    assert slots_of(sent) == ["default:0", "default:1"]


def test_no_more_slots_are_rung_than_the_cluster_has_workers(
    sent: Sent, dispatcher: DjangoQDispatcher
) -> None:
    dispatcher.wake("default", 50)
    assert len(sent) == Conf.WORKERS


def test_a_bell_that_rings_already_sends_nothing(sent: Sent, dispatcher: DjangoQDispatcher) -> None:
    for _ in range(3):
        dispatcher.wake()
    assert len(sent) == 1
    OrmDoorbells().answer("default:0")
    dispatcher.wake()
    assert len(sent) == 2


def test_a_broker_that_is_unwell_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(django_q, "async_task", fail)
    with caplog.at_level(logging.WARNING), transaction.atomic():
        plain.start()
    plain.start()
    # The second found the bell rung: a broker that is down is not tried at every start.
    assert [record.message for record in caplog.records] == ["Doorbell not rung"]
    assert len(client.list_executions()) == 2


def test_a_doorbell_that_is_unwell_stops_nobody(
    sent: Sent, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(OrmDoorbells):
        def ring(self, slot: str, ttl: timedelta) -> bool:
            raise ConnectionError

    with caplog.at_level(logging.WARNING):
        DjangoQDispatcher(Broken()).wake()
    assert sent == []
    assert [record.message for record in caplog.records] == ["Doorbell not rung"]


def test_it_waits_for_a_transaction_on_another_database(
    sent: Sent, dispatcher: DjangoQDispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatcher._alias = "other"

    class Connections:
        """`other` is out of its transaction; the default one is in the midst of one."""

        class Other:
            in_atomic_block = False
            atomic_blocks: tuple[object, ...] = ()

        def __getitem__(self, alias: str) -> object:
            return self.Other

        def all(self, *, initialized_only: bool) -> list[Any]:
            return [self.Other, transaction.get_connection()]

    monkeypatch.setattr(django_q, "connections", Connections())
    with transaction.atomic():
        dispatcher.wake()
        assert sent == []
    assert slots_of(sent) == ["default:0"]


def test_inside_a_test_case_it_sends_when_the_test_says_so(
    sent: Sent, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        plain.start()
    assert len(sent) == 1


# --- the backstop ---


def ensure_again() -> None:
    Doorbell.objects.all().delete()
    runtime.ensure_backstop()


def test_there_is_one_schedule_however_often_it_is_seen_to() -> None:
    Schedule.objects.all().delete()
    for _ in range(3):
        ensure_again()
    schedule = Schedule.objects.get()
    assert (schedule.name, schedule.func) == ("durable_recover", "durable_django.tasks.recover")
    assert (schedule.schedule_type, schedule.minutes, schedule.repeats) == (Schedule.MINUTES, 1, -1)


def test_what_somebody_changed_stays() -> None:
    ensure_again()
    Schedule.objects.update(minutes=7)
    ensure_again()
    assert Schedule.objects.get().minutes == 7


def test_doubles_are_removed() -> None:
    Schedule.objects.all().delete()
    ensure_again()
    kept = Schedule.objects.get()
    Schedule.objects.create(name="durable_recover", func="durable_django.tasks.recover")
    ensure_again()
    assert Schedule.objects.get() == kept


def test_only_one_process_sees_to_it_at_a_time() -> None:
    Schedule.objects.all().delete()
    Doorbell.objects.all().delete()
    runtime.ensure_backstop()
    Schedule.objects.all().delete()
    runtime.ensure_backstop()
    assert not Schedule.objects.exists()


def test_migrate_creates_it() -> None:
    Schedule.objects.all().delete()
    Doorbell.objects.all().delete()
    call_command("migrate", verbosity=0)
    assert Schedule.objects.filter(name="durable_recover").count() == 1


def test_django_q_can_run_it() -> None:
    Schedule.objects.all().delete()
    ensure_again()
    scheduler()
    task = SignedPackage.loads(OrmQ.objects.get().payload)
    assert task["func"] == django_q.RECOVER
    assert (task["kwargs"], task["save"]) == ({}, False)
    assert task["func"] == f"{tasks.recover.__module__}.{tasks.recover.__name__}"
    assert Schedule.objects.get().repeats == -1


def test_the_settings_reach_it() -> None:
    built = runtime.build_dispatcher(settings())
    assert isinstance(built, DjangoQDispatcher)
    assert built.most_slots == Conf.WORKERS
