"""Two stories of a bank: a transfer that never loses a cent, and a customer who needs a reviewer."""

from __future__ import annotations

from datetime import timedelta

from durable_django import RetryPolicy, WorkflowContext, workflow
from example_project.finance import services
from example_project.finance.services import (
    AccountClosedError,
    ApplicationRejectedError,
    CreditRefusedError,
    IdentityRejectedError,
    InsufficientFundsError,
)

#: An application that nobody reviews by then is dropped, and its document deleted.
REVIEW_TIME = timedelta(days=7)


@workflow(name="finance.transfer", version=1, expose=True)
def transfer(ctx: WorkflowContext, source: str, target: str, amount_cents: int) -> None:
    """Move money between two accounts: both postings are made, or none remains."""
    ctx.step(
        "debit",
        services.debit,
        source,
        amount_cents,
        f"to {target}",
        atomic=True,
        compensate=services.reverse_posting,
        raises=(AccountClosedError, InsufficientFundsError),
    )
    ctx.step(
        "credit",
        services.credit,
        target,
        amount_cents,
        f"from {source}",
        atomic=True,
        raises=(AccountClosedError,),
    )


@workflow(name="finance.kyc_onboarding", version=1, expose=True)
def kyc_onboarding(ctx: WorkflowContext, application_id: int) -> str:
    """Turn an application into an account with a card; return the account's number.

    Know your customer: waits for a reviewer, who sends the signal `review` with
    `{"approved": true or false, "reason": "…"}`.
    """
    ctx.step(
        "upload_document",
        services.upload_document,
        application_id,
        retry=RetryPolicy.exponential(3, timedelta(milliseconds=500)),
        compensate=services.delete_document,
    )
    ctx.step(
        "verify_identity",
        services.verify_identity,
        application_id,
        retry=RetryPolicy.exponential(3, timedelta(seconds=1), max_delay=timedelta(seconds=30)),
        raises=(IdentityRejectedError,),
    )
    ctx.step("check_credit", services.check_credit, application_id, raises=(CreditRefusedError,))
    review = ctx.wait_signal("review", timeout=REVIEW_TIME)
    if not review["approved"]:
        raise ApplicationRejectedError(review["reason"])
    account = ctx.step(
        "open_account",
        services.open_account,
        application_id,
        atomic=True,
        compensate=services.close_account,
    )
    ctx.step(
        "issue_card",
        services.issue_card,
        application_id,
        retry=RetryPolicy.fixed(2, timedelta(seconds=1)),
    )
    ctx.step("send_welcome", services.send_welcome, application_id)
    return account
