"""The signals and the timers of an execution, as its page shows them."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from durable_django.admin.page.header import show_instant
from durable_django.admin.page.look import Look
from durable_django.admin.page.paging import slice_page
from durable_django.admin.page.payloads import ShownPayload, show_payload
from durable_django.admin.page.rows import (
    MAX_SHOWN_OF_MANY,
    list_signals_of_page,
)
from durable_django.control.actions import Action
from durable_django.control.badges import BADGES, Badge
from durable_django.control.showing import say_distance
from durable_django.control.timeline.drawing import anchor_of
from durable_django.domain.signal import Signal
from durable_django.domain.status import ExecutionStatus, SignalStatus, TimerStatus
from durable_django.domain.timer import Timer

_SIGNAL_BADGES = {
    SignalStatus.PENDING: Badge(
        css_class="dw-badge dw-pending", icon="○", label=gettext_lazy("Not yet asked for")
    ),
    SignalStatus.DELIVERED: Badge(
        css_class="dw-badge dw-completed", icon="✓", label=gettext_lazy("Consumed")
    ),
    SignalStatus.EXPIRED: Badge(
        css_class="dw-badge dw-cancelled", icon="⊘", label=gettext_lazy("Came in vain")
    ),
    SignalStatus.DEAD: Badge(
        css_class="dw-badge dw-cancelled", icon="⊘", label=gettext_lazy("Never asked for")
    ),
}
_TIMER_BADGES = {
    TimerStatus.PENDING: Badge(
        css_class="dw-badge dw-suspended",
        icon=BADGES[ExecutionStatus.SUSPENDED].icon,
        label=gettext_lazy("Waiting"),
    ),
    TimerStatus.FIRED: Badge(
        css_class="dw-badge dw-completed", icon="✓", label=gettext_lazy("Fired")
    ),
    TimerStatus.CANCELLED: Badge(
        css_class="dw-badge dw-cancelled", icon="⊘", label=gettext_lazy("Not needed any more")
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSignal:
    """A signal, ready to be shown."""

    number: int
    name: str
    badge: Badge
    dedupe_key: str
    came: SafeString
    consumed: SafeString
    #: None: the user may not see payloads.
    payload: ShownPayload | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTimer:
    """A timer, ready to be shown."""

    id: str
    key: str
    badge: Badge
    due: SafeString
    distance: str
    #: Empty if it may not be fired.
    fire_url: str


def show_signals(look: Look) -> list[ShownSignal]:
    """Return the signals of the page that is looked at, newest first."""
    signals = list_signals_of_page(look.row, look.page, payloads=look.may_see_payloads)
    return [_show_signal(look, signal) for signal in signals]


def show_timers(look: Look) -> list[ShownTimer]:
    """Return the timers of the page that is looked at, the latest due first."""
    latest = look.records.timers[::-1]
    return [_show_timer(look, timer) for timer in slice_page(look, latest)]


def _show_signal(look: Look, signal: Signal) -> ShownSignal:
    url = look.links.to_payload("signal", id=str(signal.id))
    payload = (
        show_payload(signal.payload, url, limit=MAX_SHOWN_OF_MANY)
        if look.may_see_payloads
        else None
    )
    return ShownSignal(
        number=signal.position,
        name=signal.name,
        badge=_SIGNAL_BADGES[signal.status],
        dedupe_key=signal.dedupe_key or "",
        came=show_instant(signal.created_at, look.now),
        consumed=show_instant(signal.delivered_at, look.now),
        payload=payload,
    )


def _show_timer(look: Look, timer: Timer) -> ShownTimer:
    is_pending = timer.status is TimerStatus.PENDING
    may_fire = is_pending and Action.FIRE_TIMER in look.actions
    return ShownTimer(
        id=f"dw-timer-{anchor_of(timer.key)}",
        key=timer.key,
        badge=_TIMER_BADGES[timer.status],
        due=show_instant(timer.fire_at, look.now),
        distance=say_distance(timer.fire_at, look.now) if is_pending else "",
        fire_url=look.links.to_act(Action.FIRE_TIMER, key=timer.key) if may_fire else "",
    )
