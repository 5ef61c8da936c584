from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from durable_django import ExecutionStatus
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.testing.driver import DurableDriver
from example_project.ecommerce.models import Order, OrderStatus, Product
from example_project.ecommerce.workflows import SETTLEMENT, checkout
from example_project.simulation.models import FaultKind, Gateway, GatewayCall, LedgerEntry
from tests.examples.conftest import Break

#: Long enough for every retry and the settlement.
A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def lamp(db: None) -> Product:
    return Product.objects.create(sku="lamp", name="Lamp", price_cents=4_900, stock=10)


def start_order(durable: DurableDriver, quantity: int = 2) -> ExecutionHandle[str]:
    return durable.start(checkout, "order-1", "lamp", quantity)


def read_books() -> dict[str, Any]:
    """Return what must be so whether a worker crashed or not."""
    entries = LedgerEntry.objects.values_list("operation", "reference", "amount_cents")
    return {
        "stock": list(Product.objects.values_list("sku", "stock")),
        "orders": list(Order.objects.values_list("number", "status")),
        "ledger": Counter(entries),
    }


class TestHappyPath:
    def test_order_is_paid_and_shipped(self, durable: DurableDriver, lamp: Product) -> None:
        execution = start_order(durable)

        durable.advance(A_MINUTE)

        assert durable.result(execution) == "ship/order-1"
        assert read_books() == {
            "stock": [("lamp", 8)],
            "orders": [("order-1", OrderStatus.SHIPPED)],
            "ledger": Counter({("charge", "order-1", 9_800): 1, ("ship", "order-1", 0): 1}),
        }

    def test_no_order_exists_until_the_payment_has_settled(
        self, durable: DurableDriver, lamp: Product
    ) -> None:
        start_order(durable)

        durable.advance(SETTLEMENT - timedelta(milliseconds=1))

        assert not Order.objects.exists()

    def test_payment_that_fails_twice_is_charged_once(
        self, durable: DurableDriver, lamp: Product, break_gateway: Break
    ) -> None:
        break_gateway(Gateway.PAYMENT, remaining=2)

        execution = start_order(durable)
        durable.advance(A_MINUTE)

        assert execution.refresh().status is ExecutionStatus.COMPLETED
        assert GatewayCall.objects.filter(operation="charge").count() == 3
        assert LedgerEntry.objects.filter(operation="charge").count() == 1


class TestCrash:
    def test_order_survives_a_crash_at_every_write(
        self, durable: DurableDriver, lamp: Product
    ) -> None:
        def sell(durable: DurableDriver) -> ExecutionHandle[str]:
            execution = start_order(durable)
            durable.advance(A_MINUTE)
            return execution

        assert durable.crash_everywhere(sell, same=read_books) > 20

    def test_undo_survives_a_crash_at_every_write(
        self, durable: DurableDriver, lamp: Product, break_gateway: Break
    ) -> None:
        break_gateway(Gateway.SHIPPING)

        def fail_to_sell(durable: DurableDriver) -> ExecutionHandle[str]:
            execution = start_order(durable)
            durable.advance(A_MINUTE)
            return execution

        assert durable.crash_everywhere(fail_to_sell, same=read_books) > 30


class TestCompensation:
    def test_declined_card_gives_the_stock_back(
        self, durable: DurableDriver, lamp: Product, break_gateway: Break
    ) -> None:
        break_gateway(Gateway.PAYMENT, FaultKind.DECLINE)

        execution = start_order(durable)

        assert execution.status is ExecutionStatus.FAILED
        assert execution.error is not None
        assert execution.error.type.endswith("CardDeclinedError")
        assert read_books() == {"stock": [("lamp", 10)], "orders": [], "ledger": Counter()}

    def test_declined_card_is_not_tried_again(
        self, durable: DurableDriver, lamp: Product, break_gateway: Break
    ) -> None:
        break_gateway(Gateway.PAYMENT, FaultKind.DECLINE)

        start_order(durable)

        assert GatewayCall.objects.filter(operation="charge").count() == 1

    def test_carrier_that_stays_down_undoes_everything(
        self, durable: DurableDriver, lamp: Product, break_gateway: Break
    ) -> None:
        break_gateway(Gateway.SHIPPING)

        execution = start_order(durable)
        durable.advance(A_MINUTE)

        assert execution.refresh().status is ExecutionStatus.FAILED
        assert read_books() == {
            "stock": [("lamp", 10)],
            "orders": [("order-1", OrderStatus.CANCELLED)],
            "ledger": Counter({("charge", "order-1", 9_800): 1, ("refund", "order-1", -9_800): 1}),
        }

    def test_order_for_more_than_there_are_charges_nobody(
        self, durable: DurableDriver, lamp: Product
    ) -> None:
        execution = start_order(durable, quantity=11)

        assert execution.status is ExecutionStatus.FAILED
        assert read_books() == {"stock": [("lamp", 10)], "orders": [], "ledger": Counter()}

    def test_cancel_before_the_settlement_refunds(
        self, durable: DurableDriver, lamp: Product
    ) -> None:
        execution = start_order(durable)

        durable.cancel(execution, "changed my mind")

        assert execution.status is ExecutionStatus.CANCELLED
        assert read_books() == {
            "stock": [("lamp", 10)],
            "orders": [],
            "ledger": Counter({("charge", "order-1", 9_800): 1, ("refund", "order-1", -9_800): 1}),
        }
