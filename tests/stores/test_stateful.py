"""Two stores, one clock, the same random acts: what can be seen of them is always the same.

The acts are those an engine could make, also with claims that were lost long ago.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import singledispatch
from typing import Any, TypeVar
from uuid import UUID

import hypothesis.strategies as st
import pytest
from django.conf import settings as django_settings
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.execution import Execution, NewExecution
from durable_django.domain.limit import line_key
from durable_django.domain.signal import Signal
from durable_django.domain.status import (
    HELD_STATUSES,
    CheckpointStatus,
    ExecutionStatus,
    Guarantee,
    OnConflict,
    ParkReason,
    QueueMode,
    WaitKind,
)
from durable_django.domain.wait import Wait
from durable_django.domain.work_queue import UNCHANGED, QueueChange, Rate
from durable_django.exceptions import DurableError
from durable_django.models import LimitGroup, WorkflowExecution, WorkQueue
from durable_django.ports.checkpoint_store import CheckpointStore, LeaseLost
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import (
    InMemoryCheckpointStore,
    ManualClock,
    make_error,
    make_new_execution,
    make_outcome,
)
from durable_django.testing.store_contract import assert_nothing_stuck

T = TypeVar("T")
LEASE = timedelta(seconds=20)
MOST = 3
EXECUTIONS: Bundle[UUID] = Bundle("executions")
RARELY = st.sampled_from([False, False, False, False, False, True])
LIMITS = ("tenant", line_key("shop.order", "a"), line_key("shop.order", "b"))
ENDED = (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED)

NAMES = st.sampled_from(["packed", "paid"])
KEYS = st.sampled_from(["charge", "ship"])
DELAYS = st.sampled_from([timedelta(0), timedelta(seconds=10), timedelta(seconds=50)])
MAYBE_DELAYS = st.none() | DELAYS
OUTCOMES = st.sampled_from([CheckpointStatus.COMPLETED, CheckpointStatus.FAILED])
ENDINGS = st.sampled_from(
    [
        (ExecutionStatus.FAILED, make_error()),
        (ExecutionStatus.FAILED, make_error(code="expired")),
        (ExecutionStatus.CANCELLED, None),
    ]
)


@dataclass(frozen=True)
class Twins:
    """The claims that two stores gave of one execution at one time."""

    claims: tuple[Claim, ...]

    @property
    def first(self) -> Claim:
        return self.claims[0]


def slice_rule(**strategies: Any) -> Callable[[Callable[..., None]], Any]:
    """Make a rule of what a slice does, mostly with a claim that holds."""

    def decorate(act: Callable[..., None]) -> Any:
        def run(self: TwoStores, one: UUID, *, is_lost: bool, **values: Any) -> None:
            held = self.hold(one, is_lost=is_lost)
            if held is not None:
                act(self, held, **values)

        run.__name__ = act.__name__
        return rule(one=EXECUTIONS, is_lost=RARELY, **strategies)(run)

    return decorate


class TwoStores(RuleBasedStateMachine):
    executions = EXECUTIONS

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        #: Every claim that was made of an execution, the latest last.
        self.claims: dict[UUID, list[Twins]] = {}
        self.stores: tuple[CheckpointStore, ...] = (
            InMemoryCheckpointStore(self.clock),
            OrmCheckpointStore(alias="default", clock=self.clock),
        )

    def teardown(self) -> None:
        WorkflowExecution.objects.all().delete()
        LimitGroup.objects.all().delete()
        WorkQueue.objects.all().delete()

    # --- how to act on both ---

    def act(self, act: Callable[[CheckpointStore], object]) -> list[Any]:
        """Do it to each store; the answers, or the refusals, must be equal."""
        self.clock.advance(microseconds=1)
        answers = [answer_of(lambda store=store: act(store)) for store in self.stores]
        first, second = (visible(answer) for answer in answers)
        assert first == second
        return answers

    def write(self, held: Twins, act: Callable[[CheckpointStore, Claim], object]) -> list[Any]:
        by_store = dict(zip(map(id, self.stores), held.claims, strict=True))
        return self.act(lambda store: act(store, by_store[id(store)]))

    def claim(self, one: UUID) -> None:
        answers = self.act(lambda store: store.claim_one(one, LEASE, "ana"))
        if None not in answers:
            self.keep(Twins(tuple(answers)))

    def keep(self, held: Twins) -> None:
        self.claims.setdefault(held.first.execution_id, []).append(held)

    def hold(self, one: UUID, *, is_lost: bool) -> Twins | None:
        """Return the claim that holds the execution, claimed now if need be, or a lost one."""
        known = self.claims.get(one, [])
        if is_lost and known:
            return known[0]
        seen = answer_of(lambda: self.stores[0].load_execution(one))
        if not isinstance(seen, Execution):
            return None
        is_held = seen.waiting_kind is WaitKind.NOTHING and seen.status in HELD_STATUSES
        if not is_held and seen.wake_at is not None:
            self.clock.set(max(seen.wake_at, self.clock.now()))
            self.claim(one)
        known = self.claims.get(one, [])
        return known[-1] if known else None

    def checkpoint(self, held: Twins, key: str, **fields: Any) -> Checkpoint:
        return make_outcome(
            held.first.execution_id,
            key,
            epoch=held.first.execution.epoch,
            **({"attempt": 1 + held.first.execution.epoch} | fields),
        )

    def is_passed(self, held: Twins, key: str) -> bool:
        """Whether the body has passed this call already: it would not wait there again."""
        return any(
            row.key == key
            and (
                row.status is CheckpointStatus.COMPLETED or row.epoch == held.first.execution.epoch
            )
            for row in self.stores[0].list_checkpoints(held.first.execution_id)
        )

    # --- outside acts ---

    @initialize(target=executions)
    def start_the_first(self) -> UUID:
        return self.start_one(make_new_execution())

    @precondition(lambda self: len(self.stores[0].list_executions()) < MOST)
    @rule(
        target=executions,
        key=st.none() | st.sampled_from(["a", "b"]),
        priority=st.integers(0, 3),
        delay=MAYBE_DELAYS,
        ttl=st.none() | st.sampled_from([30, 90]),
        guarantee=st.sampled_from(Guarantee),
        limit=st.sampled_from([0, 0, 1, 2]),
        on_conflict=st.sampled_from(OnConflict),
    )
    def start(  # noqa: PLR0913, PLR0917 -- all that a start may say
        self,
        key: str | None,
        priority: int,
        delay: timedelta | None,
        ttl: int | None,
        guarantee: Guarantee,
        limit: int,
        on_conflict: OnConflict,
    ) -> UUID | MultipleResults[UUID]:
        now = self.clock.now()
        limit_key = "tenant" if limit else ""
        if on_conflict is OnConflict.QUEUE and key is not None:
            limit, limit_key = 1, line_key("shop.order", key)
        new = make_new_execution(
            key=key,
            priority=priority,
            guarantee=guarantee,
            start_at=None if delay is None else now + delay,
            expires_at=None if ttl is None else now + timedelta(seconds=ttl),
            limit_key=limit_key,
            limit_max=limit,
            on_conflict=on_conflict,
        )
        return self.start_one(new)

    def start_one(self, new: NewExecution) -> UUID | MultipleResults[UUID]:
        [answer, _] = self.act(lambda store: store.insert_executions([new]))
        if isinstance(answer, DurableError):
            return multiple()
        [(execution, _)] = answer
        return execution.id

    @rule(one=executions, name=NAMES, dedupe=st.none() | st.sampled_from(["x", "y"]))
    def signal(self, one: UUID, name: str, dedupe: str | None) -> None:
        self.act(lambda store: store.add_signal(one, name, "1", dedupe))

    @rule(one=executions, compensates=st.booleans())
    def request_cancel(self, one: UUID, *, compensates: bool) -> None:
        self.act(lambda store: store.request_cancel(one, "why", compensates=compensates))

    @rule(one=executions)
    def request_pause(self, one: UUID) -> None:
        self.act(lambda store: store.request_pause(one))

    @rule(one=executions)
    def resume(self, one: UUID) -> None:
        self.act(lambda store: store.resume(one))

    @rule(one=executions)
    def retry(self, one: UUID) -> None:
        self.act(lambda store: store.retry(one))

    # --- queues and limits ---

    @rule(
        mode=st.sampled_from([UNCHANGED, *QueueMode]),
        most=st.sampled_from([UNCHANGED, None, 1, 2]),
        rate=st.sampled_from([UNCHANGED, None, Rate(1, timedelta(seconds=20))]),
    )
    def change_queue(self, mode: Any, most: Any, rate: Any) -> None:
        change = QueueChange(mode=mode, max_running=most, rate=rate, reason="why")
        self.act(lambda store: store.change_queue("default", change))

    @rule()
    def admit_waiting(self) -> None:
        self.act(lambda store: store.admit_waiting(100))

    # --- claims ---

    @rule(one=executions)
    def claim_one(self, one: UUID) -> None:
        self.claim(one)

    @rule()
    def claim_due(self) -> None:
        answers = self.act(
            lambda store: sorted(
                store.claim_due("default", 100, LEASE, "ben"), key=lambda held: held.execution_id
            )
        )
        for pair in zip(*answers, strict=True):
            self.keep(Twins(pair))

    @slice_rule()
    def renew(self, held: Twins) -> None:
        self.write(held, lambda store, claim: store.renew([claim], LEASE))

    @slice_rule(delay=DELAYS)
    def release(self, held: Twins, delay: timedelta) -> None:
        wait = Wait(kind=WaitKind.YIELD, name="later", after=delay)
        self.write(held, lambda store, claim: store.release(claim, wait))

    @slice_rule(delay=DELAYS)
    def abandon(self, held: Twins, delay: timedelta) -> None:
        self.write(held, lambda store, claim: store.abandon(claim, make_error(), delay))

    @slice_rule()
    def clear_recoveries(self, held: Twins) -> None:
        self.write(held, lambda store, claim: store.clear_recoveries(claim))

    @slice_rule()
    def note_begun(self, held: Twins) -> None:
        self.write(held, lambda store, claim: store.note_begun(claim))

    @rule(limit=st.sampled_from([0, 100]), grace=DELAYS)
    def adopt_orphans(self, limit: int, grace: timedelta) -> None:
        self.act(lambda store: sorted(store.adopt_orphans(limit, grace)))

    # --- steps ---

    @slice_rule(key=KEYS, attempt=st.integers(1, 2))
    def record_intent(self, held: Twins, key: str, attempt: int) -> None:
        intent = self.checkpoint(
            held, key, attempt=attempt, status=CheckpointStatus.INTENT, output=None
        )
        self.write(held, lambda store, claim: store.record_intent(claim, intent))

    @slice_rule(key=KEYS, attempt=st.integers(1, 2), status=OUTCOMES)
    def record_outcome(self, held: Twins, key: str, attempt: int, status: CheckpointStatus) -> None:
        outcome = self.checkpoint(held, key, attempt=attempt, status=status)
        self.write(held, lambda store, claim: store.record_outcome(claim, outcome))

    @slice_rule(key=KEYS)
    def run_atomic(self, held: Twins, key: str) -> None:
        outcome = self.checkpoint(held, key)
        self.write(held, lambda store, claim: store.run_atomic(claim, outcome, lambda: outcome))

    @slice_rule(key=KEYS, is_atomic=st.booleans())
    def record_undo(self, held: Twins, key: str, *, is_atomic: bool) -> None:
        undone = self.checkpoint(held, key, attempt=1)
        undo = self.checkpoint(held, f"~undo/{key}")
        if is_atomic:
            self.write(
                held,
                lambda store, claim: store.run_atomic_undo(claim, undo, undone, lambda: undo),
            )
        else:
            self.write(held, lambda store, claim: store.record_undo(claim, undo, undone))

    @slice_rule(done=st.integers(0, 9))
    def record_progress(self, held: Twins, done: int) -> None:
        self.write(held, lambda store, claim: store.record_progress(claim, {"done": done}))

    # --- waits ---

    @slice_rule(delay=DELAYS)
    def sleep(self, held: Twins, delay: timedelta) -> None:
        if not self.is_passed(held, "nap"):
            registers = held.first.status is ExecutionStatus.RUNNING
            wait = Wait(
                kind=WaitKind.TIMER, name="nap", key="nap", after=delay, registers_timer=registers
            )
            self.write(held, lambda store, claim: store.suspend(claim, wait))

    @slice_rule(name=NAMES, timeout=MAYBE_DELAYS)
    def wait_for_signal(self, held: Twins, name: str, timeout: timedelta | None) -> None:
        is_there = any(signal.name == name for signal in held.first.signals)
        if is_there or self.is_passed(held, name) or held.first.status != "running":
            return
        wait = Wait(
            kind=WaitKind.SIGNAL,
            name=name,
            key=name,
            after=timeout,
            registers_timer=timeout is not None,
        )
        self.write(held, lambda store, claim: store.suspend(claim, wait))
        self.compare_claims(held)

    @slice_rule(delay=DELAYS)
    def wait_to_retry(self, held: Twins, delay: timedelta) -> None:
        wait = Wait(
            kind=WaitKind.RETRY, name="charge", key="charge", alarm=self.clock.now() + delay
        )
        self.write(held, lambda store, claim: store.suspend(claim, wait))

    @slice_rule()
    def fire_timer(self, held: Twins) -> None:
        passed = self.checkpoint(held, "nap")
        self.write(held, lambda store, claim: store.fire_timer(claim, passed))

    @slice_rule()
    def deliver_signal(self, held: Twins) -> None:
        if not held.first.signals:
            return
        received = self.checkpoint(held, held.first.signals[0].name)
        self.write(
            held, lambda store, claim: store.deliver_signal(claim, received, claim.signals[0])
        )
        stored = self.stores[0].list_signals(held.first.execution_id)
        pending = {signal.position for signal in stored if signal.status == "pending"}
        for claim in held.claims:
            claim.signals[:] = [one for one in claim.signals if one.position in pending]

    @slice_rule(name=NAMES)
    def expire_wait(self, held: Twins, name: str) -> None:
        timed_out = self.checkpoint(held, name, status=CheckpointStatus.FAILED, is_final=True)
        self.write(held, lambda store, claim: store.expire_wait(claim, timed_out))
        self.compare_claims(held)

    # --- ends ---

    @slice_rule()
    def complete(self, held: Twins) -> None:
        self.write(held, lambda store, claim: store.complete(claim, '"ok"'))

    @slice_rule(end=ENDINGS)
    def begin_compensation(self, held: Twins, end: tuple[ExecutionStatus, Any]) -> None:
        self.write(held, lambda store, claim: store.begin_compensation(claim, *end))
        self.compare_claims(held)

    @slice_rule(end=ENDINGS)
    def finish(self, held: Twins, end: tuple[ExecutionStatus, Any]) -> None:
        self.write(held, lambda store, claim: store.finish(claim, *end))

    @slice_rule(reason=st.sampled_from(ParkReason))
    def park(self, held: Twins, reason: ParkReason) -> None:
        self.write(held, lambda store, claim: store.park(claim, reason, make_error()))

    @slice_rule()
    def pause(self, held: Twins) -> None:
        self.write(held, lambda store, claim: store.pause(claim))

    # --- time and housekeeping ---

    @rule(by=st.sampled_from([1, 10, 25, 60]))
    def pass_time(self, by: int) -> None:
        self.clock.advance(seconds=by)

    @rule(age=st.sampled_from([0, 30]), statuses=st.sets(st.sampled_from(ENDED)))
    def delete_finished(self, age: int, statuses: set[ExecutionStatus]) -> None:
        before = self.clock.now() - timedelta(seconds=age)
        self.act(lambda store: store.count_finished(before=before, statuses=statuses))
        self.act(lambda store: store.delete_finished(before=before, statuses=statuses, limit=100))

    # --- what must hold after every act ---

    def compare_claims(self, held: Twins) -> None:
        first, second = (visible(claim) for claim in held.claims)
        assert first == second

    @invariant()
    def everything_visible_is_equal(self) -> None:
        first, second = ([see(store, one) for one in listed(store)] for store in self.stores)
        assert first == second

    @invariant()
    def the_alarms_are_equal(self) -> None:
        first, second = (
            (store.next_alarm(["default"]), store.count_due("default", 100))
            for store in self.stores
        )
        assert first == second

    @invariant()
    def queues_and_limits_are_equal(self) -> None:
        first, second = (
            (
                store.measure_queues(["default"]),
                store.next_admission(),
                [store.find_limit(key) for key in LIMITS],
            )
            for store in self.stores
        )
        assert first == second

    @invariant()
    def no_limit_is_passed(self) -> None:
        for store in self.stores:
            running = [one for one in store.list_executions() if one.wake_at and is_begun(one)]
            for key in LIMITS:
                limit = store.find_limit(key)
                assert limit is None or limit.admitted <= 2
                assert len([one for one in running if one.limit_key == key]) <= 2

    @invariant()
    def nothing_is_stuck(self) -> None:
        for store in self.stores:
            assert_nothing_stuck(store)


def is_begun(execution: Execution) -> bool:
    """Say whether its body may have run."""
    return execution.status in HELD_STATUSES and execution.cancel_requested_at is None


def answer_of(act: Callable[[], T]) -> T | BaseException:
    try:
        return act()
    except (LeaseLost, DurableError) as refusal:
        return refusal


def listed(store: CheckpointStore) -> list[UUID]:
    return [execution.id for execution in store.list_executions(limit=1000)]


def see(store: CheckpointStore, execution_id: UUID) -> list[object]:
    return [
        visible(store.load_execution(execution_id)),
        store.list_checkpoints(execution_id),
        store.list_timers(execution_id),
        visible(store.list_signals(execution_id)),
    ]


@singledispatch
def visible(answer: Any) -> Any:
    """Return what a store promises of an answer, without what each is free to choose."""
    return answer


@visible.register(list)
@visible.register(tuple)
def _(answer: Sequence[object]) -> object:
    return [visible(one) for one in answer]


@visible.register
def _(answer: Claim) -> object:
    return {
        **{name: getattr(answer, name) for name in ("fence", "status", "now", "signal_count")},
        "execution": visible(answer.execution),
        "checkpoints": answer.checkpoints,
        "timers": answer.timers,
        "signals": visible(answer.signals),
    }


@visible.register
def _(answer: Signal) -> object:
    return replace(answer, id=UUID(int=answer.position))


@visible.register
def _(answer: BaseException) -> object:
    return type(answer), getattr(answer, "status", str(answer))


@visible.register
def _(execution: Execution) -> object:
    is_waiting = execution.waiting_kind is not WaitKind.NOTHING and execution.status in (
        ExecutionStatus.SUSPENDED,
        ExecutionStatus.COMPENSATING,
    )
    is_held_back = execution.waiting_kind is WaitKind.LIMIT and execution.status == "pending"
    is_waiting = is_waiting or is_held_back
    may_undo = execution.status in (ExecutionStatus.COMPENSATING, ExecutionStatus.PARKED)
    return replace(
        execution,
        lease_owner="",
        updated_at=execution.created_at,
        waiting_kind=execution.waiting_kind if is_waiting else WaitKind.NOTHING,
        waiting_for=execution.waiting_for if is_waiting else "",
        ending=execution.ending if may_undo else None,
    )


@pytest.mark.django_db
def test_memory_and_orm_store_cannot_be_told_apart() -> None:
    run_state_machine_as_test(
        TwoStores,
        settings=settings(
            max_examples=30 if django_settings.DATABASE == "sqlite" else 10,
            stateful_step_count=30,
            derandomize=True,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
