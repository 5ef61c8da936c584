"""The policies of schedules in words, and spans of time as people write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from durable_django.domain.schedule import (
    FoldPolicy,
    GapPolicy,
    MisfirePolicy,
    OverlapPolicy,
    Schedule,
)

OVERLAP: Mapping[str, Any] = {
    OverlapPolicy.SKIP: gettext_lazy("Skip the new one"),
    OverlapPolicy.QUEUE: gettext_lazy("Queue the new one behind it"),
    OverlapPolicy.CANCEL_RUNNING: gettext_lazy("Cancel the former one"),
    OverlapPolicy.ALLOW: gettext_lazy("Run them side by side"),
}
MISFIRE: Mapping[str, Any] = {
    MisfirePolicy.LATEST: gettext_lazy("Start the latest of them"),
    MisfirePolicy.ALL: gettext_lazy("Start each of them"),
    MisfirePolicy.SKIP: gettext_lazy("Start none of them"),
}
GAP: Mapping[str, Any] = {
    GapPolicy.SHIFT: gettext_lazy("Run right after the gap"),
    GapPolicy.SKIP: gettext_lazy("Do not run"),
}
FOLD: Mapping[str, Any] = {
    FoldPolicy.FIRST: gettext_lazy("Run the first time"),
    FoldPolicy.LAST: gettext_lazy("Run the second time"),
    FoldPolicy.BOTH: gettext_lazy("Run both times"),
}
_UNITS = {"d": 86_400, "h": 3600, "min": 60, "s": 1}
_WORDS = {
    **_UNITS,
    "day": 86_400,
    "days": 86_400,
    "hour": 3600,
    "hours": 3600,
    "m": 60,
    "minute": 60,
    "minutes": 60,
    "sec": 1,
    "second": 1,
    "seconds": 1,
}
_PART = re.compile(r"(\d{1,9})\s*([a-z]+)\s*", re.ASCII)
#: Longer ones than anybody may ask for, and none that a timedelta cannot hold.
_MOST_SECONDS = 10**11


def say_span(span: timedelta) -> str:
    """Return whole seconds as `parse_span` takes them: `1 h 30 min`."""
    left, parts = int(span.total_seconds()), []
    for unit, seconds in _UNITS.items():
        count, left = divmod(left, seconds)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 s"


def parse_span(text: str) -> timedelta:
    """Return the time that `90 s`, `15 min` or `1 h 30 min` say.

    Raises:
        ValueError: It says none.
    """
    rest, seconds = text.strip().lower(), 0
    while rest:
        part = _PART.match(rest)
        if part is None or part[2] not in _WORDS:
            raise ValueError(text)
        seconds += int(part[1]) * _WORDS[part[2]]
        rest = rest[part.end() :]
    if not text.strip() or seconds > _MOST_SECONDS:
        raise ValueError(text)
    return timedelta(seconds=seconds)


def list_policies(schedule: Schedule) -> list[tuple[str, str]]:
    """Return what the schedule does when it is not simple: what happens, and what then."""
    policies = [
        (_("If the run before it goes on"), str(OVERLAP[schedule.overlap])),
        (
            _("If nobody was there to start it"),
            _("%(what)s, of the last %(grace)s")
            % {"what": MISFIRE[schedule.misfire], "grace": say_span(schedule.misfire_grace)},
        ),
    ]
    if schedule.cron:
        policies += [
            (_("If its local time does not exist"), str(GAP[schedule.gap])),
            (_("If its local time comes twice"), str(FOLD[schedule.fold])),
        ]
    return [*policies, (_("If its starts fail"), _say_limit(schedule.disable_after))]


def _say_limit(count: int) -> str:
    if not count:
        return _("It goes on trying")
    return _("It is disabled after %d in a row") % count
