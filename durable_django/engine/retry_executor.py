"""Decide what follows a failed attempt: again now, again later, or never."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from durable_django.domain.retry_policy import LONGEST_DELAY, RetryPolicy
from durable_django.exceptions import PayloadError, RetryAfter, Terminal


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows: another attempt after `delay`, or nothing (None)."""

    delay: timedelta | None

    @property
    def is_final(self) -> bool:
        """Whether no attempt follows."""
        return self.delay is None


GIVE_UP = Verdict(None)


class RetryExecutor:
    """Applies a policy to an error. Pure: it stores nothing and waits for nothing."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng

    def judge(
        self,
        policy: RetryPolicy,
        error: BaseException,
        attempt: int,
        *,
        business: tuple[type[BaseException], ...] = (),
    ) -> Verdict:
        """Return the verdict on `attempt` (from 1 within the budget), which raised `error`.

        `Terminal`, `PayloadError` and the step's business errors are never tried again;
        `RetryAfter` names its own delay, within the policy's number of attempts.
        """
        if isinstance(error, (Terminal, PayloadError, *business)):
            return GIVE_UP
        if isinstance(error, RetryAfter):
            delay = min(error.delay, LONGEST_DELAY)
            return Verdict(delay) if attempt < policy.max_attempts else GIVE_UP
        if policy.allows(error, attempt):
            return Verdict(policy.delay_after(attempt, self._rng))
        return GIVE_UP
