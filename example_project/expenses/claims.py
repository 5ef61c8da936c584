"""Submit and answer claims, hear from the bank: how business code deals with workflows."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import transaction

from durable_django import client
from durable_django.control import human_tasks
from durable_django.control.human_tasks import Inbox, Tab, TaskFilter
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.exceptions import ExecutionNotFoundError
from example_project.expenses.models import ExpenseClaim
from example_project.expenses.workflows import Settlement, claim, payout


def submit(
    claimant: str,
    purpose: str,
    amount_cents: int,
    *,
    account: str,
    department: str = "Sales",
    receipt_cents: int | None = None,
) -> ExpenseClaim:
    """Take in a claim: its row and its execution commit together, or neither does.

    Without `receipt_cents`, the receipt is about what is claimed.
    """
    with transaction.atomic():
        row = ExpenseClaim.objects.create(
            claimant=claimant,
            department=department,
            purpose=purpose,
            amount_cents=amount_cents,
            receipt_cents=amount_cents if receipt_cents is None else receipt_cents,
            account=account,
        )
        claim.options(key=row.number, subject=row).start(row.pk)
    return row


def load_execution(row: ExpenseClaim) -> ExecutionHandle[Settlement]:
    """Return the execution of a claim.

    Raises:
        ExecutionNotFoundError: It was not taken in by `submit`.
    """
    execution = client.find(claim.name, row.number)
    if execution is None:
        raise ExecutionNotFoundError(row.number)
    return execution


def answer(
    row: ExpenseClaim, task_name: str, *, user: AbstractUser, approved: bool, reason: str = ""
) -> None:
    """Answer what is asked about a claim, as the inbox does: `manager` or `cfo`.

    Raises:
        LookupError: Nothing of that name is asked now, or not of this user.
        DurableError: The user may not, or the form says no; see `human_tasks.complete`.
    """
    asked = TaskFilter(execution_id=load_execution(row).id)
    task = Inbox(user).list(Tab.ALL, asked).filter(name=task_name).first()
    if task is None:
        raise LookupError(f"{user} is not asked {task_name!r} about {row.number}.")
    data = {"approved": "yes" if approved else "no", "reason": reason}
    human_tasks.complete(task.pk, data, user=user)


def hear_from_bank(row: ExpenseClaim, *, accepted: bool) -> None:
    """Tell the payout what became of its transfer. What the bank says twice counts once.

    Raises:
        ExecutionNotFoundError: There is no payout of the claim.
        InvalidTransitionError: It has ended.
    """
    execution = client.find(payout.name, row.number)
    if execution is None:
        raise ExecutionNotFoundError(row.number)
    execution.signal("bank", {"accepted": accepted}, dedupe_key="bank")
