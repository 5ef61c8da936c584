"""Why an execution stands where it stands, what will wake it, and what may be done about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from durable_django.admin.page.errors import show_error
from durable_django.admin.page.header import Button
from durable_django.admin.page.look import Look, Tab
from durable_django.control.actions import Action
from durable_django.control.badges import badge_of
from durable_django.control.calls import CurrentWait, find_current_wait, group_calls
from durable_django.control.explaining.explanation import Fact, explain
from durable_django.control.payloads.redaction import redact_text
from durable_django.control.timeline.drawing import anchor_of
from durable_django.control.wording import say_duration, say_instant
from durable_django.domain.status import ExecutionStatus, WaitKind

#: The others stand in the header, or in the reason.
_TOLD_FACTS = frozenset({"completed", "undone", "left_to_undo", "inbox", "recoveries"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A button that may move the execution on, and what it would do."""

    button: Button
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """The answers, ready to be shown."""

    #: The class that colours its edge.
    css_class: str
    headline: str
    reason: str
    next: str
    advice: str
    #: For how long it has been so, and for how much longer; pointed at, since and until when.
    since: SafeString
    until: SafeString
    is_late: bool
    facts: Sequence[Fact]
    #: Of what stopped it; empty if none was stored, or it may not be seen.
    traceback: str
    #: Where the attempts of the call that it is about are told; empty if it is about none.
    call: str
    call_url: str
    ways: Sequence[Way]
    #: What a screen reader says when the status has changed.
    announcement: str


def build_box(look: Look) -> Box:
    """Return the box of an execution as it stands."""
    records = look.records
    told = explain(
        look.execution,
        records.attempts,
        records.timers,
        records.signals,
        look.now,
        describe_error=redact_text,
    )
    badge = badge_of(look.execution)
    # Its message is part of the reason.
    error = show_error(look.execution.error, may_see_payloads=look.may_see_payloads)
    call = next((fact.value for fact in told.facts if fact.code == "call"), "")
    effects = {offer.action: offer.effect for offer in told.actions}
    return Box(
        css_class=badge.css_class.removeprefix("dw-badge "),
        headline=told.headline,
        reason=told.reason,
        next=told.next,
        advice=told.advice,
        since=_show_since(look, told.since) if told.since else SafeString(""),
        until=_show_until(look, told.until) if told.until else SafeString(""),
        is_late=told.is_late,
        facts=[fact for fact in told.facts if fact.code in _TOLD_FACTS],
        traceback=error.traceback if error else "",
        call=call,
        call_url=f"{look.links.to_tab(Tab.STEPS)}#{anchor_of(call)}" if call else "",
        ways=[
            Way(button=button, effect=effects.get(action, ""))
            for action, button in _list_buttons(look)
        ],
        announcement=_("Status: %(status)s") % {"status": badge.label},
    )


def _list_buttons(look: Look) -> Iterator[tuple[Action, Button]]:
    """Yield what gives the execution what it lacks, as far as the user may."""
    if Action.RETRY in look.actions:
        yield Action.RETRY, _button(_("Retry…"), look.links.to_act(Action.RETRY))
    if Action.RESUME in look.actions:
        yield Action.RESUME, _button(_("Resume…"), look.links.to_act(Action.RESUME))
    if look.execution.status is ExecutionStatus.PAUSED:
        # Nothing else moves it on.
        return
    wait = find_current_wait(
        look.execution, group_calls(look.records.attempts), look.records.timers
    )
    if wait is None:
        return
    if wait.kind is WaitKind.SIGNAL and Action.SIGNAL in look.actions:
        label = _("Send signal “%(name)s”…") % {"name": wait.name}
        yield Action.SIGNAL, _button(label, look.links.to_act(Action.SIGNAL, name=wait.name))
    # What is due already needs no person; a worker that is free does.
    is_ahead = wait.until is not None and wait.until > look.now
    if is_ahead and Action.FIRE_TIMER in look.actions:
        key = wait.timer_key or wait.key
        yield (
            Action.FIRE_TIMER,
            _button(_say_firing(wait), look.links.to_act(Action.FIRE_TIMER, key=key)),
        )


def _show_since(look: Look, instant: datetime) -> SafeString:
    text = _("%(duration)s ago") if look.execution.is_terminal else _("for %(duration)s")
    return _show(instant, text % {"duration": say_duration(look.now - instant)})


def _show_until(look: Look, instant: datetime) -> SafeString:
    return _show(instant, _("%(duration)s left") % {"duration": say_duration(instant - look.now)})


def _show(instant: datetime, text: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', instant.isoformat(), say_instant(instant), text
    )


def _say_firing(wait: CurrentWait) -> str:
    if wait.kind is WaitKind.SIGNAL:
        return _("Let it time out now…")
    return _("Try again now…") if wait.kind is WaitKind.RETRY else _("Wake it now…")


def _button(label: str, url: str) -> Button:
    return Button(label=label, url=url, css_class="dw-primary")
