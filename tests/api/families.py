"""Workflows that direct others, for the tests of the API: children, groups, maps and events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from durable_django import Terminal
from durable_django.engine.awaitables import Signal, Timer
from durable_django.engine.registry import default_registry
from durable_django.engine.workflow_function import workflow

CHILD, PARENT, PAYING, GROUP, MAPPED, LISTENER = (
    "api.child",
    "api.parent",
    "api.paying",
    "api.group",
    "api.mapped",
    "api.listener",
)


def load(number: int) -> dict[str, Any]:
    if number % 3 == 2:
        raise Terminal(f"no. {number}, token=hunter2")
    return {"row": number, "password": "hunter2"}


@contextmanager
def registered_families() -> Iterator[None]:  # noqa: C901 -- one small function per workflow
    """Register the workflows, and forget them at the end."""

    @workflow(name=CHILD)
    def child(ctx: Any, number: int) -> int:
        if number % 3 == 2:
            raise Terminal(f"no. {number}")
        if number:
            ctx.wait_signal("go")
        return number

    @workflow(name=PARENT)
    def parent(ctx: Any, count: int) -> int:
        ctx.start_child("beside", child, 1)
        return len(ctx.map("each", child, list(range(count)), tolerate=count))

    @workflow(name=PAYING)
    def paying(ctx: Any) -> Any:
        return ctx.child("pay", child, 1, timeout=timedelta(days=1))

    @workflow(name=GROUP)
    def group(ctx: Any) -> None:
        with ctx.parallel("prepare") as p:
            p.step("stock", int)
            p.branch("pack", lambda ctx: ctx.step("box", int))
        ctx.race("end", paid=Signal("paid"), late=Timer(days=1))

    @workflow(name=MAPPED)
    def mapped(ctx: Any, count: int) -> int:
        results = ctx.map("load", load, list(range(count)), tolerate=count)
        ctx.wait_signal("go")
        return len(results)

    @workflow(name=LISTENER)
    def listener(ctx: Any, key: str) -> Any:
        return ctx.wait_event("price-changed", key)

    try:
        yield
    finally:
        for name in (CHILD, PARENT, PAYING, GROUP, MAPPED, LISTENER):
            default_registry.forget(name)
