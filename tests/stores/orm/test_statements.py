"""How many statements each transition costs: the promise of the store's speed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from durable_django.domain.status import WaitKind
from durable_django.domain.wait import Wait
from durable_django.domain.work_queue import QueueChange
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.stores.orm.work_queues import BELIEVED_S, QueueControls
from durable_django.testing import make_checkpoint, make_new_execution, make_outcome
from tests.stores.orm.test_races import FOR_PACKED, LEASE, begin

pytestmark = pytest.mark.django_db(transaction=True)

#: What a transaction itself costs: BEGIN and COMMIT.
BRACKETS = 2
#: Claiming, without loading what was recorded.
CLAIM = {"sqlite": 2, "postgresql": 1, "mysql": 3 + BRACKETS}
A_NAP = Wait(
    kind=WaitKind.TIMER,
    name="nap",
    key="nap",
    after=timedelta(hours=1),
    registers_timer=True,
)


def count(act: Callable[[], Any]) -> int:
    """Return how many statements the act runs."""
    with CaptureQueriesContext(connection) as queries:
        act()
    return len(queries)


class TestStarting:
    @pytest.mark.parametrize("key", [None, "order-7"], ids=["without_key", "with_key"])
    def test_a_start_is_one(self, store: OrmCheckpointStore, key: str | None) -> None:
        begin(store)  # the workflow's own row is written once per process

        assert count(lambda: store.insert_executions([make_new_execution(key=key)])) == 1

    def test_a_start_whose_key_is_taken_is_two(self, store: OrmCheckpointStore) -> None:
        store.insert_executions([make_new_execution(key="a")])

        assert count(lambda: store.insert_executions([make_new_execution(key="a")])) == 2

    def test_a_hundred_starts_are_one(self, store: OrmCheckpointStore) -> None:
        begin(store)
        new = [make_new_execution() for _ in range(100)]

        assert count(lambda: store.insert_executions(new)) == 1


class TestClaiming:
    @pytest.fixture(autouse=True)
    def _knows_which_queues_are_controlled(self, store: OrmCheckpointStore) -> None:
        # It asks once a second, and here the second does not pass.
        store._controls = QueueControls(monotonic=lambda: 0.0)
        store.count_due("default", 1)

    @pytest.mark.parametrize("size", [1, 20])
    def test_first_claims_cost_the_same_however_many(
        self, store: OrmCheckpointStore, size: int
    ) -> None:
        store.insert_executions([make_new_execution() for _ in range(size)])

        assert (
            count(lambda: store.claim_due("default", 50, LEASE, "ana"))
            == (CLAIM[connection.vendor])
        )

    @pytest.mark.parametrize("size", [1, 20])
    def test_what_was_recorded_is_loaded_in_three(
        self, store: OrmCheckpointStore, size: int
    ) -> None:
        for _ in range(size):
            claim = begin(store)
            store.add_signal(claim.execution_id, "shipped", "1")
            store.suspend(claim, Wait(kind=WaitKind.YIELD, after=timedelta(0)))

        assert count(lambda: store.claim_due("default", 50, LEASE, "ana")) == (
            CLAIM[connection.vendor] + 3
        )

    def test_an_idle_queue_costs_one_look(self, store: OrmCheckpointStore) -> None:
        looks = {"sqlite": 1, "postgresql": 1, "mysql": 1 + BRACKETS}

        assert (
            count(lambda: store.claim_due("default", 50, LEASE, "ana"))
            == (looks[connection.vendor])
        )

    def test_a_claim_under_a_control_is_a_few_more_however_many(
        self, store: OrmCheckpointStore
    ) -> None:
        store.change_queue("default", QueueChange(max_running=25))
        store.insert_executions([make_new_execution() for _ in range(20)])
        store.count_due("default", 1)

        # The lock and what it says; what is held; what is due; the claim, and the locks for it
        # where there are any.
        claim = {"sqlite": 5, "postgresql": 6, "mysql": 7}[connection.vendor]
        assert count(lambda: store.claim_due("default", 50, LEASE, "ana")) == claim + BRACKETS

    @pytest.mark.parametrize("size", [2, 20])
    def test_renewing_leases_costs_the_same_however_many(
        self, store: OrmCheckpointStore, size: int
    ) -> None:
        claims = [begin(store) for _ in range(size)]

        costs = {"sqlite": 1, "postgresql": 1, "mysql": 2 + BRACKETS}
        assert count(lambda: store.renew(claims, LEASE)) == costs[connection.vendor]


class TestLimits:
    def test_a_start_under_a_limit_costs_the_same_however_many(
        self, store: OrmCheckpointStore
    ) -> None:
        store.insert_executions([make_new_execution(limit_key="a", limit_max=1)])

        def start(size: int) -> int:
            new = [make_new_execution(limit_key="a", limit_max=1) for _ in range(size)]
            return count(lambda: store.insert_executions(new))

        assert start(1) == start(100)

    def test_an_end_under_a_limit_costs_the_same_however_many_wait(
        self, store: OrmCheckpointStore
    ) -> None:
        def end(waiting: int) -> int:
            new = [make_new_execution(limit_key="a", limit_max=1) for _ in range(waiting)]
            store.insert_executions(new)
            [claim] = store.claim_due("default", 5, LEASE, "ana")
            return count(lambda: store.complete(claim, "null"))

        assert end(2) == end(100)

    def test_housekeeping_is_one_look_while_there_is_no_limit(
        self, store: OrmCheckpointStore
    ) -> None:
        assert count(lambda: store.admit_waiting(100)) == 1


def test_queues_are_looked_up_once_a_second(store: OrmCheckpointStore) -> None:
    now = 0.0
    store._controls = QueueControls(monotonic=lambda: now)

    first = count(lambda: store.count_due("default", 1))
    again = count(lambda: store.count_due("mail", 1))
    now = BELIEVED_S
    later = count(lambda: store.count_due("default", 1))

    assert (first, again, later) == (2, 1, 2)


class TestSlice:
    def test_an_external_step_is_two(self, store: OrmCheckpointStore) -> None:
        claim = begin(store)

        def step() -> None:
            store.record_intent(claim, make_checkpoint(claim.execution_id))
            store.record_outcome(claim, make_outcome(claim.execution_id))

        assert count(step) == 2

    def test_an_atomic_step_is_two_in_its_transaction(self, store: OrmCheckpointStore) -> None:
        claim = begin(store)
        intent, done = make_checkpoint(claim.execution_id), make_outcome(claim.execution_id)

        assert count(lambda: store.run_atomic(claim, intent, lambda: done)) == (2 + BRACKETS)

    def test_a_suspension_is_one(self, store: OrmCheckpointStore) -> None:
        claim = begin(store)

        assert count(lambda: store.suspend(claim, FOR_PACKED)) == 1

    def test_a_completion_is_one(self, store: OrmCheckpointStore) -> None:
        claim = begin(store)

        assert count(lambda: store.complete(claim, "null")) == 1

    def test_a_second_suspension_on_a_timer_is_one(self, store: OrmCheckpointStore) -> None:
        claim = begin(store)
        store.suspend(claim, A_NAP)
        store.add_signal(claim.execution_id, "x", "1")
        store.request_pause(claim.execution_id)
        store.resume(claim.execution_id)
        again = store.claim_one(claim.execution_id, LEASE, "ana")
        assert again is not None

        assert count(lambda: store.suspend(again, A_NAP)) == 1


class TestOutsideActs:
    @pytest.mark.parametrize("act", ["request_pause", "request_cancel"])
    def test_an_act_is_one(self, store: OrmCheckpointStore, act: str) -> None:
        claim = begin(store)
        acts = {
            "request_pause": lambda: store.request_pause(claim.execution_id),
            "request_cancel": lambda: store.request_cancel(
                claim.execution_id, "", compensates=True
            ),
        }

        assert count(acts[act]) == 1
