"""What the django-q2 cluster calls. Arguments are strings and say where to look, never what to do.

A slice that django-q2 cuts off (its TimeoutException is a SystemExit) counts as a crash: nothing
here catches it, and the lease runs out.
"""

from __future__ import annotations

from durable_django.runtime import workforce


def pump(slot: str) -> None:
    """Advance what is due in the slot's queue, for a while."""
    workforce().pump(slot)


def recover() -> None:
    """Advance what is due in every queue: called once a minute, in case all hints were lost."""
    workforce().recover()
