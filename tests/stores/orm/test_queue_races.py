"""However many claim at once, no queue runs more than it may."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from threading import Event
from uuid import UUID

import pytest
from django.db import connection, transaction

from durable_django.domain.status import QueueMode
from durable_django.domain.work_queue import QueueChange, Rate
from durable_django.models import WorkflowExecution
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import make_new_execution
from tests.stores.orm.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 10
LEASE = timedelta(minutes=1)
NO_TIME = timedelta(0)
NEVER = Rate(5, timedelta(days=365))


def test_many_claimers_never_hold_more_than_the_limit(store: OrmCheckpointStore) -> None:
    store.change_queue("default", QueueChange(max_running=3))
    store.insert_executions([make_new_execution() for _ in range(60)])

    def work() -> list[int]:
        """Claim and complete until nothing is left; return how many were held at each claim."""
        seen = []
        while WorkflowExecution.objects.filter(status="pending").exists():
            claims = store.claim_due("default", 2, LEASE, "ana")
            seen.append(WorkflowExecution.objects.filter(status="running").count())
            for claim in claims:
                assert store.complete(claim, "null") is None
        return seen

    counted = at_once(*[work] * 4)

    assert not WorkflowExecution.objects.exclude(status="completed").exists()
    assert max(max(seen) for seen in counted) <= 3


def test_the_last_place_goes_to_one(store: OrmCheckpointStore) -> None:
    store.change_queue("default", QueueChange(max_running=1))
    for _ in range(ROUNDS):
        store.insert_executions([make_new_execution() for _ in range(4)])

        claimed = at_once(*[partial(store.claim_due, "default", 5, LEASE, "ana")] * 4)

        assert sorted(len(claims) for claims in claimed) == [0, 0, 0, 1]
        [claim] = [claim for claims in claimed for claim in claims]
        assert store.complete(claim, "null") is None


def test_what_was_lost_is_taken_over_by_one_and_nothing_beside_it(
    store: OrmCheckpointStore,
) -> None:
    store.change_queue("default", QueueChange(max_running=2))
    for _ in range(ROUNDS):
        store.insert_executions([make_new_execution() for _ in range(4)])
        lost = {claim.execution_id for claim in store.claim_due("default", 5, NO_TIME, "ana")}

        claimed = at_once(*[partial(store.claim_due, "default", 5, LEASE, "ben")] * 4)

        taken: list[UUID] = [claim.execution_id for claims in claimed for claim in claims]
        assert (len(taken), set(taken)) == (2, lost)
        for claims in claimed:
            for claim in claims:
                assert store.complete(claim, "null") is None


def test_no_token_is_spent_twice(store: OrmCheckpointStore) -> None:
    store.change_queue("default", QueueChange(rate=NEVER))
    store.insert_executions([make_new_execution() for _ in range(40)])

    claimed = at_once(*[partial(store.claim_due, "default", 2, LEASE, "ana")] * 4)
    claimed += at_once(*[partial(store.claim_due, "default", 2, LEASE, "ana")] * 4)

    assert sum(len(claims) for claims in claimed) == 5


def test_two_changes_at_once_do_not_undo_each_other(store: OrmCheckpointStore) -> None:
    for number in range(ROUNDS):
        name = f"queue-{number}"

        at_once(
            partial(store.change_queue, name, QueueChange(max_running=3)),
            partial(store.change_queue, name, QueueChange(mode=QueueMode.PAUSED)),
            partial(store.change_queue, name, QueueChange(rate=NEVER)),
        )

        control = store.load_queue(name)
        assert (control.max_running, control.mode, control.rate) == (3, QueueMode.PAUSED, NEVER)


def test_a_control_that_is_being_changed_holds_up_no_worker(store: OrmCheckpointStore) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("It has one writer at a time.")
    store.change_queue("default", QueueChange(max_running=1))
    store.insert_executions([make_new_execution()])
    is_changed, has_claimed = Event(), Event()

    def change_slowly() -> None:
        with transaction.atomic():
            store.change_queue("default", QueueChange(max_running=2))
            is_changed.set()
            assert has_claimed.wait(20)

    def claim() -> int:
        is_changed.wait(20)
        claims = store.claim_due("default", 5, LEASE, "ana")
        has_claimed.set()
        return len(claims)

    assert at_once(change_slowly, claim) == [None, 0]
    assert len(store.claim_due("default", 5, LEASE, "ana")) == 1
