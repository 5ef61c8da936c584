from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from durable_django.control.versioning import VERSIONED_FIELDS, version_of
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.status import CheckpointStatus, WaitKind
from durable_django.domain.wait import Wait
from durable_django.models import ExecutionEvent, WorkflowExecution
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import make_checkpoint, make_new_execution, make_outcome

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def store() -> OrmCheckpointStore:
    return OrmCheckpointStore()


@pytest.fixture
def claim(store: OrmCheckpointStore) -> Claim:
    [(execution, _)] = store.insert_executions([make_new_execution()])
    claim = store.claim_one(execution.id, MINUTE, "w")
    assert claim is not None
    return claim


def version(execution_id: UUID) -> str:
    return version_of(WorkflowExecution.objects.only(*VERSIONED_FIELDS).get(pk=execution_id))


def done(claim: Claim, key: str = "charge") -> Checkpoint:
    return make_outcome(claim.execution_id, key)


def begin(store: OrmCheckpointStore, claim: Claim) -> None:
    store.record_intent(claim, make_checkpoint(claim.execution_id, "new"), must_survive=True)


def finish(store: OrmCheckpointStore, claim: Claim) -> None:
    store.record_outcome(claim, make_outcome(claim.execution_id, "open"))


def undo(store: OrmCheckpointStore, claim: Claim) -> None:
    undone = done(claim)
    store.record_undo(claim, make_outcome(claim.execution_id, "~undo/charge"), undone)


def sleep(store: OrmCheckpointStore, claim: Claim) -> None:
    store.suspend(
        claim, Wait(kind=WaitKind.TIMER, name="t", key="t", after=MINUTE, registers_timer=True)
    )


def note(store: OrmCheckpointStore, claim: Claim) -> None:
    ExecutionEvent.objects.create(
        execution_id=claim.execution_id,
        type="resumed",
        actor_kind="code",
        created_at=store.now(),
    )


CHANGES: dict[str, Callable[[OrmCheckpointStore, Claim], Any]] = {
    "a step begins": begin,
    "a step ends": finish,
    "a step is undone": undo,
    "it sleeps": sleep,
    "a signal comes": lambda store, claim: store.add_signal(claim.execution_id, "paid", "1"),
    "its lease is renewed": lambda store, claim: store.renew([claim], 9 * MINUTE),
    "it reports progress": lambda store, claim: store.record_progress(claim, {"done": 1}),
    "a pause is requested": lambda store, claim: store.request_pause(claim.execution_id),
    "it completes": lambda store, claim: store.complete(claim, "1"),
    "somebody acts": note,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_version_changes_with_whatever_happens(
    store: OrmCheckpointStore, claim: Claim, change: Callable[[OrmCheckpointStore, Claim], Any]
):
    store.record_outcome(claim, done(claim))
    opened = make_checkpoint(claim.execution_id, "open", status=CheckpointStatus.INTENT)
    store.record_intent(claim, opened, must_survive=True)
    before = version(claim.execution_id)

    change(store, claim)

    assert version(claim.execution_id) != before


def test_version_stays_while_nothing_happens(store: OrmCheckpointStore, claim: Claim):
    store.record_outcome(claim, done(claim))
    sleep(store, claim)

    assert version(claim.execution_id) == version(claim.execution_id)


def test_two_executions_never_share_a_version(store: OrmCheckpointStore):
    both = store.insert_executions([make_new_execution(), make_new_execution()])

    assert len({version(execution.id) for execution, _ in both}) == 2


@pytest.mark.parametrize("steps", [1, 200])
def test_version_costs_one_query_that_reads_no_payload(
    store: OrmCheckpointStore, claim: Claim, steps: int
):
    for number in range(steps):
        store.record_outcome(claim, done(claim, f"s{number}"))
    row = WorkflowExecution.objects.only(*VERSIONED_FIELDS).get(pk=claim.execution_id)

    with CaptureQueriesContext(connection) as queries:
        version_of(row)

    [query] = queries
    assert "output" not in query["sql"]
