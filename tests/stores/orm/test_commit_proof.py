from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.exceptions import CheckpointNotCommittedError, DurableCallError
from durable_django.models import Doorbell
from durable_django.stores.orm.commit_proof import CommitProof
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import make_checkpoint, make_outcome
from tests.stores.orm.test_races import begin


def _write() -> None:
    Doorbell.objects.create(slot="a", pending_until=timezone.now())


def _swallow_a_database_error() -> None:
    _write()
    with suppress(IntegrityError):
        _write()


def _close_the_connection() -> None:
    _write()
    connection.close()


def _ask_for_a_rollback() -> None:
    _write()
    transaction.set_rollback(True)


SABOTAGE = {
    "swallowed_error": _swallow_a_database_error,
    "set_rollback": _ask_for_a_rollback,
    "closed_connection": _close_the_connection,
}


def _acting(claim: Claim, sabotage: Callable[[], None]) -> Callable[[], Checkpoint]:
    def act() -> Checkpoint:
        sabotage()
        return make_outcome(claim.execution_id)

    return act


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", SABOTAGE)
def test_a_step_that_did_not_commit_says_so(store: OrmCheckpointStore, how: str) -> None:
    claim = begin(store)

    with pytest.raises(CheckpointNotCommittedError):
        store.run_atomic(claim, make_checkpoint(claim.execution_id), _acting(claim, SABOTAGE[how]))

    assert not Doorbell.objects.filter(slot="a").exists()
    assert store.list_checkpoints(claim.execution_id) == []
    assert store.complete(claim, "null") is None


#: Has the server cut the connection that asks for it.
CUT = {
    "postgresql": "SELECT pg_terminate_backend(pg_backend_pid())",
    "mysql": "KILL CONNECTION CONNECTION_ID()",
}


def _be_cut() -> None:
    _write()
    with connection.cursor() as cursor:
        cursor.execute(CUT[connection.vendor])
        cursor.execute("SELECT 1")


def _be_cut_and_wrap() -> None:
    try:
        _be_cut()
    except OperationalError:
        raise LookupError("not found")  # noqa: B904 -- as user code does


@pytest.mark.skipif(connection.vendor not in CUT, reason="It has no connection to cut.")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("action", [_be_cut, _be_cut_and_wrap])
def test_a_lost_connection_is_no_failure_of_the_action(
    store: OrmCheckpointStore, action: Callable[[], None]
) -> None:
    claim = begin(store)

    with pytest.raises(CheckpointNotCommittedError, match="connection was lost"):
        store.run_atomic(claim, make_checkpoint(claim.execution_id), _acting(claim, action))

    assert not Doorbell.objects.filter(slot="a").exists()
    assert store.complete(claim, "null") is None


def _fail_on_a_good_connection() -> None:
    raise OperationalError("some other database is away")


@pytest.mark.django_db(transaction=True)
def test_a_database_error_on_a_good_connection_is_the_actions_own(
    store: OrmCheckpointStore,
) -> None:
    claim = begin(store)
    acting = _acting(claim, _fail_on_a_good_connection)

    with pytest.raises(OperationalError, match="some other"):
        store.run_atomic(claim, make_checkpoint(claim.execution_id), acting)


def _meet_a_lock() -> None:
    raise OperationalError("database is locked")


def _meet_a_lock_and_wrap() -> None:
    try:
        _meet_a_lock()
    except OperationalError:
        raise LookupError("not found")  # noqa: B904 -- as user code does


class _Unlucky:
    """An action that writes, and then fails the first few times."""

    def __init__(self, claim: Claim, fail: Callable[[], None], times: int) -> None:
        self.tries = 0
        self._claim = claim
        self._fail = fail
        self._times = times

    def __call__(self) -> Checkpoint:
        self.tries += 1
        _write()
        if self.tries <= self._times:
            self._fail()
        return make_outcome(self._claim.execution_id)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fail", [_meet_a_lock, _meet_a_lock_and_wrap])
def test_an_action_that_met_a_lock_is_run_again(
    store: OrmCheckpointStore, fail: Callable[[], None]
) -> None:
    claim = begin(store)
    act = _Unlucky(claim, fail, times=2)

    store.run_atomic(claim, make_checkpoint(claim.execution_id), act)

    assert act.tries == 3
    assert Doorbell.objects.filter(slot="a").count() == 1
    assert len(store.list_checkpoints(claim.execution_id)) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fail", [_meet_a_lock, _meet_a_lock_and_wrap])
def test_an_undo_that_met_a_lock_is_run_again(
    store: OrmCheckpointStore, fail: Callable[[], None]
) -> None:
    claim = begin(store)
    undone = make_outcome(claim.execution_id, "reserve")
    store.record_outcome(claim, undone)
    act = _Unlucky(claim, fail, times=2)

    store.run_atomic_undo(claim, make_outcome(claim.execution_id), undone, act)

    assert act.tries == 3
    assert Doorbell.objects.filter(slot="a").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("fail", "error"), [(_meet_a_lock, OperationalError), (_meet_a_lock_and_wrap, LookupError)]
)
def test_an_action_that_meets_a_lock_every_time_fails_with_its_own_error(
    store: OrmCheckpointStore, fail: Callable[[], None], error: type[Exception]
) -> None:
    claim = begin(store)
    act = _Unlucky(claim, fail, times=9)

    with pytest.raises(error):
        store.run_atomic(claim, make_checkpoint(claim.execution_id), act)

    assert act.tries == 3
    assert not Doorbell.objects.filter(slot="a").exists()
    assert store.list_checkpoints(claim.execution_id) == []
    assert store.complete(claim, "null") is None


def _fail_by_itself() -> None:
    raise LookupError("not found")


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_was_met_before_the_step_is_no_reason_to_run_it_again(
    store: OrmCheckpointStore,
) -> None:
    claim = begin(store)
    act = _Unlucky(claim, _fail_by_itself, times=9)

    try:
        _meet_a_lock()
    except OperationalError:
        with pytest.raises(LookupError):
            store.run_atomic(claim, make_checkpoint(claim.execution_id), act)

    assert act.tries == 1


@pytest.mark.django_db(transaction=True)
def test_a_rollback_asked_for_behind_the_last_statement_is_noticed(
    store: OrmCheckpointStore,
) -> None:
    claim = begin(store)

    def roll_back_late(execute: Any, sql: str, *args: Any) -> Any:
        result = execute(sql, *args)
        if sql.startswith("INSERT") and "stepcheckpoint" in sql:
            transaction.set_rollback(True)
        return result

    with connection.execute_wrapper(roll_back_late), pytest.raises(CheckpointNotCommittedError):
        store.run_atomic(claim, make_checkpoint(claim.execution_id), _acting(claim, _write))

    assert not Doorbell.objects.filter(slot="a").exists()
    assert store.list_checkpoints(claim.execution_id) == []


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["swallowed_error", "set_rollback"])
def test_it_says_so_inside_a_test_case_too(store: OrmCheckpointStore, how: str) -> None:
    claim = begin(store)

    with pytest.raises(CheckpointNotCommittedError):
        store.run_atomic(claim, make_checkpoint(claim.execution_id), _acting(claim, SABOTAGE[how]))

    assert not Doorbell.objects.filter(slot="a").exists()
    assert store.list_checkpoints(claim.execution_id) == []


@pytest.mark.django_db
def test_inside_a_test_case_a_step_commits_as_far_as_anything_does(
    store: OrmCheckpointStore,
) -> None:
    claim = begin(store)

    store.run_atomic(claim, make_checkpoint(claim.execution_id), _acting(claim, _write))

    assert Doorbell.objects.filter(slot="a").exists()
    assert len(store.list_checkpoints(claim.execution_id)) == 1


@pytest.mark.django_db(transaction=True)
def test_an_error_of_the_action_is_its_own(store: OrmCheckpointStore) -> None:
    claim = begin(store)
    _write()

    with pytest.raises(IntegrityError):
        store.run_atomic(claim, make_checkpoint(claim.execution_id), _acting(claim, _write))

    assert store.list_checkpoints(claim.execution_id) == []


@pytest.mark.django_db(transaction=True)
def test_an_atomic_step_is_refused_inside_somebody_elses_transaction(
    store: OrmCheckpointStore,
) -> None:
    claim = begin(store)

    with transaction.atomic(), pytest.raises(DurableCallError):
        store.run_atomic(claim, make_checkpoint(claim.execution_id), _acting(claim, _write))

    assert not Doorbell.objects.filter(slot="a").exists()


@pytest.mark.django_db(transaction=True)
class TestCommitProof:
    def test_it_holds_once_committed(self) -> None:
        with transaction.atomic():
            proof = CommitProof("default")

        assert proof.holds()

    def test_it_does_not_hold_after_a_silent_rollback(self) -> None:
        with transaction.atomic():
            proof = CommitProof("default")
            transaction.set_rollback(True)

        assert not proof.holds()

    def test_it_does_not_hold_when_a_savepoint_was_taken_back(self) -> None:
        with transaction.atomic():
            with transaction.atomic():
                proof = CommitProof("default")
                transaction.set_rollback(True)

            assert not proof.holds()

    def test_outside_of_a_transaction_it_holds_at_once(self) -> None:
        assert CommitProof("default").holds()
