"""When a failed step is tried again.

A policy only computes; the engine stores the failed attempt and the instant of the next one, so
that a crash between two attempts costs neither an attempt nor a delay.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from durable_django.exceptions import DefinitionError

_ZERO = timedelta(0)
#: No delay grows past this, whatever the multiplier: a date far enough to be a mistake.
LONGEST_DELAY = timedelta(days=365)


class Backoff(StrEnum):
    """How the delay grows from one attempt to the next."""

    NONE = "none"
    FIXED = "fixed"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a step is tried, how long after, and for which errors.

    Build one with `none`, `fixed`, `linear` or `exponential`. `max_attempts` includes the first.
    """

    backoff: Backoff = Backoff.NONE
    max_attempts: int = 1
    initial_delay: timedelta = _ZERO
    multiplier: float = 2.0
    max_delay: timedelta = LONGEST_DELAY
    jitter: float = 0.0
    #: Only these errors are tried again; `Terminal` never is.
    retry_on: tuple[type[BaseException], ...] = field(default=(Exception,))
    #: These are not, even if `retry_on` names them.
    give_up_on: tuple[type[BaseException], ...] = field(default=())

    def __post_init__(self) -> None:
        """Refuse what could not work, where it is written."""
        if type(self.max_attempts) is not int:
            raise DefinitionError("RetryPolicy max_attempts is a whole number.")
        if self.max_attempts < 1:
            raise DefinitionError("RetryPolicy max_attempts includes the first: it is 1 or more.")
        if self.initial_delay < _ZERO or self.max_delay < _ZERO:
            raise DefinitionError("RetryPolicy delays are 0 or more.")
        if not 0 <= self.jitter <= 1:
            raise DefinitionError("RetryPolicy jitter is a share of the delay, from 0 to 1.")
        if not 1 <= self.multiplier < math.inf:  # NaN is neither
            raise DefinitionError("RetryPolicy multiplier is a finite number from 1 on.")

    @classmethod
    def none(cls) -> RetryPolicy:
        """Try once."""
        return cls()

    @classmethod
    def fixed(
        cls,
        max_attempts: int,
        delay: timedelta = timedelta(seconds=1),
        *,
        jitter: float = 0.0,
        retry_on: tuple[type[BaseException], ...] = (Exception,),
        give_up_on: tuple[type[BaseException], ...] = (),
    ) -> RetryPolicy:
        """Try up to `max_attempts` times, `delay` apart."""
        return cls(
            Backoff.FIXED,
            max_attempts,
            initial_delay=delay,
            jitter=jitter,
            retry_on=retry_on,
            give_up_on=give_up_on,
        )

    @classmethod
    def linear(
        cls,
        max_attempts: int,
        delay: timedelta = timedelta(seconds=1),
        *,
        max_delay: timedelta = LONGEST_DELAY,
        jitter: float = 0.0,
        retry_on: tuple[type[BaseException], ...] = (Exception,),
        give_up_on: tuple[type[BaseException], ...] = (),
    ) -> RetryPolicy:
        """Try up to `max_attempts` times, after 1, 2, 3 … times `delay`, at most `max_delay`."""
        return cls(
            Backoff.LINEAR,
            max_attempts,
            initial_delay=delay,
            max_delay=max_delay,
            jitter=jitter,
            retry_on=retry_on,
            give_up_on=give_up_on,
        )

    @classmethod
    def exponential(  # noqa: PLR0913 -- what a back-off has, by name
        cls,
        max_attempts: int,
        initial_delay: timedelta = timedelta(seconds=1),
        *,
        multiplier: float = 2.0,
        max_delay: timedelta = timedelta(hours=1),
        jitter: float = 0.1,
        retry_on: tuple[type[BaseException], ...] = (Exception,),
        give_up_on: tuple[type[BaseException], ...] = (),
    ) -> RetryPolicy:
        """Try up to `max_attempts` times, each delay `multiplier` times the last one."""
        return cls(
            Backoff.EXPONENTIAL,
            max_attempts,
            initial_delay,
            multiplier,
            max_delay,
            jitter,
            retry_on,
            give_up_on,
        )

    def retrying_on(self, *errors: type[BaseException]) -> RetryPolicy:
        """Return the same policy, for these errors only."""
        return replace(self, retry_on=errors)

    def allows(self, error: BaseException, attempt: int) -> bool:
        """Say whether `attempt` (from 1), which raised `error`, may be followed by another."""
        if attempt >= self.max_attempts or isinstance(error, self.give_up_on):
            return False
        return isinstance(error, self.retry_on)

    def delay_after(self, attempt: int, rng: random.Random | None = None) -> timedelta:
        """Return how long after `attempt` (from 1) failed the next one begins.

        The delay is cut to `max_delay`, then moved by up to ± `jitter` of itself, and cut again.
        """
        plain = min(self._plain_seconds(attempt), self.max_delay.total_seconds())
        if self.jitter and plain:
            spread = (rng or random).uniform(-self.jitter, self.jitter)
            plain = min(plain * (1 + spread), self.max_delay.total_seconds())
        return timedelta(seconds=max(plain, 0.0))

    def _plain_seconds(self, attempt: int) -> float:
        first = self.initial_delay.total_seconds()
        if not first:
            return 0.0
        if self.backoff is Backoff.LINEAR:
            return first * attempt
        if self.backoff is Backoff.EXPONENTIAL:
            try:
                return first * self.multiplier ** (attempt - 1)
            except OverflowError:
                return self.max_delay.total_seconds()
        return first if self.backoff is Backoff.FIXED else 0.0
