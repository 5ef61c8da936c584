"""What the composition root hands to a dispatcher that asks for it.

A dispatcher with a class method `build(needs)` is made by it; any other is called without
arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from durable_django.ports.doorbell import Doorbell


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatcherNeeds:
    """The outside world of a dispatcher."""

    doorbell: Doorbell
    #: The database alias whose commits make executions visible.
    alias: str
    #: After this long a doorbell that was not answered may be rung again.
    doorbell_ttl: timedelta
    #: The most slots that are rung at once; 0 means as many as the cluster has workers.
    most_slots: int
    #: Calls something once the current transaction commits, at once if there is none.
    after_commit: Callable[[Callable[[], object]], object]
    #: Advances what is due in a queue, in this thread, until nothing is.
    drain: Callable[[str], object]
