"""How a slice leaves a workflow's body before its end: control flow, not errors.

All derive from BaseException, so that an `except Exception` in a body lets them pass. One that is
swallowed all the same is raised again by the next durable call and by the body's return.
"""

from __future__ import annotations

from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.status import Interrupt, ParkReason
from durable_django.domain.wait import Wait


class SliceStopped(BaseException):
    """The body must be left now."""


class WorkflowSuspended(SliceStopped):
    """The execution waits; it goes on in another slice."""

    def __init__(self, wait: Wait) -> None:
        self.wait = wait
        super().__init__(f"waits for {wait.kind} {wait.name}".rstrip())


class WorkflowInterrupted(SliceStopped):
    """A cancel, a pause or the end of the time to live was noticed before the next action."""

    def __init__(self, interrupt: Interrupt) -> None:
        self.interrupt = interrupt
        super().__init__(str(interrupt))


class WorkflowParked(SliceStopped):
    """The body cannot go on without a person."""

    def __init__(self, reason: ParkReason, error: ErrorRecord) -> None:
        self.reason = reason
        self.error = error
        super().__init__(f"{reason}: {error}")


class SliceAbandoned(SliceStopped):
    """A transaction did not commit and said nothing: go on as after a crash."""

    def __init__(self, error: ErrorRecord) -> None:
        self.error = error
        super().__init__(str(error))


class ReplayEnded(SliceStopped):
    """While undoing: the body has come to what was never recorded, so all undos are known."""


class BranchStopped(SliceStopped):
    """In a branch: its group was decided without it."""

    def __init__(self) -> None:
        super().__init__("the group is decided")
