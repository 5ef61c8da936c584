from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from durable_django.admin.human_tasks.wording import say_end, say_refusal, say_unfit, say_when
from durable_django.control.human_tasks.errors import (
    FourEyesError,
    NoSuchUserError,
    NotCandidateError,
    UnfitUserError,
)
from durable_django.exceptions import (
    DurableError,
    TaskClaimedError,
    TaskForbiddenError,
    TaskOverError,
)

NOW = datetime(2026, 1, 31, 15, 0, tzinfo=UTC)
AT = NOW - timedelta(minutes=58)
ID = uuid4()


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (AT, "at 14:02"),
        (AT - timedelta(days=1), "on 30 Jan at 14:02"),
        (AT - timedelta(days=365), "on 2025-01-31 at 14:02"),
    ],
)
def test_instant_is_as_short_as_it_may_be(at: datetime, said: str):
    assert say_when(at, NOW) == said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            TaskOverError(ID, "completed", "bob", AT),
            "It was already completed by bob at 14:02.",
        ),
        (TaskOverError(ID, "cancelled", "bob", AT), "It was already cancelled by bob at 14:02."),
        (TaskOverError(ID, "cancelled", "", AT), "It was withdrawn by its execution at 14:02."),
        (TaskOverError(ID, "expired", "", AT), "Its time was up at 14:02."),
        (TaskClaimedError(ID, "bob", AT), "bob claimed it at 14:02."),
        (TaskClaimedError(ID, "bob"), "bob has it now."),
        (TaskClaimedError(ID, ""), "Nobody has it now. Claim it first."),
        (NotCandidateError(ID, "eva"), "It is for others."),
        (FourEyesError(ID, "eva"), "It needs a second pair of eyes, and not yours."),
        (TaskForbiddenError(ID, "eva", "x"), "It needs a second pair of eyes, and not yours."),
    ],
)
def test_refusal_says_who_was_first_or_which_rule_it_was(error: DurableError, said: str):
    assert say_refusal(error, NOW).startswith(said)
    assert str(ID) not in say_refusal(error, NOW)


def test_end_is_told_without_reproach():
    assert say_end("completed", "bob", AT, NOW) == "It was completed by bob at 14:02."
    assert say_end("cancelled", "bob", None, NOW) == "It was cancelled by bob."


def test_whom_it_cannot_be_given_to_is_named():
    assert say_unfit(UnfitUserError(ID, "eva", "they lack it")) == (
        "It cannot be given to eva: they lack it."
    )
    assert "'eve'" in say_unfit(NoSuchUserError("eve"))
