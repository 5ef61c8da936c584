from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from threading import Event
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.models import F

from durable_django.domain.claim import Claim
from durable_django.domain.status import ExecutionStatus, Interrupt, SignalStatus, WaitKind
from durable_django.domain.wait import Suspension, Wait
from durable_django.exceptions import InvalidTransitionError
from durable_django.models import Doorbell, WorkflowExecution
from durable_django.ports.checkpoint_store import LeaseLost
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import make_checkpoint, make_new_execution, make_outcome
from tests.stores.orm.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 15
LEASE = timedelta(minutes=1)
NO_TIME = timedelta(0)
FOR_PACKED = Wait(kind=WaitKind.SIGNAL, name="packed", key="packed")


def begin(store: OrmCheckpointStore, lease: timedelta = LEASE) -> Claim:
    [(execution, _)] = store.insert_executions([make_new_execution()])
    claim = store.claim_one(execution.id, lease, "ana")
    assert claim is not None
    return claim


class TestClaiming:
    def test_one_of_many_claimers_wins(self, store: OrmCheckpointStore) -> None:
        for _ in range(ROUNDS):
            store.insert_executions([make_new_execution()])

            claimed = at_once(*[partial(store.claim_due, "default", 5, LEASE, "ana")] * 4)

            assert sorted(len(claims) for claims in claimed) == [0, 0, 0, 1]

    @pytest.mark.skipif(
        connection.vendor != "postgresql", reason="it passes over locked rows there"
    )
    def test_a_renewal_holds_no_row_while_it_waits_for_another(
        self, store: OrmCheckpointStore
    ) -> None:
        free, taken = begin(store), begin(store)
        rows = WorkflowExecution.objects.filter(pk=free.execution_id)
        before = rows.get().wake_at

        def end_of_a_child() -> object:
            with transaction.atomic():
                WorkflowExecution.objects.select_for_update().get(pk=taken.execution_id)
                is_held.set()
                deadline = time.monotonic() + 5
                while rows.get().wake_at == before and time.monotonic() < deadline:
                    time.sleep(0.01)
                return rows.get().wake_at

        def renew() -> set[UUID]:
            assert is_held.wait(5)
            return store.renew([free, taken], LEASE)

        is_held = Event()
        seen, renewed = at_once(end_of_a_child, renew)

        assert seen != before
        assert renewed == {free.execution_id, taken.execution_id}

    def test_batches_are_disjoint_and_miss_nothing(self, store: OrmCheckpointStore) -> None:
        new = [make_new_execution() for _ in range(40)]
        store.insert_executions(new)

        def claim_until_dry() -> list[UUID]:
            ids: list[UUID] = []
            while claims := store.claim_due("default", 3, LEASE, "ana"):
                ids += [claim.execution_id for claim in claims]
            return ids

        claimed = at_once(*[claim_until_dry] * 3)
        # A loser on SQLite may leave early; what it left is still there.
        claimed.append(claim_until_dry())

        assert sorted(one for ids in claimed for one in ids) == sorted(one.id for one in new)

    def test_one_of_many_recoverers_wins_and_the_crash_counts_once(
        self, store: OrmCheckpointStore
    ) -> None:
        for _ in range(ROUNDS):
            lost = begin(store, lease=NO_TIME)

            claimed = at_once(*[partial(store.claim_one, lost.execution_id, LEASE, "ben")] * 4)

            [winner] = [claim for claim in claimed if claim is not None]
            assert (winner.fence, winner.execution.recoveries) == (2, 1)


class TestStarting:
    def test_one_of_many_starts_with_a_key_is_new(self, store: OrmCheckpointStore) -> None:
        for n in range(ROUNDS):
            new = [make_new_execution(key=f"order-{n}") for _ in range(4)]

            started = at_once(*[partial(store.insert_executions, [one]) for one in new])

            assert len({execution.id for [(execution, _)] in started}) == 1
            assert [is_new for [(_, is_new)] in started].count(True) == 1

    def test_a_taken_key_does_not_spoil_the_callers_transaction(
        self, store: OrmCheckpointStore
    ) -> None:
        [(first, _)] = store.insert_executions([make_new_execution(key="a")])

        with transaction.atomic():
            batch = [make_new_execution(key="a"), make_new_execution(key="b")]
            again, other = store.insert_executions([*batch])

        assert again == (first, False)
        assert other[1]
        assert store.find_execution_by_key("shop.order", "b") == other[0]


class TestSignalling:
    def test_a_signal_and_a_suspension_never_miss_each_other(
        self, store: OrmCheckpointStore
    ) -> None:
        for _ in range(ROUNDS):
            claim = begin(store)

            answer, _ = at_once(
                partial(store.suspend, claim, FOR_PACKED),
                partial(store.add_signal, claim.execution_id, "packed", "1"),
            )

            if answer is Suspension.SIGNALLED:
                assert [signal.position for signal in claim.signals] == [1]
                assert store.complete(claim, "null") is None
            else:
                assert answer is Suspension.SUSPENDED
                assert store.claim_one(claim.execution_id, LEASE, "ben") is not None

    def test_a_signal_not_yet_committed_is_waited_for(self, store: OrmCheckpointStore) -> None:
        claim = begin(store)
        is_sent = Event()

        def send() -> None:
            with transaction.atomic():
                store.add_signal(claim.execution_id, "packed", "1")
                is_sent.set()
                Event().wait(0.3)  # as long as the other side needs to run into the lock

        def suspend() -> object:
            is_sent.wait(20)
            return store.suspend(claim, FOR_PACKED)

        _, answer = at_once(send, suspend)

        assert answer is Suspension.SIGNALLED

    def test_either_the_signal_or_the_timeout_wins(self, store: OrmCheckpointStore) -> None:
        for _ in range(ROUNDS):
            claim = begin(store)
            timed_out = make_outcome(claim.execution_id, "packed")

            answer, _ = at_once(
                partial(store.expire_wait, claim, timed_out),
                partial(store.add_signal, claim.execution_id, "packed", "1"),
            )

            [signal] = store.list_signals(claim.execution_id)
            assert signal.status is SignalStatus.PENDING
            recorded = store.list_checkpoints(claim.execution_id)
            assert (answer, len(recorded), len(claim.signals)) in {
                (Suspension.SUSPENDED, 1, 0),
                (Suspension.SIGNALLED, 0, 1),
            }

    def test_no_accepted_signal_stays_pending_after_the_end(
        self, store: OrmCheckpointStore
    ) -> None:
        for _ in range(ROUNDS):
            claim = begin(store)

            ended, sent = at_once(
                partial(store.complete, claim, "null"),
                partial(store.add_signal, claim.execution_id, "packed", "1"),
            )

            assert ended is None
            statuses = [one.status for one in store.list_signals(claim.execution_id)]
            is_refused = isinstance(sent, InvalidTransitionError)
            assert statuses == ([] if is_refused else [SignalStatus.DEAD])

    def test_of_many_with_one_dedupe_key_one_is_new(self, store: OrmCheckpointStore) -> None:
        for _ in range(ROUNDS):
            claim = begin(store)

            sent = at_once(
                *[partial(store.add_signal, claim.execution_id, "packed", "1", "scan-7")] * 4
            )

            assert [is_new for _, is_new in sent].count(True) == 1
            assert len({signal.id for signal, _ in sent}) == 1
            assert store.load_execution(claim.execution_id).signal_count == 1

    def test_signals_are_numbered_without_gaps(self, store: OrmCheckpointStore) -> None:
        claim = begin(store)

        at_once(
            *[
                lambda: [store.add_signal(claim.execution_id, "packed", str(n)) for n in range(5)]
                for _ in range(4)
            ]
        )

        positions = [signal.position for signal in store.list_signals(claim.execution_id)]
        assert positions == list(range(1, 21))


class TestCancelling:
    def test_an_accepted_cancel_never_ends_completed(self, store: OrmCheckpointStore) -> None:
        for _ in range(ROUNDS):
            claim = begin(store)

            ended, cancelled = at_once(
                partial(store.complete, claim, "null"),
                partial(store.request_cancel, claim.execution_id, "", compensates=True),
            )

            status = store.load_execution(claim.execution_id).status
            if cancelled is True:
                assert (ended, status) == (Interrupt.CANCEL, ExecutionStatus.RUNNING)
            else:
                assert isinstance(cancelled, InvalidTransitionError)
                assert (ended, status) == (None, ExecutionStatus.COMPLETED)

    def test_a_cancel_and_a_pause_being_written_never_leave_it_asleep(
        self, store: OrmCheckpointStore
    ) -> None:
        for _ in range(ROUNDS):
            claim = begin(store)
            store.request_pause(claim.execution_id)

            at_once(
                partial(store.pause, claim),
                partial(store.request_cancel, claim.execution_id, "", compensates=True),
            )

            assert store.claim_one(claim.execution_id, LEASE, "ben") is not None

    def test_a_resume_that_overtakes_the_pause_is_not_lost(self, store: OrmCheckpointStore) -> None:
        claim = begin(store)
        store.request_pause(claim.execution_id)
        store.resume(claim.execution_id)

        store.pause(claim)

        assert store.claim_one(claim.execution_id, LEASE, "ben") is not None


#: What a zombie tries while another claim is being committed.
ZOMBIE_WRITES: dict[str, Callable[[OrmCheckpointStore, Claim], object]] = {
    "intent": lambda store, claim: store.record_intent(
        claim, make_checkpoint(claim.execution_id, "ship")
    ),
    "outcome": lambda store, claim: store.record_outcome(claim, make_outcome(claim.execution_id)),
    "outcome_without_intent": lambda store, claim: store.record_outcome(
        claim, make_outcome(claim.execution_id, "ship")
    ),
    "atomic": lambda store, claim: store.run_atomic(
        claim,
        make_checkpoint(claim.execution_id, "ship"),
        lambda: make_outcome(claim.execution_id, "ship"),
    ),
    "suspend": lambda store, claim: store.suspend(claim, FOR_PACKED),
    "complete": lambda store, claim: store.complete(claim, "null"),
}


class TestZombies:
    @pytest.mark.parametrize("write", ZOMBIE_WRITES)
    def test_a_write_waits_for_a_claim_in_progress_and_is_refused(
        self, store: OrmCheckpointStore, write: str
    ) -> None:
        lost = begin(store)
        store.record_intent(lost, make_checkpoint(lost.execution_id))
        before = store.list_checkpoints(lost.execution_id)
        is_claimed = Event()

        def claim() -> None:
            with transaction.atomic():
                rows = WorkflowExecution.objects.filter(pk=lost.execution_id)
                rows.update(fence=F("fence") + 1)
                is_claimed.set()
                Event().wait(0.3)  # as long as the other side needs to run into the lock

        def write_late() -> object:
            is_claimed.wait(20)
            return ZOMBIE_WRITES[write](store, lost)

        _, answer = at_once(claim, write_late)

        assert isinstance(answer, LeaseLost)
        assert store.list_checkpoints(lost.execution_id) == before
        assert store.load_execution(lost.execution_id).status is ExecutionStatus.RUNNING

    def test_a_claim_during_an_atomic_action_takes_its_writes_back(
        self, store: OrmCheckpointStore
    ) -> None:
        lost = begin(store, lease=NO_TIME)
        if connection.vendor == "sqlite":
            pytest.skip("There the action's transaction keeps every other writer out.")

        def act() -> object:
            Doorbell.objects.create(slot="a", pending_until=store.now())
            [claimed] = at_once(lambda: store.claim_one(lost.execution_id, LEASE, "ben"))
            assert claimed is not None
            return make_outcome(lost.execution_id)

        with pytest.raises(LeaseLost):
            store.run_atomic(lost, make_checkpoint(lost.execution_id), act)  # type: ignore[arg-type]

        assert not Doorbell.objects.filter(slot="a").exists()
        assert store.list_checkpoints(lost.execution_id) == []

    def test_an_atomic_step_that_is_a_deadlocks_victim_is_run_again(
        self, store: OrmCheckpointStore
    ) -> None:
        if connection.vendor == "sqlite":
            pytest.skip("It has one writer at a time, and no deadlock.")
        claim = begin(store)
        Doorbell.objects.create(slot="a", pending_until=store.now())
        has_row, has_execution = Event(), Event()

        def act() -> object:
            Doorbell.objects.filter(slot="a").update(pending_until=store.now())
            has_row.set()
            has_execution.wait(20)
            return make_outcome(claim.execution_id)

        def signal() -> None:
            has_row.wait(20)
            with transaction.atomic():
                store.add_signal(claim.execution_id, "packed", "1")
                has_execution.set()
                Doorbell.objects.filter(slot="a").update(pending_until=store.now())

        done, _ = at_once(
            lambda: store.run_atomic(claim, make_checkpoint(claim.execution_id), act),  # type: ignore[arg-type]
            signal,
        )

        assert replace(done, started_at=None) == make_outcome(claim.execution_id)
        assert len(store.list_checkpoints(claim.execution_id)) == 1

    def test_an_action_that_is_a_deadlocks_victim_is_run_again(
        self, store: OrmCheckpointStore
    ) -> None:
        if connection.vendor == "sqlite":
            pytest.skip("It has one writer at a time, and no deadlock.")
        claim = begin(store)
        slots = [Doorbell(slot=slot, pending_until=store.now()) for slot in "abcdef"]
        Doorbell.objects.bulk_create(slots)
        has_a, has_others = Event(), Event()
        tries = []

        def act() -> object:
            tries.append(1)
            Doorbell.objects.filter(slot="a").update(pending_until=store.now())
            has_a.set()
            has_others.wait(20)
            Doorbell.objects.filter(slot="b").update(pending_until=store.now())
            return make_outcome(claim.execution_id)

        def write_the_other_way_round() -> None:
            has_a.wait(20)
            with transaction.atomic():
                # More than the action wrote, or MySQL would undo this one.
                for slot in "fedcb":
                    Doorbell.objects.filter(slot=slot).update(pending_until=store.now())
                has_others.set()
                Event().wait(0.3)  # PostgreSQL undoes the one that has waited longest
                Doorbell.objects.filter(slot="a").update(pending_until=store.now())

        done, other = at_once(
            lambda: store.run_atomic(claim, make_checkpoint(claim.execution_id), act),  # type: ignore[arg-type]
            write_the_other_way_round,
        )

        assert other is None
        assert len(tries) > 1
        assert replace(done, started_at=None) == make_outcome(claim.execution_id)
        assert len(store.list_checkpoints(claim.execution_id)) == 1
