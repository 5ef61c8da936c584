"""The checkout of an order: if it cannot be shipped, nothing of it remains."""

from __future__ import annotations

from datetime import timedelta

from durable_django import RetryPolicy, WorkflowContext, workflow
from example_project.ecommerce import services
from example_project.ecommerce.services import CardDeclinedError, InvalidOrderError, OutOfStockError

#: How long a payment can still be called back. In life it is a day; nothing else would change.
SETTLEMENT = timedelta(seconds=3)


@workflow(name="ecommerce.checkout", version=1, expose=True)
def checkout(ctx: WorkflowContext, number: str, sku: str, quantity: int) -> str:
    """Sell `quantity` of a product as order `number`; return the tracking id of the parcel."""
    total_cents = ctx.step(
        "validate_order", services.validate_order, sku, quantity, raises=(InvalidOrderError,)
    )
    ctx.step(
        "reserve_inventory",
        services.reserve_inventory,
        sku,
        quantity,
        atomic=True,
        compensate=services.release_inventory,
        raises=(OutOfStockError,),
    )
    charge_id = ctx.step(
        "process_payment",
        services.charge_card,
        number,
        total_cents,
        retry=RetryPolicy.exponential(3, timedelta(milliseconds=500)),
        compensate=services.refund_charge,
        raises=(CardDeclinedError,),
    )
    ctx.sleep("wait_settlement", SETTLEMENT)
    order_id = ctx.step(
        "create_order",
        services.create_order,
        number,
        sku,
        quantity,
        charge_id,
        atomic=True,
        compensate=services.cancel_order,
    )
    tracking_id = ctx.step(
        "request_shipment",
        services.request_shipment,
        number,
        retry=RetryPolicy.fixed(2, timedelta(seconds=1)),
        compensate=services.cancel_shipment,
    )
    ctx.step("mark_shipped", services.mark_shipped, order_id, tracking_id, atomic=True)
    return tracking_id
