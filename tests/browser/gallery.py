"""Executions in every state that a person meets, as a shop would have them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from durable_django import (
    RetryPolicy,
    Terminal,
    WorkflowContext,
    queues,
    runtime,
    schedules,
    workflow,
)
from durable_django.control import human_tasks
from durable_django.domain.event import Actor, ActorKind
from durable_django.domain.task_form import Approval
from durable_django.engine.durable_engine import DurableEngine, EngineOptions
from durable_django.engine.registry import Registry
from durable_django.engine.start_request import StartOptions
from durable_django.models import HumanTask, Schedule
from tests.browser.task_forms import RefundForm

DAY = timedelta(days=1)
ALICE = Actor(kind=ActorKind.USER, id="1", name="alice")
_PATIENT = RetryPolicy.fixed(5, 90 * timedelta(minutes=1))


def new_engine(registry: Registry | None = None) -> DurableEngine:
    """Return an engine on the test's database that runs nothing by itself."""
    needs: dict[str, Any] = {} if registry is None else {"registry": registry}
    return runtime.build_engine(
        dispatcher=None, options=EngineOptions(renews_leases=False, stores_tracebacks=True), **needs
    )


def register(registry: Registry) -> None:
    """Register the gallery's workflows."""
    for name, body in _BODIES.items():
        on_failure = "park" if name == "shop.import" else "compensate"
        workflow(name=name, registry=registry, on_failure=on_failure, expose=True)(body)


def fill(engine: DurableEngine) -> dict[str, UUID]:
    """Make one execution per state; return their ids by the state's name."""
    made = {state: make(engine) for state, make in _STATES.items()}
    running = _start(engine, "shop.refund", "refund-7", order_id=7)
    # Claimed and never run: for the length of a lease it is what a worker has in hand.
    [claim] = engine.store.claim_due("default", 1, timedelta(hours=1), "worker-1")
    assert claim.execution_id == running
    return {**made, "running": running}


def fill_inbox(engine: DurableEngine, user: Any) -> dict[str, UUID]:
    """Have people be asked about this and that; return the tasks' ids by what they are.

    `user` has two of them, and is kept from a third by the four-eyes rule.
    """
    shown = {"Amount": "77.00 EUR", "Order": "https://shop.example/orders/77", "apiKey": "k-1"}
    name = user.get_username()
    asked: dict[str, dict[str, Any]] = {
        "overdue": {"title": "Approve refund #77", "due": 1, "candidates": "group:finance"},
        "mine": {"title": "Approve contract", "due": 4 * 3600, "assignees": name},
        "later": {"title": "Check the address of Ana Lima", "due": 4 * 86400},
        "any": {"title": "Read the new price list"},
        "theirs": {"title": "Approve refund #78", "due": 2 * 86400, "assignees": "bob"},
        "barred": {"title": "Approve your own refund", "due": 86400, "not_by": [name]},
        "done": {"title": "Approve refund #70"},
    }
    made = {}
    for number, (state, options) in enumerate(asked.items()):
        given = {"order_id": 70 + number, "display": shown, "options": options}
        _start(engine, "shop.approval", f"order-{70 + number}", **given)
        engine.drain()
        made[state] = HumanTask.objects.get(
            title=options["title"], execution__status="suspended"
        ).pk
    late = HumanTask.objects.filter(pk=made["overdue"])
    late.update(due_at=late.get().created_at - timedelta(hours=2, minutes=5))
    human_tasks.complete(made["done"], _ANSWER, user=user, comment="As agreed on the phone")
    engine.drain()
    return made


def fill_controls(engine: DurableEngine) -> dict[str, int]:
    """Make schedules and queues in the states that people meet; return the schedules' ids."""
    berlin = {"timezone": "Europe/Berlin", "by": ALICE}
    schedules.create(
        "Nightly refunds",
        "shop.refund",
        cron="30 2 * * *",
        input={"order_id": 990},
        description="Gives back what was claimed during the day.",
        tags=["eu", "nightly"],
        **berlin,
    )
    stock, old = {"file": "stock.csv"}, {"order_id": 1}
    schedules.create("Stock", "shop.import", every=timedelta(minutes=15), input=stock)
    schedules.create("Old report", "shop.refund", cron="0 9 * * MON-FRI", input=old, **berlin)
    schedules.disable("Old report", reason="Nobody reads it any more", by=ALICE)
    schedules.create("Trials", "shop.trial", cron="0 0 1 * *", input={"customer": "Ana"})
    schedules.trigger("Nightly refunds", by=ALICE, reason="To see")
    now = engine.store.now()
    rows = {row.name: row for row in Schedule.objects.all()}
    failed = {"is_enabled": False, "consecutive_failures": 5, "next_tick_at": None}
    why = "5 failed starts in a row. The last one: UnknownWorkflowError: No shop.trial v9."
    Schedule.objects.filter(name="Trials").update(**failed, disabled_reason=why)
    Schedule.objects.filter(name="Stock").update(next_tick_at=now - timedelta(minutes=7))
    for hours, outcome in enumerate(("failed", "missed", "skipped"), start=1):
        rows["Trials"].ticks.create(
            tick_at=now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours),
            outcome=outcome,
            detail=why if outcome == "failed" else "The one before it goes on.",
            created_at=now,
        )
    queues.configure("default", max_running=20, rate="100/min", by=ALICE, reason="The bank asks")
    queues.drain("mail", by=ALICE, reason="Deploy at six")
    queues.pause("import/legacy", by=ALICE, reason="The disk is full")
    return {name: row.pk for name, row in rows.items()}


# --- bodies ---


def _order(ctx: WorkflowContext, order_id: int, *, gift: bool = False) -> str:
    """Take an order from payment to the parcel's arrival."""
    total = ctx.step("validate", _cents_of, order_id)
    ctx.step("charge", _charge, total, compensate=_refund)
    ctx.step("reserve", _reserve, order_id, compensate=_release)
    ctx.sleep("cooling_off", timedelta(0))
    packed = ctx.wait_signal("packed", timeout=3 * DAY)
    return ctx.step("ship", str, f"{order_id}: {packed}, gift: {gift}")


def _refund_order(ctx: WorkflowContext, order_id: int) -> str:
    """Give the money back."""
    return ctx.step("refund", str, order_id)


def _trial(ctx: WorkflowContext, customer: str) -> None:
    """Remind a customer when the trial ends."""
    ctx.step("welcome", str, customer)
    ctx.sleep("trial", 30 * DAY)
    ctx.step("remind", str, customer)


def _delivery(ctx: WorkflowContext, order_id: int) -> None:
    """Hand a parcel to a carrier that is often down."""
    ctx.step("label", str, order_id)
    ctx.step("hand_over", _carrier_is_down, order_id, retry=_PATIENT)


def _payout(ctx: WorkflowContext, order_id: int) -> None:
    """Pay a seller, and take it back when the books do not balance."""
    ctx.step("debit", str, order_id, compensate=_release)
    ctx.step("credit", str, order_id, compensate=_bank_is_down, compensate_retry=_PATIENT)
    ctx.step("balance", _books_are_off, order_id)


def _checkout(ctx: WorkflowContext, order_id: int) -> None:
    """Reserve, then pay."""
    ctx.step("reserve", _reserve, order_id, compensate=_release)
    ctx.step("charge", _card_is_expired, order_id)


def _import(ctx: WorkflowContext, file: str) -> None:
    """Import a file; stop for a person when it does not parse."""
    ctx.step("download", str, file)
    ctx.step("parse", _cannot_parse, file)


def _ask_somebody(
    ctx: WorkflowContext, order_id: int, display: dict[str, Any], options: dict[str, Any]
) -> Any:
    """Ask a person about a refund, and pay it."""
    due = options.get("due")
    rest = {name: value for name, value in options.items() if name != "due"}
    words = {"description": "The customer sent it back.\n\nIt arrived broken.", "display": display}
    span = None if due is None else timedelta(seconds=due)
    answer = ctx.ask("approve", RefundForm, due=span, **words, **rest)
    return ctx.step("pay", str, f"{order_id} {answer['decision']}")


def _claim_expenses(ctx: WorkflowContext, order_id: int) -> Any:
    """Have somebody look at an expense."""
    return ctx.ask("check", Approval(), title=f"Check expense {order_id}").by


_ANSWER = {"decision": "approve", "amount": "77.00", "account": "card"}
_BODIES: dict[str, Callable[..., Any]] = {
    "shop.order": _order,
    "shop.refund": _refund_order,
    "shop.trial": _trial,
    "shop.delivery": _delivery,
    "shop.payout": _payout,
    "shop.checkout": _checkout,
    "shop.import": _import,
    "shop.approval": _ask_somebody,
    "shop.expense": _claim_expenses,
}

# --- actions ---


def _cents_of(order_id: int) -> int:
    return order_id * 42


def _charge(total: int) -> dict[str, Any]:
    return {"receipt": f"r-{total}", "card": "4111 1111 1111 1111", "total": total}


def _reserve(order_id: int) -> str:
    return f"shelf-{order_id % 7}"


def _refund(receipt: Any) -> None:
    assert receipt


def _release(shelf: Any) -> None:
    assert shelf


def _carrier_is_down(order_id: int) -> None:
    raise ConnectionError(f"carrier.example:443 refused order {order_id}")


def _bank_is_down(_: Any) -> None:
    raise ConnectionError("bank.example:443 timed out after 10 s")


def _books_are_off(order_id: int) -> None:
    raise Terminal(f"Order {order_id}: the books are off by 0.01")


def _card_is_expired(order_id: int) -> None:
    raise Terminal(f"Order {order_id}: the card expired in 03/26")


def _cannot_parse(file: str) -> None:
    raise ValueError(f"{file}: line 17 has 3 columns, not 4")


# --- states ---


def _start(engine: DurableEngine, name: str, key: str, **given: Any) -> UUID:
    options = StartOptions(key=key, subject=f"shop.order:{key}", tags=("eu",))
    return engine.start_by_name(name, given, options=options, by=ALICE).id


def _made(name: str, key: str, **given: Any) -> Callable[[DurableEngine], UUID]:
    def make(engine: DurableEngine) -> UUID:
        execution_id = _start(engine, name, key, **given)
        engine.drain()
        return execution_id

    return make


def _completed(engine: DurableEngine) -> UUID:
    execution_id = _made("shop.order", "order-990", order_id=990, gift=True)(engine)
    payload = {"boxes": 2, "by": "Ana"}
    engine.send_signal(execution_id, "packed", payload, dedupe_key="scan-77", by=ALICE)
    engine.drain()
    return execution_id


def _cancelled(engine: DurableEngine) -> UUID:
    execution_id = _made("shop.order", "order-992", order_id=992)(engine)
    engine.acts.cancel(execution_id, reason="The customer changed their mind", by=ALICE)
    engine.drain()
    return execution_id


def _paused(engine: DurableEngine) -> UUID:
    execution_id = _made("shop.order", "order-993", order_id=993)(engine)
    engine.acts.pause(execution_id, reason="Stocktaking", by=ALICE)
    return execution_id


def _pending(engine: DurableEngine) -> UUID:
    options = StartOptions(key="order-994", delay=DAY)
    return engine.start_by_name("shop.order", {"order_id": 994}, options=options).id


_STATES: dict[str, Callable[[DurableEngine], UUID]] = {
    "completed": _completed,
    "cancelled": _cancelled,
    "waiting": _made("shop.order", "order-991", order_id=991),
    "sleeping": _made("shop.trial", "ana@example.org", customer="Ana"),
    "retrying": _made("shop.delivery", "order-985", order_id=985),
    "compensating": _made("shop.payout", "payout-12", order_id=980),
    "failed": _made("shop.checkout", "order-981", order_id=981),
    "parked": _made("shop.import", "catalogue.csv", file="catalogue.csv"),
    "paused": _paused,
    "pending": _pending,
    "asking": _made("shop.expense", "expense-5", order_id=5),
}
