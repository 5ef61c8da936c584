"""The small pieces of HTML that many pages show: a badge, an instant. They escape what they show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from durable_django.control.badges import Badge
from durable_django.control.wording import say_duration, say_instant

_NOW_IS_WITHIN = timedelta(seconds=1)


def render_badge(badge: Badge) -> SafeString:
    """Return a badge as HTML; its colours are in `durable.css`."""
    return format_html(
        '<span class="{}"><span class="dw-icon" aria-hidden="true">{}</span>{}</span>',
        badge.css_class,
        badge.icon,
        badge.label,
    )


def render_time(instant: datetime, now: datetime) -> SafeString:
    """Return an instant as HTML: how far off it is, and pointed at, when exactly."""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        instant.astimezone(UTC).isoformat(timespec="seconds"),
        say_instant(instant),
        say_distance(instant, now),
    )


def say_distance(instant: datetime, now: datetime) -> str:
    """Return where an instant lies beside the present: `in 40 s`, `2 min ago`, `just now`."""
    far = abs(instant - now)
    if far < _NOW_IS_WITHIN:
        return gettext("just now")
    # One unit is enough: "3 d ago", and "in 12 min", whatever the seconds.
    said = " ".join(say_duration(far).split(" ")[:2])
    return gettext("in %s") % said if instant > now else gettext("%s ago") % said
