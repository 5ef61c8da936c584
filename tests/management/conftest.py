from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from durable_django import RetryPolicy, runtime
from durable_django.engine.durable_engine import DurableEngine, EngineOptions
from durable_django.engine.registry import default_registry
from durable_django.engine.workflow_function import workflow

PREFIX = "console."


@dataclass(frozen=True)
class Ran:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str
    error: str = ""


@pytest.fixture
def engine(db: None) -> Iterator[DurableEngine]:
    """Put an engine in place that runs nothing by itself."""
    engine = runtime.build_engine(dispatcher=None, options=EngineOptions(renews_leases=False))
    former = runtime.use_engine(engine)
    yield engine
    runtime.use_engine(former)
    engine.dispose()


@pytest.fixture(autouse=True)
def workflows() -> Iterator[None]:  # noqa: C901 -- a list of small bodies
    @workflow(name=f"{PREFIX}order")
    def order(ctx, order_id, *, gift=False):
        total = ctx.step("charge", lambda number: number * 2, order_id)
        ctx.wait_signal("packed", timeout=timedelta(days=3))
        return {"total": total, "gift": gift}

    @workflow(name=f"{PREFIX}sum")
    def add(ctx, a=1, b=2):
        return a + b

    @workflow(name=f"{PREFIX}broken")
    def broken(ctx):
        ctx.step("break", fail)

    @workflow(name=f"{PREFIX}parking", on_failure="park")
    def parking(ctx):
        ctx.step("break", fail)

    @workflow(name=f"{PREFIX}sleeper")
    def sleeper(ctx):
        ctx.sleep("night", timedelta(hours=8))

    @workflow(name=f"{PREFIX}retrying")
    def retrying(ctx):
        ctx.step("break", fail, retry=RetryPolicy.fixed(3, timedelta(hours=1)))

    yield
    for definition in default_registry.list_definitions():
        if definition.name.startswith(PREFIX):
            default_registry.forget(definition.name)


def fail() -> None:
    raise ValueError("no \x1b[31mred\x07 card\nand a second line")


@pytest.fixture
def run(engine: DurableEngine) -> Callable[..., Ran]:
    """Run a command in this process."""

    def run(*args: object, **options: Any) -> Ran:
        out, err = StringIO(), StringIO()
        code, error = 0, ""
        try:
            call_command(*map(str, args), stdout=out, stderr=err, **options)
        except CommandError as raised:
            code, error = raised.returncode, str(raised)
        return Ran(code, out.getvalue(), err.getvalue(), error)

    return run
