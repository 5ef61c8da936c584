"""A cron expression: which local times it names, whatever the clocks do there.

Five fields (minute, hour, day of the month, month, day of the week) as Debian's cron and cronsim
read them: names of days and months, lists, ranges, steps, `L`, `LW`, `5L`, `MON#2`. If the day of
the month or of the week begins with a star both must match, else one of them is enough. There is
no sixth field for seconds (an interval can do that) and there are no nicknames such as `@daily`.
"""

from __future__ import annotations

from copy import copy
from datetime import datetime, timedelta

from cronsim import CronSim, CronSimError

from durable_django.exceptions import ScheduleError

MAX_CRON_LENGTH = 200
_FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
_ANY_DAY = datetime(2026, 1, 1)  # noqa: DTZ001 -- a local time, of whatever zone
_SECOND = timedelta(seconds=1)


class CronExpression:
    """A legal expression; immutable.

    Raises:
        ScheduleError: It is not legal; the message names it and the field.
    """

    def __init__(self, text: object) -> None:
        if not isinstance(text, str):
            raise ScheduleError("cron", f"A cron expression is text, not {type(text).__name__}.")
        fields = text[: MAX_CRON_LENGTH + 1].split()
        self.text = " ".join(fields)
        if len(text) > MAX_CRON_LENGTH:
            raise self._error(f"it has {len(text)} characters, and {MAX_CRON_LENGTH} are the most")
        if len(fields) != len(_FIELDS):
            raise self._error(
                f"it has {len(fields)} field{'s' * (len(fields) != 1)}, and five are needed "
                f"({', '.join(_FIELDS)}; no seconds, no nicknames)"
            )
        self._start = self._parse(fields)
        if self.next_after(_ANY_DAY) is None:
            raise self._error("no day is like that")

    @property
    def is_elapsed(self) -> bool:
        """Whether it follows the time that passes: its minute or its hour begins with a star.

        Else it names fixed local times, which the clocks may pass over or show twice.
        """
        minute, hour, *_ = self.text.split()
        return minute.startswith("*") or hour.startswith("*")

    def next_after(self, wall: datetime) -> datetime | None:
        """Return the next local time (naive) that it names after `wall`; None for 50 years of none.

        Raises:
            OverflowError: The calendar ends before.
        """
        moving = copy(self._start)
        moving.dt = wall.replace(microsecond=0)
        return next(moving, None)

    def matches(self, wall: datetime) -> bool:
        """Say whether it names this local time (naive, whole seconds)."""
        return self.next_after(wall - _SECOND) == wall

    def explain(self) -> str:
        """Return it in plain English words: "At 09:00 on Monday through Friday"."""
        return self._start.explain()

    def _parse(self, fields: list[str]) -> CronSim:
        for place, name in enumerate(_FIELDS):
            # Each alone, among stars, so that the message can say which one it is.
            alone = ["*"] * len(_FIELDS)
            alone[place] = fields[place]
            try:
                CronSim(" ".join(alone), _ANY_DAY)
            except (CronSimError, ValueError):
                raise self._error(f"{fields[place]!r} is no {name}") from None
        try:
            return CronSim(self.text, _ANY_DAY)
        except CronSimError:
            raise self._error("no month has that day") from None

    def _error(self, problem: str) -> ScheduleError:
        shown = self.text if len(self.text) <= 60 else f"{self.text[:60]}…"  # noqa: PLR2004 -- a readable excerpt
        return ScheduleError("cron", f"{shown!r} is not a legal cron expression: {problem}.")
