"""What a user writes, as mypy must see it: checked by `mypy`, never run."""

from __future__ import annotations

from datetime import timedelta
from typing import assert_type
from uuid import UUID

from durable_django import RetryPolicy, WorkflowContext, workflow
from durable_django.engine.execution_handle import ExecutionHandle


def validate(order_id: int) -> float:
    return float(order_id)


async def announce(text: str) -> bool:
    return bool(text)


def refund(total: float) -> None:
    """Give the money back."""


@workflow(name="typing.order", version=2, ttl=timedelta(days=1))
def order(ctx: WorkflowContext, order_id: int, *, gift: bool = False) -> str:
    total = ctx.step("validate", validate, order_id, compensate=refund)
    assert_type(total, float)
    told = ctx.step("announce", announce, "hello", retry=RetryPolicy.fixed(3))
    assert_type(told, bool)
    ctx.step("validate", validate, "not a number")  # type: ignore[arg-type]
    assert_type(ctx.execution_id, UUID)
    return str(total)


@workflow
def bare(ctx: WorkflowContext) -> int:
    return 1


def use(ctx: WorkflowContext) -> None:
    assert_type(order.start(5, gift=True), ExecutionHandle[str])
    assert_type(order.options(key="k", priority=5).start(5), ExecutionHandle[str])
    assert_type(order.start(5).result(timeout=5), str)
    assert_type(order.run(5), str)
    assert_type(order(ctx, 5), str)
    assert_type(bare.start(), ExecutionHandle[int])
    order.start("5")  # type: ignore[arg-type]
    order.start()  # type: ignore[call-arg]
    order.start(5, price=3)  # type: ignore[call-arg]
