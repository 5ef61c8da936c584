from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.status import ExecutionStatus, SignalStatus, WaitKind
from durable_django.domain.wait import Suspension, Wait
from durable_django.exceptions import DurableCallError, InvalidTransitionError
from durable_django.models import Workflow, WorkflowExecution
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.stores.orm.db_now import DBNow
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import (
    ManualClock,
    make_checkpoint,
    make_error,
    make_new_execution,
    make_outcome,
)
from tests.stores.orm.test_races import FOR_PACKED, LEASE, begin

_: type[CheckpointStore] = OrmCheckpointStore

HOUR = timedelta(hours=1)
A_NAP = Wait(kind=WaitKind.TIMER, name="nap", key="nap", after=HOUR, registers_timer=True)


@pytest.mark.django_db
class TestTheDatabasesClock:
    def test_it_tells_utc(self, store: OrmCheckpointStore) -> None:
        assert abs(store.now() - datetime.now(UTC)) < timedelta(seconds=5)

    def test_it_tells_utc_whatever_the_zone_of_the_session(self, store: OrmCheckpointStore) -> None:
        if connection.vendor != "mysql":
            pytest.skip("PostgreSQL's session is put to UTC by Django; SQLite has no zone.")
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION time_zone = '+09:00'")

        claim = begin(store, lease=HOUR)

        # Nine hours are more than the lease: NOW(6) would have lost it already.
        again = store.claim_one(claim.execution_id, LEASE, "ben")
        now = store.now()
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION time_zone = DEFAULT")
        assert again is None
        assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)

    def test_the_orm_can_ask_it_too(self, store: OrmCheckpointStore) -> None:
        begin(store)

        [now, later] = WorkflowExecution.objects.values_list(DBNow(), DBNow(HOUR)).get()

        assert abs(later - now - HOUR) < timedelta(seconds=1)
        assert abs(now - store.now()) < timedelta(seconds=5)

    def test_what_is_due_on_it_is_claimed_and_what_is_not_is_not(
        self, store: OrmCheckpointStore
    ) -> None:
        due = store.now() - timedelta(milliseconds=2)
        new = [
            make_new_execution(start_at=due, priority=0),
            make_new_execution(start_at=due, priority=7),
            make_new_execution(start_at=due + HOUR, priority=1000),
        ]
        store.insert_executions(new)

        claimed = store.claim_due("default", 10, LEASE, "ana")

        assert [one.execution_id for one in claimed] == [new[1].id, new[0].id]
        assert store.next_alarm(["default"]) == min(
            store.load_execution(one.id).wake_at or due for one in new
        )

    def test_a_timer_on_it_fires_neither_early_nor_never(self, store: OrmCheckpointStore) -> None:
        claim = begin(store)
        wait = Wait(
            kind=WaitKind.TIMER,
            name="nap",
            key="nap",
            after=timedelta(microseconds=1),
            registers_timer=True,
        )

        store.suspend(claim, wait)

        again = None
        while again is None:
            again = store.claim_one(claim.execution_id, LEASE, "ana")
        assert again.timers["nap"].fire_at <= again.now


@pytest.mark.django_db
def test_the_alarm_of_next_resort_is_not_hidden_by_head_starts() -> None:
    clock = ManualClock()
    store = OrmCheckpointStore(clock=clock)
    urgent = make_new_execution(priority=100, start_at=clock.now() + 20 * LEASE)
    plain = make_new_execution(start_at=clock.now() + 15 * LEASE)
    store.insert_executions([urgent, plain])

    assert store.next_alarm(["default", "other"]) == plain.start_at


@pytest.mark.django_db
class TestNamesAndKeys:
    def test_they_are_equal_only_if_every_character_is(self, store: OrmCheckpointStore) -> None:
        new = [make_new_execution(key=key) for key in ("Order-1", "order-1", "ordér-1")]

        started = store.insert_executions(new)

        assert [is_new for _, is_new in started] == [True, True, True]

    def test_a_signal_wakes_only_its_own_name(self, store: OrmCheckpointStore) -> None:
        claim = begin(store)
        store.suspend(claim, FOR_PACKED)

        store.add_signal(claim.execution_id, "Packed", "1")

        assert store.load_execution(claim.execution_id).wake_at is None

    def test_checkpoints_differ_by_case(self, store: OrmCheckpointStore) -> None:
        claim = begin(store)

        for key in ("charge", "Charge"):
            store.record_outcome(claim, make_outcome(claim.execution_id, key))

        assert len(store.list_checkpoints(claim.execution_id)) == 2

    def test_what_is_stored_comes_back_to_the_character(self, store: OrmCheckpointStore) -> None:
        text = '"100 % of %s and \\ and \' and 🦉"'
        claim = begin(store)

        store.record_outcome(claim, make_outcome(claim.execution_id, output=text))
        store.record_progress(claim, {"said": text, "n": 1.5})

        assert store.list_checkpoints(claim.execution_id)[0].output == text
        assert store.load_execution(claim.execution_id).progress == {"said": text, "n": 1.5}


@pytest.mark.django_db(transaction=True)
class TestInsideSomebodyElsesTransaction:
    def test_outside_acts_are_taken_back_with_it(self, store: OrmCheckpointStore) -> None:
        claim = begin(store)
        new = make_new_execution()

        with transaction.atomic():
            store.insert_executions([new])
            store.add_signal(claim.execution_id, "packed", "1")
            store.request_cancel(claim.execution_id, "customer", compensates=True)
            transaction.set_rollback(True)

        assert [one.id for one in store.list_executions()] == [claim.execution_id]
        assert store.complete(claim, "null") is None

    def test_a_refused_act_does_not_spoil_it(self, store: OrmCheckpointStore) -> None:
        claim = begin(store)
        store.complete(claim, "null")
        new = make_new_execution()

        with transaction.atomic():
            with pytest.raises(InvalidTransitionError):
                store.add_signal(claim.execution_id, "packed", "1")
            store.insert_executions([new])

        assert store.load_execution(new.id).status is ExecutionStatus.PENDING

    def test_what_a_slice_writes_is_refused(self, store: OrmCheckpointStore) -> None:
        claim = begin(store)
        outcome = make_outcome(claim.execution_id)

        with transaction.atomic():
            for write in (
                lambda: store.record_intent(claim, make_checkpoint(claim.execution_id)),
                lambda: store.record_outcome(claim, outcome),
                lambda: store.fire_timer(claim, outcome),
                lambda: store.suspend(claim, FOR_PACKED),
                lambda: store.complete(claim, "null"),
                lambda: store.claim_one(claim.execution_id, LEASE, "ben"),
            ):
                with pytest.raises(DurableCallError):
                    write()

        assert store.list_checkpoints(claim.execution_id) == []

    def test_a_relaxed_intent_does_not_relax_a_commit_of_others(
        self, store: OrmCheckpointStore
    ) -> None:
        if connection.vendor != "postgresql":
            pytest.skip("Only there is a commit relaxed.")
        claim = begin(store)

        store.record_intent(claim, make_checkpoint(claim.execution_id))

        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            assert cursor.fetchone() == ("on",)

    @pytest.mark.parametrize("must_survive", [False, True])
    def test_an_intent_that_must_survive_is_on_disk_when_it_has_committed(
        self, store: OrmCheckpointStore, *, must_survive: bool
    ) -> None:
        if connection.vendor != "postgresql":
            pytest.skip("Only there is a commit relaxed.")
        claim = begin(store)
        intent = make_checkpoint(claim.execution_id)

        with CaptureQueriesContext(connection) as queries:
            store.record_intent(claim, intent, must_survive=must_survive)

        [insert] = [query["sql"] for query in queries]
        assert ("synchronous_commit" in insert) is not must_survive


@pytest.mark.django_db(transaction=True)
class TestTheRowOfAWorkflow:
    def test_it_is_written_by_the_first_start(self, store: OrmCheckpointStore) -> None:
        begin(store)

        assert [str(one) for one in Workflow.objects.all()] == ["shop.order v1"]

    def test_it_is_written_again_after_a_rollback(self, store: OrmCheckpointStore) -> None:
        with transaction.atomic():
            begin_in_transaction = store.insert_executions([make_new_execution()])
            assert begin_in_transaction
            transaction.set_rollback(True)

        begin(store)

        assert Workflow.objects.count() == 1


@pytest.mark.django_db
class TestManyAtOnce:
    def test_more_starts_than_fit_a_statement_keep_their_order(
        self, store: OrmCheckpointStore
    ) -> None:
        new = [make_new_execution(key=f"k{n % 450}") for n in range(460)]

        started = store.insert_executions(new)

        assert [is_new for _, is_new in started] == [True] * 450 + [False] * 10
        assert [execution.id for execution, _ in started[450:]] == [one.id for one in new[:10]]

    def test_no_starts_are_none(self, store: OrmCheckpointStore) -> None:
        assert store.insert_executions([]) == []
        assert store.renew([], LEASE) == set()

    def test_claims_and_renewals_cover_a_large_batch(self, store: OrmCheckpointStore) -> None:
        store.insert_executions([make_new_execution() for _ in range(1200)])

        claims = store.claim_due("default", 1200, LEASE, "ana")

        assert len(store.renew(claims, LEASE)) == 1200
        assert all(a.execution_id < b.execution_id for a, b in pairwise(claims[:2]))


@pytest.mark.django_db
class TestTimersAfterARetry:
    def test_one_that_was_cancelled_unfired_keeps_its_instant(self) -> None:
        clock = ManualClock()
        store = OrmCheckpointStore(clock=clock)
        first = begin(store)
        fire_at = clock.now() + HOUR
        store.suspend(first, A_NAP)
        store.request_pause(first.execution_id)
        store.resume(first.execution_id)
        failing = store.claim_one(first.execution_id, LEASE, "ana")
        assert failing is not None
        store.finish(failing, ExecutionStatus.FAILED, make_error())
        clock.advance(minutes=10)
        store.retry(first.execution_id)
        again = store.claim_one(first.execution_id, LEASE, "ana")
        assert again is not None

        store.suspend(again, A_NAP)

        [timer] = store.list_timers(first.execution_id)
        assert timer.fire_at == fire_at
        assert store.load_execution(first.execution_id).wake_at == fire_at


@pytest.mark.django_db
def test_an_expired_executions_signals_are_expired(store: OrmCheckpointStore) -> None:
    claim = begin(store)
    store.add_signal(claim.execution_id, "packed", "1")

    store.finish(
        claim,
        ExecutionStatus.FAILED,
        ErrorRecord(type="Expired", message="too late", code="expired"),
    )

    [signal] = store.list_signals(claim.execution_id)
    assert signal.status is SignalStatus.EXPIRED


@pytest.mark.django_db
def test_signals_that_came_meanwhile_are_added_in_order(store: OrmCheckpointStore) -> None:
    claim = begin(store)
    for n in range(3):
        store.add_signal(claim.execution_id, "packed", str(n))

    assert store.suspend(claim, FOR_PACKED) is Suspension.SIGNALLED

    assert [(one.position, one.payload) for one in claim.signals] == [(1, "0"), (2, "1"), (3, "2")]
    assert claim.signal_count == 3
