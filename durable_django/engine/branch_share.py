"""What the branches of one group share: the lock, and whether they are to go on."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Self


@dataclass(slots=True)
class BranchShare:
    """What the branches of one group share, some of which may run in threads of their own."""

    #: Held by who makes a durable call, and let go of while an action runs.
    lock: threading.Lock = field(default_factory=threading.Lock)
    #: Of the group that this one stands in.
    outer: BranchShare | None = None
    #: The group has an outcome: no other branch begins anything more.
    has_outcome: bool = False
    #: Why the whole slice must stop.
    stop: BaseException | None = None

    @classmethod
    def within(cls, outer: Self | None) -> Self:
        """Return what a new group's branches share, which stands in a branch of `outer`'s group."""
        return cls() if outer is None else cls(lock=outer.lock, outer=outer)

    @property
    def is_decided(self) -> bool:
        """Whether a branch must stop before its next act."""
        if self.has_outcome or self.stop is not None:
            return True
        return self.outer is not None and self.outer.is_decided
