"""Doorbell: whether somebody has been told already to look into a queue.

It only saves messages. Lost, doubled or forgotten rings make work late by an interval of the
ticker, never lost.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol


class Doorbell(Protocol):
    """One bell per slot: a slot is one pump's worth of work of a queue."""

    def ring(self, slot: str, ttl: timedelta) -> bool:
        """Ring, unless it was rung less than `ttl` ago and not answered since.

        Returns whether it changed: only then is a message worth sending.
        """

    def answer(self, slot: str) -> None:
        """Note that somebody is about to look. Call it before looking, or a wake-up is lost."""

    def is_unanswered(self, slot: str) -> bool:
        """Say whether nobody has answered since the last ring, however long ago that was."""

    def attend(self, queue: str, ttl: timedelta) -> None:
        """Note that a pump is at work on the queue, and will be until `ttl` from now."""

    def is_attended(self, queue: str) -> bool:
        """Say whether a pump is at work on the queue."""


def slot_of(queue: str, number: int) -> str:
    """Return the name of a queue's slot; `check_queue` leaves room for the number."""
    return f"{queue}:{number}"


def queue_of(slot: str) -> str:
    """Return the queue that a slot belongs to."""
    return slot.rpartition(":")[0]
