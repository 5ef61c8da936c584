"""The executions of one demo: what each is about, and where it must end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count, cycle

from django.db import transaction

from durable_django import ExecutionStatus, client
from example_project.ecommerce.workflows import checkout
from example_project.finance import onboarding, services
from example_project.finance.workflows import kyc_onboarding, transfer
from example_project.simulation.expense_play import ExpensePlay
from example_project.simulation.models import FaultKind, FaultSwitch, Gateway
from example_project.simulation.scenario import Scenario
from example_project.simulation.stage import Stage

COMPLETED = ExecutionStatus.COMPLETED
FAILED = ExecutionStatus.FAILED
CANCELLED = ExecutionStatus.CANCELLED
#: Long enough to look for the worker and kill it; nobody waits for the end of it.
SLOW_SECONDS = 30.0


def start_scenarios(
    stage: Stage, total: int, *, slow_seconds: float = SLOW_SECONDS
) -> list[Scenario]:
    """Start the executions with a story, and plain ones until there are `total`."""
    play = Play(stage, slow_seconds)
    scenarios = list(play.start_stories())
    plain: Iterator[Callable[[], Scenario]] = cycle((play.start_order, play.start_transfer))
    while len(scenarios) < total:
        scenarios.append(next(plain)())
    return scenarios


class Play:
    """Starts executions on a stage."""

    def __init__(self, stage: Stage, slow_seconds: float) -> None:
        self._stage = stage
        self._slow_seconds = slow_seconds
        self._numbers = count(1)

    def start_stories(self) -> Iterator[Scenario]:
        """Start one execution per story."""
        slow_charge = _switch(
            Gateway.PAYMENT, FaultKind.SLOW, remaining=1, seconds=self._slow_seconds
        )
        yield self.start_order("its worker is killed after the charge", slow_charge, is_victim=True)
        yield self.start_order("payment fails twice, then works", _flaky_payment)
        yield self.start_order("card declined", _decline, ends=FAILED, error="CardDeclinedError")
        yield self.start_order(
            "carrier is down", _carrier_down, ends=FAILED, error="StepFailedError"
        )
        yield self.start_order(
            "more than there are", quantity=100_000, ends=FAILED, error="OutOfStockError"
        )
        yield self._start_cancelled_order()
        yield self.start_transfer()
        yield self.start_transfer(
            "not enough money", cents=9_999_999, ends=FAILED, error="InsufficientFundsError"
        )
        yield self.start_transfer(
            "target is closed: debit undone",
            target=self._stage.closed_account.number,
            ends=FAILED,
            error="AccountClosedError",
        )
        yield self.start_onboarding("approved")
        yield self.start_onboarding("approved, flaky upload", _flaky_upload)
        yield self.start_onboarding("approved before it asks", is_early=True)
        yield self.start_onboarding(
            "rejected by the reviewer",
            approved=False,
            ends=FAILED,
            error="ApplicationRejectedError",
        )
        yield self.start_onboarding(
            "not who they claim to be", _reject_identity, ends=FAILED, error="IdentityRejectedError"
        )
        yield self.start_onboarding(
            "no card: account closed", _no_cards, ends=FAILED, error="StepFailedError"
        )
        yield from ExpensePlay(self._stage.label).start_stories()

    def start_order(
        self,
        story: str = "plain",
        prepare: Callable[[str], object] | None = None,
        *,
        quantity: int = 1,
        ends: ExecutionStatus = COMPLETED,
        error: str = "",
        is_victim: bool = False,
    ) -> Scenario:
        number = f"{self._stage.label}-order-{next(self._numbers):02}"
        if prepare is not None:
            prepare(number)
        product = self._stage.product
        options = checkout.options(key=number, subject=product)
        execution = options.start(number, product.sku, quantity)
        return Scenario(
            id=execution.id,
            name=number,
            workflow=checkout.name,
            story=story,
            ends=ends,
            error=error,
            is_victim=is_victim,
        )

    def start_transfer(
        self,
        story: str = "plain",
        *,
        target: str = "",
        cents: int = 1_000,
        ends: ExecutionStatus = COMPLETED,
        error: str = "",
    ) -> Scenario:
        accounts = self._stage.accounts
        turn = next(self._numbers)
        source = accounts[turn % len(accounts)]
        target = target or accounts[(turn + 1) % len(accounts)].number
        execution = transfer.options(subject=source).start(source.number, target, cents)
        return Scenario(
            id=execution.id,
            name=f"{source.number} to {target.rpartition('-')[2]}",
            workflow=transfer.name,
            story=story,
            ends=ends,
            error=error,
        )

    def start_onboarding(
        self,
        story: str,
        prepare: Callable[[str], object] | None = None,
        *,
        approved: bool = True,
        is_early: bool = False,
        ends: ExecutionStatus = COMPLETED,
        error: str = "",
    ) -> Scenario:
        name = f"{self._stage.label}-Bob-{next(self._numbers):02}"
        # The switch is on before a worker can see the execution.
        with transaction.atomic():
            application = onboarding.apply(name)
            if prepare is not None:
                prepare(services.reference_of(application.pk))
        decide = partial(onboarding.decide, application, approved=approved, reason="by the demo")
        if is_early:
            decide()
        return Scenario(
            id=onboarding.load_execution(application).id,
            name=name,
            workflow=kyc_onboarding.name,
            story=story,
            ends=ends,
            error=error,
            acts={} if is_early else {"review": decide},
        )

    def _start_cancelled_order(self) -> Scenario:
        scenario = self.start_order("cancelled by the customer", ends=CANCELLED)
        cancel = partial(client.cancel, scenario.id, reason="the customer changed their mind")
        return replace(scenario, acts={"wait_settlement": cancel})


def _switch(
    gateway: Gateway, kind: FaultKind, remaining: int | None = None, seconds: float = 0
) -> Callable[[str], object]:
    """Return a function that makes the gateway misbehave towards one reference."""

    def switch_on(reference: str) -> FaultSwitch:
        return FaultSwitch.objects.create(
            gateway=gateway, kind=kind, reference=reference, remaining=remaining, seconds=seconds
        )

    return switch_on


_flaky_payment = _switch(Gateway.PAYMENT, FaultKind.FAIL, remaining=2)
_decline = _switch(Gateway.PAYMENT, FaultKind.DECLINE)
_carrier_down = _switch(Gateway.SHIPPING, FaultKind.FAIL)
_flaky_upload = _switch(Gateway.DOCUMENTS, FaultKind.FAIL, remaining=1)
_reject_identity = _switch(Gateway.IDENTITY, FaultKind.DECLINE)
_no_cards = _switch(Gateway.CARDS, FaultKind.FAIL)
