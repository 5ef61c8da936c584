"""Executions that direct others: parents, parallel blocks, races, maps and polls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from durable_django import Terminal, WorkflowContext
from durable_django.engine.awaitables import Event, Signal, Timer
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.registry import Registry
from durable_django.engine.start_request import StartOptions
from durable_django.engine.workflow_function import workflow

DAY = timedelta(days=1)
ITEMS = 250


def fill(engine: DurableEngine) -> dict[str, UUID]:
    """Make one execution per state; return their ids by the state's name."""
    return {state: make(engine) for state, make in _STATES.items()}


def register(registry: Registry) -> None:
    """Register the workflows, of which some start others."""
    invoice = workflow(name="shop.invoice", registry=registry)(_invoice)
    inspect = workflow(name="shop.inspect", registry=registry, on_failure="park")(_inspect)
    parcel = workflow(name="shop.parcel", registry=registry)(_parcel)

    @workflow(name="shop.fulfil", registry=registry, expose=True)
    def fulfil(ctx: WorkflowContext, order_id: int) -> str:
        """Prepare an order: stock, invoice and parcel side by side."""
        ctx.step("validate", str, order_id)
        with ctx.parallel("prepare") as p:
            p.step("stock", _take_stock, order_id, compensate=_put_back)
            p.child("invoice", invoice, order_id)
            p.branch("pack", _pack, order_id)
            p.wait("cooling_off", Timer(days=3))
        return ctx.step("ship", str, order_id)

    @workflow(name="shop.return", registry=registry, expose=True)
    def take_back(ctx: WorkflowContext, order_id: int) -> None:
        """Have what came back be inspected."""
        ctx.step("register", str, order_id)
        ctx.child("inspect", inspect, order_id, timeout=14 * DAY)

    @workflow(name="shop.payment", registry=registry, expose=True)
    def payment(ctx: WorkflowContext, order_id: int) -> None:
        """Wait for the money, a cancel, or the end of patience."""
        ctx.step("remind", str, order_id)
        ctx.race(
            "outcome",
            paid=Signal("paid"),
            withdrawn=Event("order-withdrawn", str(order_id)),
            late=Timer(days=3),
        )

    @workflow(name="shop.catalogue", registry=registry, expose=True)
    def catalogue(ctx: WorkflowContext, first: int) -> int:
        """Load a catalogue; a few lines may be broken."""
        lines = ctx.step("read", _read_lines, first)
        loaded = ctx.map("load", _load_line, lines, compensate=_unload, tolerate=5)
        parcels = ctx.map("announce", parcel, lines[:12], tolerate=3)
        return len(loaded) + len(parcels)

    @workflow(name="shop.tracking", registry=registry, expose=True)
    def tracking(ctx: WorkflowContext, order_id: int) -> None:
        """Look again and again whether a parcel has arrived."""
        ctx.poll("arrived", _not_yet, every=timedelta(hours=1), timeout=7 * DAY)


def _invoice(ctx: WorkflowContext, order_id: int) -> str:
    ctx.step("number", str, order_id)
    return str(ctx.wait_signal("issued", timeout=5 * DAY))


def _inspect(ctx: WorkflowContext, order_id: int) -> None:
    ctx.step("open", str, order_id)
    ctx.step("weigh", _scale_is_off, order_id)


def _parcel(ctx: WorkflowContext, line: int) -> int:
    if line % 4 == 3:
        ctx.step("announce", _address_is_wrong, line)
    if line % 4 == 1:
        ctx.wait_signal("handed-over")
    return ctx.step("announce", int, line)


def _pack(ctx: WorkflowContext, order_id: int) -> str:
    ctx.step("box", str, order_id)
    return str(ctx.wait_signal("boxed"))


def _take_stock(order_id: int) -> str:
    return f"shelf-{order_id % 7}"


def _put_back(shelf: str) -> None:
    assert shelf


def _read_lines(first: int) -> list[int]:
    return list(range(first, first + ITEMS))


def _load_line(line: int) -> dict[str, Any]:
    if line % 100 == 17:
        raise Terminal(f"Line {line} has 3 columns, not 4")
    return {"line": line, "sku": f"A-{line}"}


def _unload(row: Any) -> None:
    assert row


def _not_yet() -> bool:
    return False


def _scale_is_off(order_id: int) -> None:
    raise OSError(f"scale-3 does not answer for order {order_id}")


def _address_is_wrong(line: int) -> None:
    raise Terminal(f"Line {line}: there is no such street")


def _made(name: str, key: str, **given: Any) -> Callable[[DurableEngine], UUID]:
    def make(engine: DurableEngine) -> UUID:
        execution_id = engine.start_by_name(name, given, options=StartOptions(key=key)).id
        engine.drain()
        return execution_id

    return make


#: By the state's name: how to make an execution in it.
_STATES: dict[str, Callable[[DurableEngine], UUID]] = {
    "parallel": _made("shop.fulfil", "fulfil-995", order_id=995),
    "parent": _made("shop.return", "return-996", order_id=996),
    "race": _made("shop.payment", "payment-997", order_id=997),
    "mapping": _made("shop.catalogue", "catalogue-5", first=0),
    "polling": _made("shop.tracking", "tracking-998", order_id=998),
}
