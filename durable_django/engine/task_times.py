"""Instants of a wait for a person: the end, and what comes before it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from durable_django.domain.wait import Wait


def timed(wait: Wait, ends_at: datetime | None, beside: datetime | None, now: datetime) -> Wait:
    """Return the wait with a timer at `ends_at`, if it has an end, and an alarm before it."""
    if ends_at is None:
        return replace(wait, alarm=beside)
    if beside is None or beside >= ends_at:
        return replace(wait, alarm=ends_at, registers_timer=True)
    return replace(wait, after=max(ends_at - now, timedelta(0)), registers_timer=True, alarm=beside)


def is_due(instant: datetime | None, now: datetime) -> bool:
    """Say whether an instant has come; none never does."""
    return instant is not None and instant <= now


def earliest(*instants: datetime | None) -> datetime | None:
    """Return the earliest of the instants that there are."""
    return min((instant for instant in instants if instant is not None), default=None)
