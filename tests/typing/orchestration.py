"""What a user writes of children, branches, maps and waits, as mypy must see it; never run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_type
from uuid import UUID

from durable_django import (
    Child,
    Event,
    MapResult,
    RetryPolicy,
    Signal,
    Timer,
    WorkflowContext,
    workflow,
)
from durable_django.engine.parallel_block import Pending


@dataclass(frozen=True)
class Invoice:
    number: int


def reserve(order_id: int) -> str:
    return str(order_id)


def release(reserved: str) -> None:
    """Give it back."""


def void(invoice: Invoice) -> None:
    """Take it back."""


@workflow(name="typing.invoice")
def invoice(ctx: WorkflowContext, order_id: int) -> Invoice:
    return Invoice(order_id)


@workflow(name="typing.children")
def children(ctx: WorkflowContext) -> Invoice:
    assert_type(ctx.child("bill", invoice, 5), Invoice)
    assert_type(ctx.child("bill", invoice.options(queue="slow"), 5, compensate=void), Invoice)
    ctx.child("bill", invoice, 5, compensate=release)  # type: ignore[arg-type]
    ctx.child("bill", reserve, 5)  # type: ignore[arg-type]
    assert_type(ctx.start_child("mail", invoice, 5), UUID)
    return ctx.child("last", invoice, 5, timeout=timedelta(days=1))


def pack(ctx: WorkflowContext, order_id: int) -> bytes:
    return bytes(order_id)


@workflow(name="typing.branches")
def branches(ctx: WorkflowContext) -> str:
    with ctx.parallel("prepare", policy="complete_all", max_concurrency=2) as p:
        stock = p.step("stock", reserve, 5, compensate=release, retry=RetryPolicy.fixed(3))
        bill = p.child("bill", invoice, 5, compensate=void)
        packed = p.branch("pack", pack, 5)
        p.wait("paid", Signal("paid"))
        p.wait("paid", 5)  # type: ignore[arg-type]
        p.step("stock", reserve, 5, compensate=void)  # type: ignore[misc]
    assert_type(stock, Pending[str])
    assert_type(bill.result, Invoice)
    assert_type(packed.result, bytes)
    assert_type(stock.error, Exception | None)
    assert_type(p.errors, dict[str, Exception])
    return p.winner


@workflow(name="typing.maps")
def maps(ctx: WorkflowContext) -> list[str]:
    reserved = ctx.map("reserve", reserve, [1, 2, 3], tolerate=0.1, compensate=release)
    assert_type(reserved, MapResult[str])
    assert_type(reserved[0], str)
    assert_type(reserved[:2], list[str])
    assert_type(reserved.succeeded(), Iterator[tuple[str, str]])
    assert_type(reserved.failed(), Iterator[tuple[str, Exception]])
    assert_type(ctx.map("bill", invoice, [1, 2, 3]), MapResult[Invoice])
    assert_type(ctx.map("bill", invoice.options(priority=5), [1]), MapResult[Invoice])
    ctx.map("reserve", reserve, ["one"])  # type: ignore[arg-type]
    return list(reserved)


@workflow(name="typing.waits")
def waits(ctx: WorkflowContext) -> bool:
    label, payload = ctx.race(paid=Signal("paid"), late=Timer(days=3), bill=Child(invoice, 5))
    assert_type(label, str)
    assert_type(payload, Any)
    assert_type(ctx.wait_any("a", Event("b", "key")), tuple[str, Any])
    assert_type(ctx.wait_all("a", "b", timeout=timedelta(hours=1)), dict[str, Any])
    ctx.race(paid="paid", late=5)  # type: ignore[arg-type]
    found = ctx.poll("file", lambda: Invoice(5), every=timedelta(minutes=1))
    assert_type(found, Invoice)
    ctx.poll("file", reserve, every=timedelta(minutes=1))  # type: ignore[arg-type]
    return bool(ctx.wait_event("news", "key"))
