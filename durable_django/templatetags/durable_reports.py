"""Filters of the reports: durations, capped counts, shares."""

from __future__ import annotations

from datetime import timedelta

from django import template
from django.utils.formats import number_format

from durable_django.control.figures.bounded import MAX_COUNTED
from durable_django.control.wording import say_duration

_NOTHING = "–"  # noqa: RUF001 -- a dash, as in any table
_SMALLEST_SHARE = 0.001
register = template.Library()


@register.filter(name="durable_took")
def durable_took(duration: timedelta | None) -> str:
    """Show a duration, or a dash."""
    return _NOTHING if duration is None else say_duration(duration)


@register.filter(name="durable_count")
def durable_count(count: int) -> str:
    """Show a count that ends at `MAX_COUNTED` and one: `1,204`, `10,000+`."""
    if count == MAX_COUNTED + 1:
        return f"{number_format(MAX_COUNTED, force_grouping=True)}+"
    return number_format(count, force_grouping=True)


@register.filter(name="durable_share")
def durable_share(share: float | None) -> str:
    """Show a share (0 to 1) as a percentage: `3.2 %`, `<0.1 %`; a dash for none."""
    if share is None:
        return _NOTHING
    if 0 < share < _SMALLEST_SHARE:
        return f"<{number_format(0.1, 1)} %"
    return f"{number_format(share * 100, 0 if share in (0, 1) else 1)} %"
