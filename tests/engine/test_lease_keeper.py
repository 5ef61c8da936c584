from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest

from durable_django.engine.lease_keeper import LeaseKeeper
from durable_django.testing import InMemoryCheckpointStore, ManualClock, make_new_execution

LEASE = timedelta(seconds=30)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def store(clock):
    return InMemoryCheckpointStore(clock=clock)


@pytest.fixture
def claim(store):
    def claim():
        [(execution, _)] = store.insert_executions([make_new_execution()])
        return store.claim_one(execution.id, LEASE, "me")

    return claim


@pytest.fixture
def keeper(store):
    return LeaseKeeper(store, LEASE, renews=False)


def ago(seconds):
    return time.monotonic() - seconds


class TestMayBegin:
    def test_under_a_fresh_lease(self, keeper, claim):
        held = claim()
        keeper.hold([held])

        assert keeper.may_begin(held)

    @pytest.mark.parametrize(("seconds", "may"), [(19, True), (21, False), (100, False)])
    def test_not_once_two_thirds_have_passed_unrenewed(self, keeper, claim, seconds, may):
        held = claim()
        keeper.hold([held], ago(seconds))

        assert keeper.may_begin(held) is may

    def test_not_under_one_that_was_never_held(self, keeper, claim):
        assert not keeper.may_begin(claim())

    def test_not_under_one_that_was_dropped(self, keeper, claim):
        held = claim()
        keeper.hold([held])
        keeper.drop(held)

        assert not keeper.may_begin(held)

    def test_not_under_an_older_fence(self, keeper, store, clock, claim):
        held = claim()
        clock.advance(LEASE)
        newer = store.claim_one(held.execution_id, LEASE, "me")
        keeper.hold([newer])

        assert not keeper.may_begin(held)
        assert keeper.may_begin(newer)


class TestRenewNow:
    def test_it_moves_every_lease_s_end(self, keeper, store, clock, claim):
        held = [claim(), claim()]
        keeper.hold(held, ago(21))
        clock.advance(seconds=20)

        keeper.renew_now()

        ends = {store.load_execution(one.execution_id).wake_at for one in held}
        assert ends == {clock.now() + LEASE}
        assert all(keeper.may_begin(one) for one in held)

    def test_it_lets_go_of_what_somebody_else_has(self, keeper, store, clock, claim):
        held = claim()
        keeper.hold([held])
        clock.advance(LEASE)
        store.claim_one(held.execution_id, LEASE, "another")

        keeper.renew_now()

        assert not keeper.may_begin(held)

    def test_a_failure_leaves_the_leases_in_doubt(self, claim):
        class Away:
            def renew(self, claims, lease):
                raise OSError("the database is away")

        keeper, held = LeaseKeeper(Away(), LEASE, renews=False), claim()
        keeper.hold([held], ago(21))

        with pytest.raises(OSError, match="away"):
            keeper.renew_now()

        assert not keeper.may_begin(held)

    def test_with_nothing_held_it_asks_nothing(self):
        LeaseKeeper(object(), LEASE, renews=False).renew_now()


class TestDrop:
    def test_an_older_claim_does_not_drop_a_newer_one(self, keeper, store, clock, claim):
        held = claim()
        clock.advance(LEASE)
        newer = store.claim_one(held.execution_id, LEASE, "me")
        keeper.hold([newer])

        keeper.drop(held)

        assert keeper.may_begin(newer)

    def test_twice_is_once(self, keeper, claim):
        held = claim()
        keeper.hold([held])
        keeper.drop(held)
        keeper.drop(held)


class TestThread:
    class Renewing:
        """A store that says when it was asked, and fails first."""

        def __init__(self):
            self.asked = threading.Semaphore(0)
            self.failures = [OSError("away for a moment")]

        def renew(self, claims, lease):
            self.asked.release()
            if self.failures:
                raise self.failures.pop()
            return {claim.execution_id for claim in claims}

    def test_it_renews_until_it_is_closed_and_outlives_a_failure(self, claim, caplog):
        store, ended = self.Renewing(), threading.Event()
        keeper = LeaseKeeper(store, timedelta(milliseconds=3), on_thread_exit=ended.set)

        keeper.hold([claim()])
        renewed = [store.asked.acquire(timeout=10) for _ in range(3)]
        keeper.close()

        assert renewed == [True] * 3
        assert ended.wait(timeout=10)
        assert "Leases could not be renewed" in caplog.text

    def test_there_is_none_before_something_is_held(self, store):
        keeper = LeaseKeeper(store, LEASE)
        keeper.hold([])

        assert keeper._thread is None

    def test_a_closed_one_starts_none(self, store, claim):
        keeper = LeaseKeeper(store, LEASE)
        keeper.close()
        keeper.hold([claim()])

        assert keeper._thread is None
