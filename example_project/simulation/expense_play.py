"""The claims of one demo, and those who decide them: a part of the scenarios."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import count

from django.contrib.auth.models import User

from durable_django import ExecutionStatus
from example_project.expenses import claims
from example_project.expenses.models import Booking, ClaimStatus, ExpenseClaim
from example_project.expenses.services import find_month_before
from example_project.expenses.workflows import claim, monthly_report
from example_project.simulation.scenario import Scenario

#: A task of this name stays in the inbox, for whoever watches the demo.
INBOX_TASK = "manager"
EUROS = 100
#: What the execution waits for when somebody does something, and what they do.
Act = tuple[str, Callable[[ExpenseClaim], object]]


class ExpensePlay:
    """Starts claims, and the report, under the label of one start."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._numbers = count(1)

    def start_stories(self) -> Iterator[Scenario]:
        """Start one execution per story."""
        confirm, refuse = _bank(accepted=True), _bank(accepted=False)
        manager, cfo = _answers("manager", "mara"), _answers("cfo", "carol")
        yield self._start("small: approved at once", 40, confirm)
        yield self._start("approved by a manager", 400, manager, confirm)
        yield self._start("approved by a manager and the CFO", 2_500, manager, cfo, confirm)
        yield self._start(
            "rejected by a manager", 800, _answers("manager", "mara", reason="first class")
        )
        yield self._start(
            "refused by the bank: booking reversed",
            60,
            refuse,
            ends=ExecutionStatus.FAILED,
            error="ChildFailedError",
        )
        yield self._start(
            "waits in the inbox, for you", 700, ends=ExecutionStatus.SUSPENDED, stays_at=INBOX_TASK
        )
        yield self._start_report(datetime.now(UTC))

    def _start(
        self,
        story: str,
        euros: int,
        *acts: Act,
        ends: ExecutionStatus = ExecutionStatus.COMPLETED,
        error: str = "",
        stays_at: str = "",
    ) -> Scenario:
        account = f"{self._label}-DE{next(self._numbers):02}"
        row = claims.submit("emil", "a conference", euros * EUROS, account=account)
        return Scenario(
            id=claims.load_execution(row).id,
            name=f"{self._label}-{row.number}",
            workflow=claim.name,
            story=story,
            ends=ends,
            error=error,
            acts={waits_for: partial(act, row) for waits_for, act in acts},
            stays_at=stays_at,
        )

    def _start_report(self, at: datetime) -> Scenario:
        """Start the report that the schedule starts on the first of each month."""
        begins_at, _ = find_month_before(at)
        for department in ("Legal", "Sales", "Travel"):
            row = ExpenseClaim.objects.create(
                claimant="emil",
                department=department,
                purpose="last month's expenses",
                amount_cents=10 * EUROS,
                receipt_cents=10 * EUROS,
                account="of last month",
                status=ClaimStatus.PAID,
            )
            Booking.objects.create(
                claim=row,
                department=department,
                amount_cents=row.amount_cents,
                booked_at=begins_at,
            )
        execution = monthly_report.start(at)
        return Scenario(
            id=execution.id,
            name=f"{self._label}-report",
            workflow=monthly_report.name,
            story="a child for each department",
            ends=ExecutionStatus.COMPLETED,
        )


def _answers(task: str, username: str, *, reason: str = "") -> Act:
    """Return what somebody says when the task is asked: yes, unless there is a reason not to."""

    def answer(row: ExpenseClaim) -> None:
        user = User.objects.get(username=username)
        claims.answer(row, task, user=user, approved=not reason, reason=reason)

    return task, answer


def _bank(*, accepted: bool) -> Act:
    return "payout", partial(claims.hear_from_bank, accepted=accepted)
