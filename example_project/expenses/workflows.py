"""An employee's claim: three checks side by side, people where it needs them, and the payout.

And, on the first of the month, a report over all departments.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from durable_django import (
    Escalate,
    Limit,
    Recurrence,
    RetryPolicy,
    Signal,
    TaskAnswer,
    Timer,
    WorkflowContext,
    workflow,
)
from example_project.expenses import services
from example_project.expenses.forms import ReviewForm
from example_project.expenses.services import (
    AccountRefusedError,
    ClaimFacts,
    DepartmentMonth,
    PayoutUnconfirmedError,
    PolicyViolationError,
)

#: Up to this, a claim that raises no question is approved at once.
SMALL_CENTS = 10_000
#: Above this, one pair of eyes is not enough.
CFO_CENTS = 100_000

DUE = timedelta(days=3)
REMIND = timedelta(days=1)
#: A manager who is on holiday does not make the claimant wait for ever.
ESCALATE = Escalate(after=timedelta(days=5), to="group:cfo")
#: When the bank has not confirmed by then, the transfer is recalled.
CONFIRMATION_TIME = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Findings:
    """What the checks came to."""

    fraud_score: int
    receipt_cents: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a claim: it was paid by a transfer, or rejected for a reason."""

    paid: bool
    transfer_id: str = ""
    rejected_by: str = ""
    reason: str = ""


@workflow(name="expenses.claim", version=1, expose=True)
def claim(ctx: WorkflowContext, claim_id: int) -> Settlement:
    """Decide a claim and pay it out.

    A rejection is an end like any other. If the money cannot be paid out, it fails, and nothing
    remains in the books.
    """
    facts = ctx.step("load_facts", services.load_facts, claim_id)
    try:
        findings = _check(ctx, claim_id, facts)
    except PolicyViolationError as violation:
        return _reject(ctx, claim_id, by="policy", reason=str(violation))
    if not _is_harmless(facts, findings):
        answer = _review(ctx, facts, findings)
        if not answer["approved"]:
            return _reject(ctx, claim_id, by=answer.by, reason=answer["reason"])
    ctx.step(
        "book",
        services.book,
        claim_id,
        ctx.now(),
        atomic=True,
        compensate=services.reverse_booking,
    )
    transfer_id = ctx.child(
        "payout",
        payout.options(key=facts.number),
        facts.number,
        facts.account,
        facts.amount_cents,
        compensate=services.recall_transfer,
    )
    ctx.step("mark_paid", services.mark_paid, claim_id, atomic=True)
    return Settlement(paid=True, transfer_id=transfer_id)


@workflow(
    name="expenses.payout",
    version=1,
    # The bank mixes up two transfers to one account that are under way at once.
    limit=Limit(1, key=lambda account, **_: account),
)
def payout(ctx: WorkflowContext, number: str, account: str, amount_cents: int) -> str:
    """Transfer the money of claim `number` to an account; return the transfer's id.

    The bank tells what became of it with the signal `bank`: `{"accepted": true or false}`.
    """
    ctx.log.info("%s goes to %s", number, account)
    transfer_id = ctx.step(
        "order_transfer",
        services.order_transfer,
        number,
        amount_cents,
        retry=RetryPolicy.exponential(3, timedelta(seconds=1)),
        compensate=services.recall_transfer,
        raises=(AccountRefusedError,),
    )
    first, answer = ctx.race(
        "confirmation", confirmed=Signal("bank"), late=Timer(CONFIRMATION_TIME)
    )
    if first == "late" or not answer["accepted"]:
        raise PayoutUnconfirmedError(f"{number}: {first}")
    return transfer_id


@workflow(
    name="expenses.monthly_report",
    version=1,
    # The instant of the tick, and not the clock, says which month is meant: also if it runs late.
    schedule=Recurrence("0 6 1 * *", timezone="Europe/Berlin", tick_argument="at"),
)
def monthly_report(ctx: WorkflowContext, at: datetime) -> int:
    """Report the expenses of the month before `at` to each department; return their sum."""
    begins_at, ends_at = services.find_month_before(at)
    departments = ctx.step("list_departments", services.list_departments, begins_at, ends_at)
    sums = ctx.map(
        "departments",
        department_report,
        [DepartmentMonth(name, begins_at, ends_at) for name in departments],
        key=lambda month: month.department,
        max_concurrency=4,
    )
    total_cents = sum(sums)
    ctx.step("send_report", services.send_report, f"company-{begins_at:%Y-%m}", total_cents)
    return total_cents


@workflow(name="expenses.department_report", version=1)
def department_report(ctx: WorkflowContext, month: DepartmentMonth) -> int:
    """Report what a department spent in a month; return it, in cents."""
    spent_cents = ctx.step("sum_expenses", services.sum_expenses, month)
    ctx.step(
        "send_report",
        services.send_report,
        f"{month.department}-{month.begins_at:%Y-%m}",
        spent_cents,
        retry=RetryPolicy.exponential(3, timedelta(seconds=1)),
    )
    return spent_cents


def _check(ctx: WorkflowContext, claim_id: int, facts: ClaimFacts) -> Findings:
    """Make the three checks side by side; a violation of the policy ends the others."""
    with ctx.parallel("checks") as checks:
        checks.step(
            "policy", services.check_policy, facts.amount_cents, raises=(PolicyViolationError,)
        )
        # A score that cannot be had is no reason to keep the claimant waiting: a person decides.
        fraud = checks.step(
            "fraud_score",
            services.score_fraud,
            facts.number,
            retry=RetryPolicy.fixed(2, timedelta(seconds=1)),
            fallback=services.SUSPICIOUS_SCORE,
        )
        receipt = checks.step(
            "read_receipt",
            services.read_receipt,
            claim_id,
            retry=RetryPolicy.exponential(3, timedelta(seconds=1)),
        )
    return Findings(fraud_score=fraud.result, receipt_cents=receipt.result)


def _is_harmless(facts: ClaimFacts, findings: Findings) -> bool:
    return (
        facts.amount_cents <= SMALL_CENTS
        and facts.amount_cents == findings.receipt_cents
        and findings.fraud_score < services.SUSPICIOUS_SCORE
    )


def _review(ctx: WorkflowContext, facts: ClaimFacts, findings: Findings) -> TaskAnswer:
    """Return what the manager says or, if the manager approves of much money, the CFO."""
    title = f"{facts.number}: {services.format_euros(facts.amount_cents)} for {facts.purpose}"
    display = {
        "claimant": facts.claimant,
        "department": facts.department,
        "on the receipt": services.format_euros(findings.receipt_cents),
        "fraud score": findings.fraud_score,
    }
    manager = ctx.ask(
        "manager",
        ReviewForm,
        title=title,
        display=display,
        candidates="group:managers",
        not_by=facts.claimant,
        due=DUE,
        remind=REMIND,
        escalate=ESCALATE,
    )
    if not manager["approved"] or facts.amount_cents <= CFO_CENTS:
        return manager
    return ctx.ask(
        "cfo",
        ReviewForm,
        title=title,
        display=display | {"approved by": manager.by},
        candidates="group:cfo",
        not_by=[facts.claimant, manager.by],
        due=DUE,
        remind=REMIND,
    )


def _reject(ctx: WorkflowContext, claim_id: int, *, by: str, reason: str) -> Settlement:
    ctx.step("reject", services.reject, claim_id, reason, atomic=True)
    return Settlement(paid=False, rejected_by=by, reason=reason)
