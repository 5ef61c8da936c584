from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_django.domain.retry_policy import LONGEST_DELAY, Backoff, RetryPolicy
from durable_django.exceptions import DefinitionError

SECOND = timedelta(seconds=1)
ZERO = timedelta(0)

DELAYS = st.timedeltas(min_value=ZERO, max_value=timedelta(days=1000))
POLICIES = st.builds(
    RetryPolicy,
    backoff=st.sampled_from(Backoff),
    max_attempts=st.integers(1, 1000),
    initial_delay=DELAYS,
    multiplier=st.floats(1, 1e6),
    max_delay=DELAYS,
    jitter=st.floats(0, 1),
)
ATTEMPTS = st.integers(1, 10_000)
SEEDS = st.integers(0, 2**32)


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 -- no secret


def delays(policy: RetryPolicy, count: int) -> list[float]:
    return [policy.delay_after(attempt).total_seconds() for attempt in range(1, count + 1)]


class TestDelays:
    def test_a_fixed_delay_is_constant(self) -> None:
        assert delays(RetryPolicy.fixed(9, 3 * SECOND), 4) == [3, 3, 3, 3]

    def test_a_linear_delay_grows_by_itself(self) -> None:
        assert delays(RetryPolicy.linear(9, 2 * SECOND), 4) == [2, 4, 6, 8]

    def test_an_exponential_delay_doubles(self) -> None:
        assert delays(RetryPolicy.exponential(9, SECOND, jitter=0), 5) == [1, 2, 4, 8, 16]

    def test_an_exponential_delay_grows_by_its_multiplier(self) -> None:
        policy = RetryPolicy.exponential(9, SECOND, multiplier=3, jitter=0)

        assert delays(policy, 4) == [1, 3, 9, 27]

    def test_an_exponential_delay_is_capped(self) -> None:
        policy = RetryPolicy.exponential(9, SECOND, max_delay=5 * SECOND, jitter=0)

        assert delays(policy, 5) == [1, 2, 4, 5, 5]

    def test_a_linear_delay_is_capped(self) -> None:
        assert delays(RetryPolicy.linear(9, SECOND, max_delay=2 * SECOND), 4) == [1, 2, 2, 2]

    def test_none_has_no_delay(self) -> None:
        assert delays(RetryPolicy.none(), 2) == [0, 0]

    def test_no_number_of_attempts_overflows(self) -> None:
        policy = RetryPolicy.exponential(10**9, multiplier=1e6, max_delay=LONGEST_DELAY, jitter=1)

        assert ZERO <= policy.delay_after(10**9 - 1) <= LONGEST_DELAY

    @given(POLICIES, ATTEMPTS, SEEDS)
    def test_a_delay_is_never_negative_and_never_above_the_maximum(
        self, policy: RetryPolicy, attempt: int, seed: int
    ) -> None:
        delay = policy.delay_after(attempt, seeded(seed))

        assert ZERO <= delay <= policy.max_delay

    @given(st.floats(0, 1), ATTEMPTS, SEEDS)
    def test_jitter_moves_a_delay_by_no_more_than_its_share(
        self, jitter: float, attempt: int, seed: int
    ) -> None:
        policy = RetryPolicy.fixed(5, 100 * SECOND, jitter=jitter)

        delay = policy.delay_after(attempt, seeded(seed)).total_seconds()

        assert 100 * (1 - jitter) - 1e-5 <= delay <= 100 * (1 + jitter) + 1e-5

    @given(SEEDS)
    def test_jitter_spreads_both_ways(self, seed: int) -> None:
        policy = RetryPolicy.fixed(5, 100 * SECOND, jitter=0.5)
        rng = seeded(seed)

        spread = {policy.delay_after(1, rng) < 100 * SECOND for _ in range(64)}

        assert spread == {True, False}

    @given(POLICIES, st.integers(1, 500))
    def test_without_jitter_no_delay_is_shorter_than_the_one_before(
        self, policy: RetryPolicy, attempt: int
    ) -> None:
        steady = RetryPolicy(
            policy.backoff,
            policy.max_attempts,
            policy.initial_delay,
            policy.multiplier,
            policy.max_delay,
        )

        assert steady.delay_after(attempt) <= steady.delay_after(attempt + 1)


class TestAllows:
    @pytest.mark.parametrize(
        "policy",
        [
            RetryPolicy.fixed(3),
            RetryPolicy.linear(3),
            RetryPolicy.exponential(3),
        ],
        ids=lambda policy: str(policy.backoff),
    )
    def test_attempts_include_the_first(self, policy: RetryPolicy) -> None:
        assert [policy.allows(ValueError(), attempt) for attempt in (1, 2, 3, 4)] == [
            True,
            True,
            False,
            False,
        ]

    def test_none_tries_once(self) -> None:
        assert not RetryPolicy.none().allows(ValueError(), 1)

    def test_only_the_errors_named_are_tried_again(self) -> None:
        policy = RetryPolicy.fixed(3, retry_on=(ConnectionError, TimeoutError))

        assert policy.allows(ConnectionResetError(), 1)
        assert not policy.allows(ValueError(), 1)

    def test_giving_up_goes_before_trying_again(self) -> None:
        policy = RetryPolicy.fixed(3, retry_on=(OSError,), give_up_on=(ConnectionError,))

        assert policy.allows(FileNotFoundError(), 1)
        assert not policy.allows(ConnectionResetError(), 1)

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), GeneratorExit()])
    def test_what_ends_a_process_is_not_tried_again(self, error: BaseException) -> None:
        assert not RetryPolicy.fixed(3).allows(error, 1)

    def test_the_same_policy_for_other_errors(self) -> None:
        policy = RetryPolicy.exponential(3, 2 * SECOND).retrying_on(KeyError)

        assert (policy.max_attempts, policy.initial_delay) == (3, 2 * SECOND)
        assert policy.allows(KeyError(), 1)
        assert not policy.allows(ValueError(), 1)

    @given(POLICIES)
    def test_the_last_attempt_is_never_followed_by_another(self, policy: RetryPolicy) -> None:
        assert not policy.allows(ValueError(), policy.max_attempts)


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "match"),
        [
            pytest.param({"max_attempts": 0}, "includes the first", id="no_attempt"),
            pytest.param({"max_attempts": -1}, "includes the first", id="negative_attempts"),
            pytest.param({"max_attempts": 2.5}, "whole number", id="half_an_attempt"),
            pytest.param({"max_attempts": True}, "whole number", id="a_boolean"),
            pytest.param({"initial_delay": -SECOND}, "0 or more", id="negative_delay"),
            pytest.param({"max_delay": -SECOND}, "0 or more", id="negative_maximum"),
            pytest.param({"jitter": 1.1}, "from 0 to 1", id="too_much_jitter"),
            pytest.param({"jitter": -0.1}, "from 0 to 1", id="negative_jitter"),
            pytest.param({"multiplier": 0.5}, "from 1 on", id="shrinking"),
        ],
    )
    def test_what_cannot_work_is_refused_where_it_is_written(
        self, fields: dict[str, object], match: str
    ) -> None:
        with pytest.raises(DefinitionError, match=match):
            RetryPolicy(**fields)  # type: ignore[arg-type]  # on purpose

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("jitter", float("nan")),
            ("jitter", float("inf")),
            ("multiplier", float("inf")),
            ("multiplier", float("nan")),
        ],
    )
    def test_what_is_no_finite_number_is_refused_or_harmless(
        self, field: str, value: float
    ) -> None:
        try:
            policy = replace(RetryPolicy.exponential(5, SECOND), **{field: value})  # type: ignore[arg-type]  # on purpose
        except DefinitionError:
            return

        assert ZERO <= policy.delay_after(3) <= policy.max_delay
