"""What is refused to people who act on schedules, beyond what the door itself refuses."""

from __future__ import annotations

from collections.abc import Sequence

from durable_django.control.permissions import Permission
from durable_django.exceptions import DurableError


class ScheduleActNotAllowedError(DurableError):
    """The user lacks the permission for the act."""

    def __init__(self, act: str, permissions: Sequence[Permission]) -> None:
        self.act = act
        self.permissions = tuple(permissions)
        needed = " or ".join(f"durable_django.{one}" for one in permissions)
        super().__init__(f"To {act} a schedule you need the permission {needed}.")
