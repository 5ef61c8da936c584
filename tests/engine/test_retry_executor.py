from __future__ import annotations

import random
from datetime import timedelta

import pytest

from durable_django.domain.retry_policy import RetryPolicy
from durable_django.engine.retry_executor import GIVE_UP, RetryExecutor, Verdict
from durable_django.exceptions import PayloadError, RetryAfter, Terminal

MINUTE = timedelta(minutes=1)
THRICE = RetryPolicy.fixed(3, MINUTE)
executor = RetryExecutor()


class Declined(Exception):  # noqa: N818 -- a business outcome
    pass


@pytest.mark.parametrize(
    ("error", "attempt", "verdict"),
    [
        pytest.param(OSError(), 1, Verdict(MINUTE), id="first"),
        pytest.param(OSError(), 2, Verdict(MINUTE), id="last but one"),
        pytest.param(OSError(), 3, GIVE_UP, id="last"),
        pytest.param(Terminal("no"), 1, GIVE_UP, id="terminal"),
        pytest.param(PayloadError("Result", "is odd"), 1, GIVE_UP, id="no payload"),
        pytest.param(Declined(), 1, GIVE_UP, id="business"),
        pytest.param(RetryAfter(5), 1, Verdict(timedelta(seconds=5)), id="named delay"),
        pytest.param(RetryAfter(5), 3, GIVE_UP, id="named delay, last"),
        pytest.param(RetryAfter(0), 1, Verdict(timedelta(0)), id="at once"),
    ],
)
def test_judge(error, attempt, verdict):
    assert executor.judge(THRICE, error, attempt, business=(Declined,)) == verdict


def test_a_business_error_is_one_only_where_the_step_names_it():
    assert executor.judge(THRICE, Declined(), 1) == Verdict(MINUTE)


def test_no_delay_is_not_the_end():
    assert not Verdict(timedelta(0)).is_final
    assert GIVE_UP.is_final


def test_jitter_comes_from_the_generator_given():
    policy = RetryPolicy.exponential(9, MINUTE, jitter=0.5)

    one, two = (
        RetryExecutor(random.Random(7)).judge(policy, OSError(), 1)  # noqa: S311 -- no secret
        for _ in range(2)
    )

    assert one == two != Verdict(MINUTE)
