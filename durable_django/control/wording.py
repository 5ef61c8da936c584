"""Say durations, instants and kinds of calls in words, the same on every page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

from durable_django.domain.signal import EVENT_PREFIX, event_name_of
from durable_django.domain.status import CheckpointKind

#: What kind of call it is, in a word or two; empty for a step.
CALL_WORDS: Mapping[CheckpointKind, str | Promise] = {
    CheckpointKind.STEP: "",
    CheckpointKind.SLEEP: gettext_lazy("sleep"),
    CheckpointKind.SIGNAL: gettext_lazy("wait for a signal"),
    CheckpointKind.EVENT: gettext_lazy("wait for an event"),
    CheckpointKind.UNDO: gettext_lazy("undo"),
    CheckpointKind.CHILD: gettext_lazy("child"),
    CheckpointKind.GROUP: gettext_lazy("parallel"),
    CheckpointKind.MAP: gettext_lazy("map"),
    CheckpointKind.ITEM: gettext_lazy("item"),
    CheckpointKind.POLL: gettext_lazy("check"),
    CheckpointKind.TASK: gettext_lazy("human task"),
}
#: Of a group that the first of its branches decided.
RACE_WORD = gettext_lazy("race")
#: Of what is only known by the calls in it.
BRANCH_WORD = gettext_lazy("branch")
_SECOND = timedelta(seconds=1)
_MILLISECOND = timedelta(milliseconds=1)
_UNITS = (
    (timedelta(days=1), "d"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "min"),
    (_SECOND, "s"),
)
#: Shorter ones are told with a tenth of a second.
_FEW_SECONDS = timedelta(seconds=10)


def say_duration(duration: timedelta) -> str:
    """Return a duration in at most two units: `210 ms`, `3.1 s`, `4 h 5 min`, `30 d`.

    Cut, not rounded, so that 59.9 s is not a minute. A negative one counts as 0.
    """
    if duration < _MILLISECOND:
        return "0 ms"
    if duration < _SECOND:
        return f"{duration // _MILLISECOND} ms"
    if duration < _FEW_SECONDS:
        tenths = duration // (_SECOND / 10)
        return f"{tenths // 10}.{tenths % 10} s" if tenths % 10 else f"{tenths // 10} s"
    parts: list[tuple[int, str]] = []
    left = duration
    for unit, name in _UNITS:
        if left >= unit or parts:
            parts.append((left // unit, name))
            left %= unit
    return " ".join(f"{count} {name}" for count, name in parts[:2] if count)


def say_instant(instant: datetime) -> str:
    """Return an instant in the current time zone: `2026-01-31 09:00:03 UTC`."""
    return timezone.localtime(instant).strftime("%Y-%m-%d %H:%M:%S %Z")


def say_mailbox(name: str) -> str:
    """Return what people call the mailbox of a signal; of a broadcast, `event` and its name."""
    if not name.startswith(EVENT_PREFIX):
        return name
    # Translators: what stands in a list of signals for a broadcast of that name.
    return gettext("event %(name)s") % {"name": event_name_of(name)}


def say_moment(instant: datetime, now: datetime) -> str:
    """Return an instant as short as it may be, for a caption: `09:00:03`, `31 Jan 09:00`."""
    there, here = timezone.localtime(instant), timezone.localtime(now)
    if there.date() == here.date():
        return there.strftime("%H:%M:%S")
    if there.year == here.year:
        return f"{there.day} {there:%b %H:%M}"
    return there.strftime("%Y-%m-%d %H:%M")


def say_clock(instant: datetime) -> str:
    """Return day and time, for an axis that says elsewhere which year it is: `31 Jan 09:00:03`."""
    there = timezone.localtime(instant)
    return f"{there.day} {there:%b %H:%M:%S}"
