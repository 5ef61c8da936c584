"""The driver on the project's own database, inside an ordinary Django test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from durable_django import runtime
from durable_django.conf import settings
from durable_django.control.human_tasks.forms import check_answer
from durable_django.engine.action_runner import InlineActionRunner
from durable_django.engine.durable_engine import DurableEngine, EngineOptions
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.ports.schedule_store import ScheduleStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.driver import LEASE, DurableDriver


@contextmanager
def durable_harness() -> Iterator[DurableDriver]:
    """Give a driver, and let `client` and `workflow.start()` use its engine inside the block.

    In a `TestCase`: `self.durable = self.enterContext(durable_harness())`. With pytest, use the
    fixture `durable`.
    """
    former = runtime.use_engine(None)
    try:
        yield DurableDriver(
            _build, _new_store, runtime.use_engine, _rolled_back, _new_schedules, check_answer
        )
    finally:
        runtime.use_engine(former)


def _new_store(clock: ManualClock) -> CheckpointStore:
    return runtime.build_store(settings(), clock)


def _new_schedules(_store: CheckpointStore) -> ScheduleStore:
    return runtime.build_schedule_store(settings())


def _build(store: CheckpointStore, clock: ManualClock) -> DurableEngine:
    conf = settings()
    options = EngineOptions(
        lease=LEASE, renews_leases=False, limits=runtime.build_options(conf).limits
    )
    return runtime.build_engine(
        store=store,
        clock=clock,
        dispatcher=None,
        options=options,
        actions=InlineActionRunner(clock),
    )


@contextmanager
def _rolled_back() -> Iterator[None]:
    """Undo at the end what the block wrote, as a TestCase does around a test."""
    alias = settings().database
    block = transaction.atomic(using=alias)
    # What Django's own TestCase does: code under test may treat this block as no transaction.
    block._from_testcase = True  # type: ignore[attr-defined]  # noqa: SLF001
    with block:
        yield
        transaction.set_rollback(True, using=alias)
