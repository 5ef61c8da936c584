"""How the state of a schedule, and what became of a tick, look: an icon, a word and a colour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from durable_django.control.badges import Badge
from durable_django.control.schedules.rows import ScheduleRow
from durable_django.control.wording import say_duration
from durable_django.domain.schedule import TickOutcome

_AS_TEXT = "\ufe0e"


def _badge(colour: str, icon: str, label: object) -> Badge:
    return Badge(css_class=f"dw-badge dw-{colour}", icon=icon + _AS_TEXT, label=str(label))


_OUTCOMES: Mapping[TickOutcome, tuple[str, str, object]] = {
    TickOutcome.STARTED: ("completed", "✓", gettext_lazy("Started")),
    TickOutcome.SKIPPED: ("cancelled", "⊘", gettext_lazy("Skipped")),
    TickOutcome.MISSED: ("suspended", "◷", gettext_lazy("Missed")),
    TickOutcome.FAILED: ("failed", "✗", gettext_lazy("Failed")),
}


def badges_of(row: ScheduleRow) -> Iterator[Badge]:
    """Yield the badges of a schedule: whether it ticks, and what is wrong with it."""
    if row.is_given_up:
        yield _badge("failed", "✗", _("Disabled: starts failed"))
    elif not row.schedule.is_enabled:
        yield _badge("paused", "‖", _("Disabled"))
    else:
        yield _badge("completed", "✓", _("Enabled"))
    if row.problem:
        yield _badge("failed", "✗", _("Cannot tick"))
    if row.late_by is not None:
        yield _badge("retrying", "◷", _("%s late") % say_duration(row.late_by))


def badge_of_outcome(outcome: TickOutcome) -> Badge:
    """Return the badge of what became of a tick."""
    return _badge(*_OUTCOMES[outcome])
