"""However many start and end at once, no limit is passed, and no place stays empty for long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from durable_django.domain.claim import Claim
from durable_django.domain.execution import NewExecution
from durable_django.domain.limit import line_key
from durable_django.domain.status import ExecutionStatus, OnConflict
from durable_django.models import LimitGroup, LimitTicket, WorkflowExecution
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import make_new_execution
from tests.stores.orm.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 10
LEASE = timedelta(minutes=1)
KEY = "shop.order/7"
LINE = line_key("shop.order", "k")


def under_limit(most: int, **fields: Any) -> NewExecution:
    return make_new_execution(limit_key=KEY, limit_max=most, **fields)


def admitted() -> int:
    return LimitTicket.objects.filter(admitted_at__isnull=False).count()


def count_held_back() -> int:
    return WorkflowExecution.objects.filter(waiting_kind="limit").count()


def work_off(store: OrmCheckpointStore, most: int) -> Callable[[], int]:
    """Return work: claim and complete until all have ended; it returns the most that were admitted."""

    def work() -> int:
        highest, idle = 0, 0
        while WorkflowExecution.objects.exclude(status="completed").exists():
            claims = store.claim_due("default", 2, LEASE, "ana")
            highest = max(highest, admitted())
            for claim in claims:
                assert store.complete(claim, "null") is None
            idle = 0 if claims else idle + 1
            if idle > 20:
                store.admit_waiting(10)
        return highest

    return work


def test_starts_at_once_are_admitted_up_to_the_limit(store: OrmCheckpointStore) -> None:
    for _ in range(ROUNDS):
        new = [[under_limit(2)] for _ in range(4)]

        at_once(*[partial(store.insert_executions, one) for one in new])

        assert admitted() <= 2
        store.admit_waiting(10)
        assert (admitted(), count_held_back()) == (2, 2)
        WorkflowExecution.objects.all().delete()


def test_a_start_that_finds_the_limit_locked_looks_again_after_its_commit(
    store: OrmCheckpointStore,
) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("It has one writer at a time.")
    store.insert_executions([under_limit(9)])
    has_started, may_commit = Event(), Event()

    def start_slowly() -> None:
        with transaction.atomic():
            store.insert_executions([under_limit(9)])
            has_started.set()
            may_commit.wait(20)

    def start_meanwhile() -> tuple[int, int]:
        has_started.wait(20)
        with transaction.atomic():
            store.insert_executions([under_limit(9)])
            # It did not wait for the other one's transaction.
            before = count_held_back()
            may_commit.set()
            Event().wait(0.3)  # until the other one has committed
        return before, count_held_back()

    _, seen = at_once(start_slowly, start_meanwhile)

    assert seen == (1, 0)


def test_an_end_does_not_wait_for_a_start_that_is_not_committed(
    store: OrmCheckpointStore,
) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("It has one writer at a time.")
    store.insert_executions([under_limit(1)])
    store.insert_executions([under_limit(1)])
    [held] = store.claim_due("default", 5, LEASE, "ana")
    has_started, has_ended = Event(), Event()

    def start_slowly() -> None:
        with transaction.atomic():
            store.insert_executions([under_limit(1)])
            has_started.set()
            assert has_ended.wait(20)

    def end() -> None:
        has_started.wait(20)
        assert store.complete(held, "null") is None
        has_ended.set()

    assert at_once(start_slowly, end) == [None, None]
    store.admit_waiting(10)
    assert (admitted(), count_held_back()) == (1, 1)


@pytest.mark.parametrize("most", [1, 3])
def test_ends_at_once_never_admit_too_many(store: OrmCheckpointStore, most: int) -> None:
    store.insert_executions([under_limit(most) for _ in range(40)])

    highest = at_once(*[work_off(store, most)] * 3)

    assert max(highest) <= most
    assert not LimitTicket.objects.exists()
    assert not WorkflowExecution.objects.exclude(status="completed").exists()


def test_starts_and_ends_at_once_leave_nobody_behind(store: OrmCheckpointStore) -> None:
    def start() -> None:
        for _ in range(15):
            store.insert_executions([under_limit(2)])

    at_once(start, start, work_off(store, 2))
    highest = work_off(store, 2)()

    assert highest <= 2
    assert WorkflowExecution.objects.filter(status="completed").count() == 30


def test_an_admission_and_a_cancel_do_not_miss_each_other(store: OrmCheckpointStore) -> None:
    for _ in range(ROUNDS):
        [(first, _), (second, _)] = store.insert_executions([under_limit(1), under_limit(1)])
        held = store.claim_one(first.id, LEASE, "ana")
        assert held is not None

        at_once(
            partial(store.complete, held, "null"),
            partial(store.request_cancel, second.id, "", compensates=True),
        )

        woken = store.claim_one(second.id, LEASE, "ana")
        assert woken is not None
        store.finish(woken, ExecutionStatus.CANCELLED, None)
        assert not LimitTicket.objects.exists()


def test_an_admission_and_a_pause_do_not_miss_each_other(store: OrmCheckpointStore) -> None:
    for _ in range(ROUNDS):
        new = [under_limit(1) for _ in range(3)]
        [(first, _), (second, _), (third, _)] = store.insert_executions(new)
        held = store.claim_one(first.id, LEASE, "ana")
        assert held is not None

        at_once(partial(store.complete, held, "null"), partial(store.request_pause, second.id))
        store.admit_waiting(10)

        # It keeps the place it got, if it got it before it was paused.
        ticket = LimitTicket.objects.get(execution_id=second.id)
        is_third_free = store.claim_one(third.id, LEASE, "ana") is not None
        assert is_third_free == (ticket.admitted_at is None)
        WorkflowExecution.objects.all().delete()


def test_an_admission_and_a_resume_do_not_miss_each_other(store: OrmCheckpointStore) -> None:
    for _ in range(ROUNDS):
        [(first, _), (second, _)] = store.insert_executions([under_limit(1), under_limit(1)])
        held = store.claim_one(first.id, LEASE, "ana")
        assert held is not None
        store.request_pause(second.id)

        at_once(partial(store.complete, held, "null"), partial(store.resume, second.id))
        store.admit_waiting(10)

        resumed = store.claim_one(second.id, LEASE, "ana")
        assert resumed is not None
        assert store.complete(resumed, "null") is None


def test_a_limit_in_use_is_not_forgotten(store: OrmCheckpointStore) -> None:
    def start() -> None:
        for _ in range(10):
            store.insert_executions([under_limit(50)])

    def forget() -> None:
        for _ in range(20):
            # An hour and more ago: whoever starts makes it young, or anew.
            LimitGroup.objects.update(updated_at="2020-01-01T00:00:00Z")
            store.admit_waiting(10)

    at_once(start, forget, forget)
    store.admit_waiting(10)

    assert (admitted(), count_held_back()) == (10, 0)


# --- keys that change hands ---


def with_key(on_conflict: OnConflict) -> NewExecution:
    line = {"limit_key": LINE, "limit_max": 1} if on_conflict is OnConflict.QUEUE else {}
    return make_new_execution(key="k", on_conflict=on_conflict, **line)


def holders() -> list[UUID]:
    rows = WorkflowExecution.objects.filter(key="k", holds_key=True)
    return list(rows.values_list("pk", flat=True))


@pytest.mark.parametrize("on_conflict", [OnConflict.REPLACE, OnConflict.QUEUE])
@pytest.mark.parametrize("is_held_before", [True, False], ids=["held_before", "free_before"])
@pytest.mark.parametrize("is_inside", [True, False], ids=["in_a_transaction", "by_itself"])
def test_a_key_has_one_holder_however_many_take_it_at_once(
    store: OrmCheckpointStore,
    on_conflict: OnConflict,
    *,
    is_held_before: bool,
    is_inside: bool,
) -> None:
    for _ in range(ROUNDS):
        if is_held_before:
            store.insert_executions([make_new_execution(key="k")])

        def start() -> UUID:
            new = with_key(on_conflict)
            if not is_inside:
                [(execution, is_new)] = store.insert_executions([new])
            else:
                with transaction.atomic():
                    [(execution, is_new)] = store.insert_executions([new])
                    WorkflowExecution.objects.filter(pk=new.id).exists()  # it is not spoiled
            assert is_new
            return execution.id

        started = at_once(*[start] * 4)

        assert [one for one in started if isinstance(one, BaseException)] == []
        [holder] = holders()
        assert holder in started
        open_ones = WorkflowExecution.objects.filter(key="k", cancel_requested_at__isnull=True)
        if on_conflict is OnConflict.REPLACE:
            assert [one.pk for one in open_ones] == [holder]
        else:
            store.admit_waiting(10)
            assert admitted() == 1
        WorkflowExecution.objects.all().delete()


def test_nobody_who_takes_a_key_is_overtaken_again_and_again(store: OrmCheckpointStore) -> None:
    def start_often() -> None:
        for _ in range(40):
            store.insert_executions([with_key(OnConflict.REPLACE)])

    started = at_once(*[start_often] * 6)

    assert started == [None] * 6
    assert len(holders()) == 1


def test_a_line_and_the_end_of_the_first_do_not_miss_each_other(
    store: OrmCheckpointStore,
) -> None:
    for _ in range(ROUNDS):
        [(first, _)] = store.insert_executions([make_new_execution(key="k")])
        held: Claim | None = store.claim_one(first.id, LEASE, "ana")
        assert held is not None
        new = with_key(OnConflict.QUEUE)

        at_once(partial(store.complete, held, "null"), partial(store.insert_executions, [new]))
        store.admit_waiting(10)

        second = store.claim_one(new.id, LEASE, "ana")
        assert second is not None
        assert store.complete(second, "null") is None
        assert not LimitTicket.objects.exists()
        WorkflowExecution.objects.all().delete()


def test_a_replacement_and_the_end_of_the_former_do_not_miss_each_other(
    store: OrmCheckpointStore,
) -> None:
    for _ in range(ROUNDS):
        [(first, _)] = store.insert_executions([make_new_execution(key="k")])
        held = store.claim_one(first.id, LEASE, "ana")
        assert held is not None
        new = with_key(OnConflict.REPLACE)

        at_once(partial(store.complete, held, "null"), partial(store.insert_executions, [new]))

        former = store.load_execution(first.id)
        assert (former.status == "completed") == (former.cancel_requested_at is None)
        assert holders() == [new.id]
        events = len(store.list_events(first.id, after=0, limit=10))
        assert events == (former.cancel_requested_at is not None)
        WorkflowExecution.objects.all().delete()
