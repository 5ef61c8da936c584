from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Sum

from durable_django import ExecutionStatus
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.testing.driver import DurableDriver
from example_project.finance import onboarding, services
from example_project.finance.models import Account, Application, Posting
from example_project.finance.workflows import kyc_onboarding, transfer
from example_project.simulation.models import FaultKind, Gateway, LedgerEntry
from tests.examples.conftest import Break

OPENING_CENTS = 10_000


@pytest.fixture
def accounts(db: None) -> None:
    for number in ("ada", "bob"):
        account = Account.objects.create(number=number, balance_cents=OPENING_CENTS)
        Posting.objects.create(account=account, amount_cents=OPENING_CENTS, text="opening")


def read_balances() -> dict[str, int]:
    return dict(Account.objects.values_list("number", "balance_cents"))


def read_books() -> dict[str, Any]:
    """Return what must be so whether a worker crashed or not."""
    return {
        "balances": read_balances(),
        "postings": sorted(Posting.objects.values_list("account__number", "amount_cents")),
        "ledger": sorted(LedgerEntry.objects.values_list("operation", flat=True)),
    }


class TestTransfer:
    def test_money_arrives(self, durable: DurableDriver, accounts: None) -> None:
        durable.start(transfer, "ada", "bob", 2_500)

        assert read_balances() == {"ada": 7_500, "bob": 12_500}

    def test_account_without_the_money_keeps_what_it_has(
        self, durable: DurableDriver, accounts: None
    ) -> None:
        execution = durable.start(transfer, "ada", "bob", OPENING_CENTS + 1)

        assert execution.error is not None
        assert execution.error.type.endswith("InsufficientFundsError")
        assert read_balances() == {"ada": OPENING_CENTS, "bob": OPENING_CENTS}

    def test_closed_target_gives_the_money_back(
        self, durable: DurableDriver, accounts: None
    ) -> None:
        Account.objects.filter(number="bob").update(is_open=False)

        execution = durable.start(transfer, "ada", "bob", 2_500)

        assert execution.status is ExecutionStatus.FAILED
        assert read_balances() == {"ada": OPENING_CENTS, "bob": OPENING_CENTS}
        assert [p.amount_cents for p in Posting.objects.order_by("pk")[2:]] == [-2_500, 2_500]

    @pytest.mark.parametrize("is_open", [True, False], ids=["done", "undone"])
    def test_no_crash_makes_or_loses_money(
        self, durable: DurableDriver, accounts: None, *, is_open: bool
    ) -> None:
        Account.objects.filter(number="bob").update(is_open=is_open)

        def move(durable: DurableDriver) -> ExecutionHandle[None]:
            return durable.start(transfer, "ada", "bob", 2_500)

        assert durable.crash_everywhere(move, same=read_books) >= 6
        assert Posting.objects.aggregate(sum=Sum("amount_cents"))["sum"] == 2 * OPENING_CENTS


class TestOnboarding:
    def test_it_waits_for_a_reviewer(self, durable: DurableDriver) -> None:
        application = take_in(durable)

        durable.advance(days=6)

        execution = onboarding.load_execution(application)
        assert execution.status is ExecutionStatus.SUSPENDED
        assert execution.execution.waiting_for == "review"
        assert not Account.objects.exists()

    def test_approved_applicant_gets_an_account_and_a_card(self, durable: DurableDriver) -> None:
        application = take_in(durable)

        onboarding.decide(application, approved=True)
        durable.drain()

        execution = onboarding.load_execution(application)
        assert durable.result(execution) == Account.objects.get(application=application).number
        assert LedgerEntry.objects.filter(operation="issue").count() == 1

    def test_second_decision_changes_nothing(self, durable: DurableDriver) -> None:
        application = take_in(durable)

        onboarding.decide(application, approved=True)
        onboarding.decide(application, approved=False)
        durable.drain()

        execution = onboarding.load_execution(application)
        assert execution.status is ExecutionStatus.COMPLETED

    def test_rejection_deletes_the_document(self, durable: DurableDriver) -> None:
        application = take_in(durable)

        onboarding.decide(application, approved=False, reason="blurred")
        durable.drain()

        execution = onboarding.load_execution(application)
        assert execution.error is not None
        assert execution.error.type.endswith("ApplicationRejectedError")
        assert list_operations() == ["upload", "verify", "check", "delete"]

    def test_application_that_nobody_reviews_is_dropped(self, durable: DurableDriver) -> None:
        application = take_in(durable)

        durable.advance(days=7)

        execution = onboarding.load_execution(application)
        assert execution.status is ExecutionStatus.FAILED
        assert list_operations()[-1] == "delete"

    def test_false_identity_is_never_reviewed(
        self, durable: DurableDriver, break_gateway: Break
    ) -> None:
        break_gateway(Gateway.IDENTITY, FaultKind.DECLINE)

        application = take_in(durable)

        execution = onboarding.load_execution(application)
        assert execution.error is not None
        assert execution.error.type.endswith("IdentityRejectedError")
        assert list_operations() == ["upload", "delete"]

    def test_account_is_closed_when_no_card_can_be_issued(
        self, durable: DurableDriver, break_gateway: Break
    ) -> None:
        break_gateway(Gateway.CARDS)
        application = take_in(durable)

        onboarding.decide(application, approved=True)
        durable.advance(minutes=1)

        execution = onboarding.load_execution(application)
        assert execution.status is ExecutionStatus.FAILED
        assert not Account.objects.get().is_open
        assert list_operations()[-1] == "delete"

    @pytest.mark.parametrize("approved", [True, False], ids=["approved", "rejected"])
    def test_it_survives_a_crash_at_every_write(
        self, durable: DurableDriver, *, approved: bool
    ) -> None:
        # Outside, because its id is in what is compared.
        application = Application.objects.create(applicant="Bob")

        def onboard(durable: DurableDriver) -> ExecutionHandle[str]:
            execution = durable.start(kyc_onboarding, application.pk)
            durable.signal(execution, "review", {"approved": approved, "reason": ""})
            return execution

        assert durable.crash_everywhere(onboard, same=read_books) > 20


def take_in(durable: DurableDriver) -> Application:
    application = onboarding.apply("Bob")
    durable.drain()
    return application


def list_operations() -> list[str]:
    """Return what the outside world did, in its order."""
    return list(LedgerEntry.objects.order_by("pk").values_list("operation", flat=True))


def test_reference_names_the_application() -> None:
    assert services.reference_of(7) == "application-7"
