"""What the steps of a checkout do. Actions are ordinary functions of plain values.

Those that write to this project's database run as atomic steps: exactly once. Those that talk to
another system run at least once, and hand it the step's idempotency key (in `gateways.perform`).
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import F

from example_project.ecommerce.models import Order, OrderStatus, Product
from example_project.simulation import gateways
from example_project.simulation.gateways import GatewayDeclinedError
from example_project.simulation.models import Gateway


class InvalidOrderError(Exception):
    """The order makes no sense."""


class OutOfStockError(Exception):
    """There are not that many left."""


class CardDeclinedError(Exception):
    """The customer's bank says no."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """What was taken off the shelf for an order."""

    sku: str
    quantity: int


def validate_order(sku: str, quantity: int) -> int:
    """Return what the order costs, in cents."""
    product = Product.objects.filter(sku=sku).first()
    if product is None or quantity < 1:
        raise InvalidOrderError(f"{quantity} of {sku}")
    return product.price_cents * quantity


def reserve_inventory(sku: str, quantity: int) -> Reservation:
    enough = Product.objects.filter(sku=sku, stock__gte=quantity)
    if not enough.update(stock=F("stock") - quantity):
        raise OutOfStockError(f"{quantity} of {sku}")
    return Reservation(sku, quantity)


def release_inventory(reservation: Reservation) -> None:
    product = Product.objects.filter(sku=reservation.sku)
    product.update(stock=F("stock") + reservation.quantity)


def charge_card(number: str, total_cents: int) -> str:
    try:
        return gateways.perform(Gateway.PAYMENT, "charge", number, amount_cents=total_cents)
    except GatewayDeclinedError as error:
        raise CardDeclinedError(str(error)) from error


def refund_charge(charge_id: str) -> str:
    charge = gateways.load_entry(charge_id)
    return gateways.perform(
        Gateway.PAYMENT, "refund", charge.reference, amount_cents=-charge.amount_cents
    )


def create_order(number: str, sku: str, quantity: int, charge_id: str) -> int:
    order = Order.objects.create(
        number=number,
        product=Product.objects.get(sku=sku),
        quantity=quantity,
        total_cents=gateways.load_entry(charge_id).amount_cents,
        charge_id=charge_id,
    )
    return order.pk


def cancel_order(order_id: int) -> None:
    Order.objects.filter(pk=order_id).update(status=OrderStatus.CANCELLED)


def request_shipment(number: str) -> str:
    return gateways.perform(Gateway.SHIPPING, "ship", number)


def cancel_shipment(tracking_id: str) -> str:
    return gateways.perform(
        Gateway.SHIPPING, "call_back", gateways.load_entry(tracking_id).reference
    )


def mark_shipped(order_id: int, tracking_id: str) -> None:
    Order.objects.filter(pk=order_id).update(status=OrderStatus.SHIPPED, tracking_id=tracking_id)
