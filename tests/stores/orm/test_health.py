from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from durable_django.domain.status import ExecutionStatus, Guarantee, QueueMode, WaitKind
from durable_django.domain.wait import Wait
from durable_django.domain.work_queue import QueueChange
from durable_django.models import LimitTicket, WorkflowExecution, WorkflowSignal
from durable_django.stores.orm import health
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import make_new_execution

pytestmark = pytest.mark.django_db
LEASE = timedelta(seconds=30)


@pytest.fixture
def store() -> OrmCheckpointStore:
    return OrmCheckpointStore()


def insert(store: OrmCheckpointStore, **fields: Any) -> UUID:
    [(execution, _)] = store.insert_executions([make_new_execution(**fields)])
    return execution.id


def set_alarm(id_: UUID, ago: timedelta) -> None:
    then = health.load_clock("default") - ago
    row = WorkflowExecution.objects.filter(pk=id_)
    is_foreground = row.get().guarantee == Guarantee.FOREGROUND
    row.update(wake_at=then, order_at=None if is_foreground else then)


def suspend(store: OrmCheckpointStore, id_: UUID, wait: Wait) -> None:
    claim = store.claim_one(id_, LEASE, "w")
    assert claim is not None
    store.suspend(claim, wait)


def test_clock_is_the_databases_and_utc():
    apart = abs(health.load_clock("default") - datetime.now(UTC))

    assert apart < timedelta(minutes=1)


class TestOverdue:
    def test_longest_overdue_comes_first_whoever_advances_it(self, store: OrmCheckpointStore):
        new, old = insert(store), insert(store, guarantee=Guarantee.FOREGROUND)
        insert(store, start_at=datetime(2100, 1, 1, tzinfo=UTC))
        set_alarm(old, timedelta(hours=1))

        assert [e.id for e in health.list_overdue("default")] == [old, new]

    def test_queues_narrow(self, store: OrmCheckpointStore):
        here = insert(store, queue="here")
        insert(store, queue="there")

        assert [e.id for e in health.list_overdue("default", queues=["here"])] == [here]

    def test_limit_keeps_the_longest_overdue(self, store: OrmCheckpointStore):
        ids = [insert(store) for _ in range(3)]
        for id_, minutes in zip(ids, (1, 3, 2), strict=True):
            set_alarm(id_, timedelta(minutes=minutes))

        assert [e.id for e in health.list_overdue("default", limit=1)] == [ids[1]]


def test_lags_are_told_by_queue_and_guarantee(store: OrmCheckpointStore):
    for queue, minutes in (("a", 5), ("a", 9), ("b", 5), ("c", 0)):
        set_alarm(insert(store, queue=queue), timedelta(minutes=minutes))
    set_alarm(insert(store, queue="a", guarantee=Guarantee.FOREGROUND), timedelta(minutes=5))

    lags = health.list_lags("default", timedelta(minutes=1))

    assert [(lag.queue, lag.guarantee, lag.count) for lag in lags] == [
        ("a", "background", 2),
        ("a", "foreground", 1),
        ("b", "background", 1),
    ]
    assert lags[0].since < lags[1].since


class TestLagsOfControlledQueues:
    @pytest.mark.parametrize(
        ("change", "is_late"),
        [
            ({"mode": QueueMode.PAUSED}, False),
            ({"mode": QueueMode.DRAINING}, False),
            ({"max_running": 1}, False),
            ({"max_running": 2}, True),
        ],
    )
    def test_what_may_not_be_claimed_is_not_late(
        self, store: OrmCheckpointStore, change: dict[str, Any], *, is_late: bool
    ):
        store.claim_one(insert(store), LEASE, "w")
        set_alarm(insert(store), timedelta(hours=1))
        store.change_queue("default", QueueChange(**change))

        lags = health.list_lags("default", timedelta(minutes=1))

        assert [lag.queue for lag in lags] == ["default"] * is_late

    def test_what_only_its_own_process_advances_is_late_all_the_same(
        self, store: OrmCheckpointStore
    ):
        set_alarm(insert(store, guarantee=Guarantee.FOREGROUND), timedelta(hours=1))
        store.change_queue("default", QueueChange(mode=QueueMode.PAUSED))

        [lag] = health.list_lags("default", timedelta(minutes=1))

        assert lag.guarantee is Guarantee.FOREGROUND


class TestStuck:
    def test_what_waits_with_reason_is_not_stuck(self, store: OrmCheckpointStore):
        insert(store)
        suspend(store, insert(store), Wait(kind=WaitKind.SIGNAL, name="packed", key="packed"))
        suspend(store, insert(store), Wait(kind=WaitKind.TIMER, after=timedelta(hours=1)))
        store.request_pause(insert(store))
        other = insert(store)
        suspend(store, other, Wait(kind=WaitKind.SIGNAL, name="packed", key="packed"))
        store.add_signal(other, "else", "null")

        assert health.list_stuck("default") == []

    def test_what_a_limit_holds_back_is_not_stuck(self, store: OrmCheckpointStore):
        limit = {"limit_key": "shop.order/7", "limit_max": 1}
        insert(store, **limit)
        insert(store, **limit)

        assert health.list_stuck("default") == []

    def test_what_waits_in_no_line_is_stuck(self, store: OrmCheckpointStore):
        limit = {"limit_key": "shop.order/7", "limit_max": 1}
        insert(store, **limit)
        held_back = insert(store, **limit)
        LimitTicket.objects.filter(execution_id=held_back).delete()

        assert [e.id for e in health.list_stuck("default")] == [held_back]

    @pytest.mark.parametrize("kind", [WaitKind.CHILD, WaitKind.TASK, WaitKind.SEVERAL])
    def test_what_somebody_else_ends_is_not_stuck(self, store: OrmCheckpointStore, kind: WaitKind):
        suspend(store, insert(store), Wait(kind=kind, name="packed", key="packed"))

        assert health.list_stuck("default") == []

    def test_second_wait_of_a_name_is_not_stuck(self, store: OrmCheckpointStore):
        id_ = insert(store)
        suspend(store, id_, Wait(kind=WaitKind.SIGNAL, name="packed", key="packed#2"))
        store.add_signal(id_, "packed", "null")
        WorkflowSignal.objects.update(status="delivered")
        WorkflowExecution.objects.filter(pk=id_).update(wake_at=None, order_at=None)

        assert health.list_stuck("default") == []

    def test_sleeper_without_an_alarm_is_stuck(self, store: OrmCheckpointStore):
        id_ = insert(store)
        WorkflowExecution.objects.filter(pk=id_).update(wake_at=None, order_at=None)

        assert [e.id for e in health.list_stuck("default")] == [id_]

    def test_wait_for_a_signal_that_is_there_is_stuck(self, store: OrmCheckpointStore):
        id_ = insert(store)
        suspend(store, id_, Wait(kind=WaitKind.SIGNAL, name="packed", key="packed"))
        store.add_signal(id_, "packed", "null")
        WorkflowExecution.objects.filter(pk=id_).update(wake_at=None, order_at=None)

        assert [e.id for e in health.list_stuck("default")] == [id_]


def test_live_executions_are_counted_by_status(store: OrmCheckpointStore):
    insert(store), insert(store)
    claim = store.claim_one(insert(store), LEASE, "w")
    assert claim is not None
    ended = store.claim_one(insert(store), LEASE, "w")
    assert ended is not None
    store.complete(ended, "null")

    assert health.count_live("default") == {
        ExecutionStatus.PENDING: 2,
        ExecutionStatus.RUNNING: 1,
    }


def test_live_workflows_are_told_once_each(store: OrmCheckpointStore):
    for version in (2, 1, 2):
        insert(store, workflow_version=version)

    assert health.list_live_workflows("default") == [("shop.order", 1), ("shop.order", 2)]
