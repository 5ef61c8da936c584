from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from pytest_django import Settings

from durable_django import ExecutionStatus, client
from durable_django.control import human_tasks
from durable_django.domain.status import TaskStatus, WaitKind
from durable_django.domain.task import Task
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.engine.registry import Registry
from durable_django.exceptions import FieldErrors, TaskForbiddenError
from durable_django.models import WorkflowExecution
from durable_django.testing.driver import DurableDriver
from example_project.expenses import claims, services
from example_project.expenses.forms import ReviewForm
from example_project.expenses.models import Booking, ClaimStatus, ExpenseClaim
from example_project.expenses.workflows import (
    CONFIRMATION_TIME,
    Settlement,
    claim,
    department_report,
    monthly_report,
)
from example_project.simulation.models import FaultKind, Gateway, LedgerEntry
from example_project.simulation.people import make_people
from tests.examples.conftest import Break

SMALL, MIDDLE, LARGE = 5_000, 40_000, 250_000
YES, NO = {"approved": "yes", "reason": ""}, {"approved": "no", "reason": "no receipt"}


@pytest.fixture
def people(db: None) -> dict[str, User]:
    """Emil claims and manages, Mara manages; Carol and Chris are the CFO and her deputy."""
    make_people()
    return {user.username: user for user in User.objects.all()}


def submit(durable: DurableDriver, cents: int, **facts: Any) -> ExpenseClaim:
    row = claims.submit("emil", "a train ticket", cents, account="DE01", **facts)
    durable.drain()
    return row


def find_task(durable: DurableDriver, row: ExpenseClaim, name: str) -> Task:
    tasks = durable.tasks(claims.load_execution(row))
    return next(task for task in tasks if task.name == name and task.status.is_active)


def answer(
    durable: DurableDriver,
    row: ExpenseClaim,
    name: str,
    user: User,
    *,
    approved: bool = True,
    reason: str = "",
) -> None:
    claims.answer(row, name, user=user, approved=approved, reason=reason)
    durable.drain()


def hear_from_bank(durable: DurableDriver, row: ExpenseClaim, *, accepted: bool = True) -> None:
    claims.hear_from_bank(row, accepted=accepted)
    durable.drain()


def read_books() -> dict[str, Any]:
    """Return what must be so whether a worker crashed or not."""
    return {
        "claims": sorted(ExpenseClaim.objects.values_list("status", "reason")),
        "booked": Counter(Booking.objects.values_list("department", "amount_cents")),
        "ledger": Counter(LedgerEntry.objects.values_list("operation", "amount_cents")),
        "timers": WorkflowExecution.objects.filter(wake_at__isnull=False).count(),
    }


def count_done(operation: str) -> int:
    return LedgerEntry.objects.filter(operation=operation).count()


class TestSmallClaim:
    def test_is_paid_without_anybody_being_asked(self, durable: DurableDriver) -> None:
        row = submit(durable, SMALL)

        hear_from_bank(durable, row)

        execution = claims.load_execution(row)
        assert durable.result(execution) == Settlement(
            paid=True, transfer_id=f"transfer/{row.number}"
        )
        assert durable.tasks(execution) == []
        row.refresh_from_db()
        assert row.status == ClaimStatus.PAID

    def test_is_reviewed_if_the_receipt_says_something_else(self, durable: DurableDriver) -> None:
        row = submit(durable, SMALL, receipt_cents=SMALL - 1)

        assert find_task(durable, row, "manager").candidates

    def test_is_reviewed_if_it_looks_like_fraud(
        self, durable: DurableDriver, break_gateway: Break
    ) -> None:
        break_gateway(Gateway.FRAUD, FaultKind.DECLINE)

        row = submit(durable, SMALL)

        assert find_task(durable, row, "manager").status is TaskStatus.OPEN

    def test_is_reviewed_if_nobody_can_tell_whether_it_is_fraud(
        self, durable: DurableDriver, break_gateway: Break
    ) -> None:
        break_gateway(Gateway.FRAUD)

        row = submit(durable, SMALL)
        durable.advance(minutes=1)

        assert find_task(durable, row, "manager").status is TaskStatus.OPEN


class TestReview:
    def test_manager_is_enough_for_a_middling_amount(
        self, durable: DurableDriver, people: dict[str, User]
    ) -> None:
        row = submit(durable, MIDDLE)

        answer(durable, row, "manager", people["mara"])
        hear_from_bank(durable, row)

        assert durable.result(claims.load_execution(row)).paid

    def test_large_amount_needs_the_cfo_as_well(
        self, durable: DurableDriver, people: dict[str, User]
    ) -> None:
        row = submit(durable, LARGE)
        answer(durable, row, "manager", people["mara"])
        assert not Booking.objects.exists()

        answer(durable, row, "cfo", people["chris"])
        hear_from_bank(durable, row)

        assert durable.result(claims.load_execution(row)).paid

    def test_rejection_is_an_end_like_any_other(
        self, durable: DurableDriver, people: dict[str, User]
    ) -> None:
        row = submit(durable, LARGE)

        answer(durable, row, "manager", people["mara"], approved=False, reason="first class")

        assert durable.result(claims.load_execution(row)) == Settlement(
            paid=False, rejected_by="mara", reason="first class"
        )
        assert [task.name for task in durable.tasks(claims.load_execution(row))] == ["manager"]
        row.refresh_from_db()
        assert (row.status, row.reason) == (ClaimStatus.REJECTED, "first class")
        assert not Booking.objects.exists()

    def test_rejection_without_a_reason_is_sent_back(
        self, durable: DurableDriver, people: dict[str, User]
    ) -> None:
        row = submit(durable, MIDDLE)

        with pytest.raises(FieldErrors, match="why"):
            answer(durable, row, "manager", people["mara"], approved=False)

        assert find_task(durable, row, "manager").status is TaskStatus.OPEN

    def test_violation_of_the_policy_is_rejected_by_no_person(self, durable: DurableDriver) -> None:
        row = submit(durable, services.POLICY_LIMIT_CENTS + 1)

        settlement = durable.result(claims.load_execution(row))
        assert (settlement.paid, settlement.rejected_by) == (False, "policy")
        assert settlement.reason == "More than € 5,000.00 is never paid."

    def test_nobody_approves_their_own_claim(
        self, durable: DurableDriver, people: dict[str, User]
    ) -> None:
        row = submit(durable, MIDDLE)

        with pytest.raises(human_tasks.FourEyesError):
            answer(durable, row, "manager", people["emil"])

    def test_cfo_who_approved_as_a_manager_does_not_approve_twice(
        self, durable: DurableDriver, people: dict[str, User]
    ) -> None:
        row = submit(durable, LARGE)
        answer(durable, row, "manager", people["carol"])

        with pytest.raises(human_tasks.FourEyesError):
            answer(durable, row, "cfo", people["carol"])
        with pytest.raises(TaskForbiddenError):
            durable.complete_task(claims.load_execution(row), "cfo", YES, by="carol")

        answer(durable, row, "cfo", people["chris"])
        assert Booking.objects.get().amount_cents == LARGE

    def test_who_is_no_manager_is_not_asked(
        self, durable: DurableDriver, people: dict[str, User]
    ) -> None:
        row = submit(durable, MIDDLE)

        with pytest.raises(human_tasks.NotCandidateError):
            answer(durable, row, "manager", User.objects.create_superuser("admin"))


class TestTimeOfReview:
    def test_reminds_once_a_day(self, durable: DurableDriver) -> None:
        row = submit(durable, MIDDLE)

        durable.advance(timedelta(days=1) - timedelta(seconds=1))
        assert find_task(durable, row, "manager").reminders == 0

        durable.advance(seconds=1)
        assert find_task(durable, row, "manager").reminders == 1

        durable.advance(days=2)
        assert find_task(durable, row, "manager").reminders == 3

    def test_is_offered_to_the_cfo_after_five_days(
        self, durable: DurableDriver, people: dict[str, User]
    ) -> None:
        row = submit(durable, MIDDLE)
        durable.advance(timedelta(days=5) - timedelta(seconds=1))
        with pytest.raises(LookupError):
            answer(durable, row, "manager", people["chris"])

        durable.advance(seconds=1)
        answer(durable, row, "manager", people["chris"])

        assert Booking.objects.exists()

    def test_mail_goes_to_those_who_may_answer(
        self, settings: Settings, people: dict[str, User], request: pytest.FixtureRequest
    ) -> None:
        settings.DURABLE = {"OBSERVERS": ["example_project.expenses.observers.TaskMail"]}
        durable: DurableDriver = request.getfixturevalue("durable")
        submit(durable, MIDDLE)

        durable.advance(days=5)

        sent = Counter((one.subject.partition(":")[0], one.to[0]) for one in mail.outbox)
        assert sent == {
            ("To review", "mara@example.com"): 1,
            ("To review", "carol@example.com"): 1,
            ("Still to review", "mara@example.com"): 5,
            ("Still to review", "carol@example.com"): 5,
            ("Still to review", "chris@example.com"): 1,
            ("Nobody has reviewed", "carol@example.com"): 1,
            ("Nobody has reviewed", "chris@example.com"): 1,
        }


class TestPayout:
    def test_bank_that_is_down_for_good_leaves_nothing_in_the_books(
        self, durable: DurableDriver, break_gateway: Break
    ) -> None:
        break_gateway(Gateway.BANK)

        row = submit(durable, SMALL)
        durable.advance(minutes=1)

        execution = claims.load_execution(row)
        assert execution.status is ExecutionStatus.FAILED
        assert execution.error is not None
        assert execution.error.type.endswith("ChildFailedError")
        assert [one.amount_cents for one in Booking.objects.order_by("pk")] == [SMALL, -SMALL]
        row.refresh_from_db()
        assert row.status == ClaimStatus.UNPAID

    def test_bank_that_is_down_for_a_moment_is_asked_again(
        self, durable: DurableDriver, break_gateway: Break
    ) -> None:
        break_gateway(Gateway.BANK, remaining=2)

        row = submit(durable, SMALL)
        durable.advance(minutes=1)
        hear_from_bank(durable, row)

        assert durable.result(claims.load_execution(row)).paid

    def test_claim_that_failed_is_paid_after_a_retry(
        self, durable: DurableDriver, break_gateway: Break
    ) -> None:
        switch = break_gateway(Gateway.BANK)
        row = submit(durable, SMALL)
        durable.advance(minutes=1)
        switch.delete()

        durable.retry(claims.load_execution(row))
        hear_from_bank(durable, row)

        assert durable.result(claims.load_execution(row)).paid
        assert count_done("transfer") == 1
        booked = Booking.objects.order_by("pk").values_list("amount_cents", flat=True)
        assert list(booked) == [SMALL, -SMALL, SMALL]

    def test_unknown_account_is_not_tried_again(
        self, durable: DurableDriver, break_gateway: Break
    ) -> None:
        break_gateway(Gateway.BANK, FaultKind.DECLINE)

        row = submit(durable, SMALL)

        assert claims.load_execution(row).status is ExecutionStatus.FAILED

    def test_transfer_that_the_bank_refuses_is_recalled(self, durable: DurableDriver) -> None:
        row = submit(durable, SMALL)

        hear_from_bank(durable, row, accepted=False)

        assert claims.load_execution(row).status is ExecutionStatus.FAILED
        assert (count_done("transfer"), count_done("recall")) == (1, 1)
        assert sum(Booking.objects.values_list("amount_cents", flat=True)) == 0

    def test_transfer_that_nobody_confirms_is_recalled(self, durable: DurableDriver) -> None:
        row = submit(durable, SMALL)
        durable.advance(CONFIRMATION_TIME - timedelta(seconds=1))
        assert count_done("recall") == 0

        durable.advance(seconds=1)

        assert claims.load_execution(row).status is ExecutionStatus.FAILED
        assert count_done("recall") == 1

    def test_cancelling_the_claim_recalls_the_transfer(self, durable: DurableDriver) -> None:
        row = submit(durable, SMALL)

        durable.cancel(claims.load_execution(row), "left the company")

        assert claims.load_execution(row).status is ExecutionStatus.CANCELLED
        assert count_done("recall") == 1
        assert sum(Booking.objects.values_list("amount_cents", flat=True)) == 0

    def test_transfer_of_a_claim_that_fails_after_it_is_recalled(
        self, durable: DurableDriver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_claim_id: int) -> None:
            raise ValueError("the disk is full")

        monkeypatch.setattr(services, "mark_paid", fail)
        row = submit(durable, SMALL)

        hear_from_bank(durable, row)

        assert claims.load_execution(row).status is ExecutionStatus.FAILED
        assert (count_done("transfer"), count_done("recall")) == (1, 1)

    def test_payouts_to_one_account_go_one_after_the_other(self, durable: DurableDriver) -> None:
        first, second = submit(durable, SMALL), submit(durable, SMALL + 1)
        assert count_done("transfer") == 1

        hear_from_bank(durable, first)
        assert count_done("transfer") == 2

        hear_from_bank(durable, second)
        assert durable.result(claims.load_execution(second)).paid

    def test_payouts_to_two_accounts_go_side_by_side(self, durable: DurableDriver) -> None:
        submit(durable, SMALL)
        claims.submit("mara", "a taxi", SMALL, account="DE02")
        durable.drain()

        assert count_done("transfer") == 2


@pytest.mark.one_database  # the stores themselves are killed on each, in tests/crash_points
class TestCrash:
    @pytest.mark.parametrize("accepted", [True, False], ids=["paid", "undone"])
    def test_claim_survives_one_at_every_write(
        self, durable: DurableDriver, *, accepted: bool
    ) -> None:
        # Outside, because its id is in what is compared.
        row = ExpenseClaim.objects.create(
            claimant="emil", amount_cents=LARGE, receipt_cents=LARGE, account="DE01"
        )

        def decide(durable: DurableDriver) -> ExecutionHandle[Settlement]:
            execution = durable.start(claim, row.pk)
            durable.complete_task(execution, "manager", YES, by="mara")
            durable.complete_task(execution, "cfo", YES, by="chris")
            [payout] = client.list_children(execution.id)
            durable.signal(payout.id, "bank", {"accepted": accepted})
            return execution

        assert durable.crash_everywhere(decide, same=read_books) > 50

    def test_rejection_survives_one_at_every_write(self, durable: DurableDriver) -> None:
        row = ExpenseClaim.objects.create(
            claimant="emil", amount_cents=MIDDLE, receipt_cents=MIDDLE, account="DE01"
        )

        def decide(durable: DurableDriver) -> ExecutionHandle[Settlement]:
            execution = durable.start(claim, row.pk)
            durable.complete_task(execution, "manager", NO, by="mara")
            return execution

        assert durable.crash_everywhere(decide, same=read_books) > 20

    def test_report_survives_one_at_every_write(self, durable: DurableDriver) -> None:
        book("Sales", 100, datetime(2026, 2, 3, tzinfo=UTC))
        book("Legal", 20, datetime(2026, 2, 4, tzinfo=UTC))

        def report(durable: DurableDriver) -> ExecutionHandle[int]:
            return durable.start(monthly_report, datetime(2026, 3, 1, 5, tzinfo=UTC))

        assert durable.crash_everywhere(report, same=read_books) > 30


def book(department: str, cents: int, booked_at: datetime) -> None:
    row = ExpenseClaim.objects.create(
        claimant="emil", amount_cents=cents, receipt_cents=cents, department=department
    )
    Booking.objects.create(
        claim=row, department=department, amount_cents=cents, booked_at=booked_at
    )


@pytest.mark.django_db
class TestMonthlyReport:
    @pytest.fixture
    def ticking(self, durable: DurableDriver) -> DurableDriver:
        """A driver on which this schedule ticks, and no other of the suite."""
        registry = Registry()
        registry.register(monthly_report.definition)
        assert durable.schedules.sync(registry).created == [monthly_report.name]
        return durable

    def test_comes_at_six_in_the_morning_in_winter_and_in_summer(
        self, ticking: DurableDriver
    ) -> None:
        ticking.advance(days=365)

        reports = WorkflowExecution.objects.filter(workflow_name=monthly_report.name)
        began = sorted(reports.values_list("created_at", flat=True))
        hours = [5, 5, 5, 4, 4, 4, 4, 4, 4, 4, 5, 5]
        assert began == [
            datetime(2026, month, 1, hour, tzinfo=UTC) for month, hour in enumerate(hours, 1)
        ]
        assert set(reports.values_list("status", flat=True)) == {"completed"}

    def test_is_about_the_month_before_as_the_office_counts_it(
        self, ticking: DurableDriver
    ) -> None:
        last_moment = datetime(2026, 1, 31, 22, 59, 59, tzinfo=UTC)
        book("Sales", 1, datetime(2025, 12, 31, 22, 59, 59, tzinfo=UTC))
        book("Sales", 10, datetime(2025, 12, 31, 23, tzinfo=UTC))
        book("Legal", 100, last_moment)
        book("Sales", 1_000, last_moment + timedelta(seconds=1))

        ticking.advance(datetime(2026, 2, 1, 5, tzinfo=UTC) - ticking.clock.now())

        sent = LedgerEntry.objects.filter(operation="report")
        assert sorted(sent.values_list("reference", "amount_cents")) == [
            ("Legal-2026-01", 100),
            ("Sales-2025-12", 1),
            ("Sales-2026-01", 10),
            ("company-2025-12", 1),
            ("company-2026-01", 110),
        ]

    def test_late_one_is_about_the_month_it_was_meant_for(self, durable: DurableDriver) -> None:
        book("Sales", 10, datetime(2026, 1, 15, tzinfo=UTC))
        durable.advance(days=100)

        execution = durable.start(monthly_report, datetime(2026, 2, 1, 5, tzinfo=UTC))

        assert durable.result(execution) == 10

    def test_departments_are_children(self, durable: DurableDriver) -> None:
        for department in ("Legal", "Sales", "Travel"):
            book(department, 10, datetime(2026, 1, 15, tzinfo=UTC))

        execution = durable.start(monthly_report, datetime(2026, 2, 1, 5, tzinfo=UTC))

        assert durable.result(execution) == 30
        children = client.list_children(execution.id)
        assert [one.workflow_name for one in children] == [department_report.name] * 3


class TestReviewForm:
    def test_reason_is_not_needed_for_an_approval(self) -> None:
        form = ReviewForm(YES)

        assert form.is_valid()
        assert form.cleaned_data == {"approved": True, "reason": ""}

    @pytest.mark.parametrize("reason", ["", "  "])
    def test_rejection_needs_one(self, reason: str) -> None:
        form = ReviewForm({"approved": "no", "reason": reason})

        assert list(form.errors) == ["reason"]

    def test_decision_is_needed(self) -> None:
        assert list(ReviewForm({"reason": "why not"}).errors) == ["approved"]


def test_claim_that_waits_says_for_whom(durable: DurableDriver) -> None:
    row = submit(durable, MIDDLE)

    execution = claims.load_execution(row).execution

    assert (execution.waiting_kind, execution.waiting_for) == (WaitKind.TASK, "manager")
