"""Why an execution stands where it stands, what will wake it, and what may be done about it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from durable_django.admin.page.errors import show_error
from durable_django.admin.page.header import Button
from durable_django.admin.page.look import Look, Tab
from durable_django.admin.page.tasks import find_visible_ids
from durable_django.control.actions import Action
from durable_django.control.badges import badge_of
from durable_django.control.explaining.explanation import Explanation, Fact, Waited, explain
from durable_django.control.payloads.redaction import redact_text
from durable_django.control.timeline.drawing import anchor_of
from durable_django.control.wording import say_duration, say_instant
from durable_django.domain.status import ExecutionStatus, WaitKind
from durable_django.domain.task import Task
from durable_django.runtime import engine

#: What firing the timer of a wait is, by the wait's kind.
_FIRING: Mapping[str, Promise] = {
    WaitKind.RETRY: gettext_lazy("Try again now…"),
    WaitKind.TIMER: gettext_lazy("Wake it now…"),
    WaitKind.POLL: gettext_lazy("Check now…"),
    "": gettext_lazy("Let it time out now…"),
}
#: The others stand in the header, or in the reason.
_TOLD_FACTS = frozenset({"completed", "undone", "left_to_undo", "inbox", "recoveries"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A button that may move the execution on, and what it would do."""

    button: Button
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownWait:
    """One of the things that an execution waits for, and what may be done about it."""

    text: str
    #: Of a child or a task that may be seen, or of a map's items.
    url: str
    link: str
    buttons: Sequence[Button]


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
    #: One by one, what it waits for; empty if that is one thing, and said.
    waits: Sequence[ShownWait]
    #: What a screen reader says when the status has changed.
    announcement: str


def _tasks_of(look: Look) -> list[Task]:
    """Return the execution's tasks if it waits for one, and nothing needs them else."""
    if all(wait.kind is not WaitKind.TASK for wait in look.waits):
        return []
    return engine().store.list_tasks(look.execution.id)


def build_box(look: Look) -> Box:
    """Return the box of an execution as it stands."""
    records = look.records
    told = explain(
        look.execution,
        records.attempts,
        records.timers,
        records.signals,
        look.now,
        tasks=_tasks_of(look),
        children=look.children,
        maps=look.maps,
        limit=look.limit,
        control=look.control,
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
            for action, button in _list_buttons(look, told)
        ],
        waits=_list_waits(look, told),
        announcement=_("Status: %(status)s") % {"status": badge.label},
    )


def _list_buttons(look: Look, told: Explanation) -> Iterator[tuple[Action, Button]]:
    """Yield what gives the execution what it lacks, as far as the user may."""
    if Action.RETRY in look.actions:
        yield Action.RETRY, _button(_("Retry…"), look.links.to_act(Action.RETRY))
    if Action.RESUME in look.actions:
        yield Action.RESUME, _button(_("Resume…"), look.links.to_act(Action.RESUME))
    if look.execution.status is ExecutionStatus.PAUSED:
        # Nothing else moves it on.
        return
    if look.execution.waiting_kind is not WaitKind.SEVERAL:
        for waited in told.waits:
            yield from _list_buttons_of(look, waited)


def _list_buttons_of(look: Look, waited: Waited) -> Iterator[tuple[Action, Button]]:
    """Yield what brings about one of the things that it waits for, or its end."""
    if waited.kind == WaitKind.SIGNAL and Action.SIGNAL in look.actions:
        label = _("Send signal “%(name)s”…") % {"name": waited.name}
        yield Action.SIGNAL, _button(label, look.links.to_act(Action.SIGNAL, name=waited.argument))
    # What is due already needs no person; a worker that is free does.
    if waited.timer and Action.FIRE_TIMER in look.actions:
        label = str(_FIRING.get(waited.kind, _FIRING[""]))
        yield (
            Action.FIRE_TIMER,
            _button(label, look.links.to_act(Action.FIRE_TIMER, key=waited.timer)),
        )


def _list_waits(look: Look, told: Explanation) -> list[ShownWait]:
    """Return the things that it waits for, if they need be told one by one."""
    is_several = look.execution.waiting_kind is WaitKind.SEVERAL
    if look.execution.status is ExecutionStatus.PAUSED:
        return []
    tasks = find_visible_ids(look, [UUID(one.task_id) for one in told.waits if one.task_id])
    shown = [_show_wait(look, waited, tasks, has_buttons=is_several) for waited in told.waits]
    return shown if is_several else [one for one in shown if one.url]


def _show_wait(
    look: Look, waited: Waited, tasks: Collection[UUID], *, has_buttons: bool
) -> ShownWait:
    url, link = "", ""
    if waited.execution_id:
        url, link = look.links.to_execution(UUID(waited.execution_id)), _("Open the child")
    elif waited.task_id and (task_id := UUID(waited.task_id)) in tasks:
        url, link = look.links.find_task(task_id), _("Open the task")
    elif waited.kind == WaitKind.MAP and (count := look.maps.get(waited.key)) is not None:
        tab = Tab.CHILDREN if count.are_children else Tab.STEPS
        url, link = look.links.to_tab(tab, of=waited.key), _("List them")
    buttons = [button for _action, button in _list_buttons_of(look, waited)]
    # One thing alone is told in the reason.
    text = waited.text if has_buttons else ""
    return ShownWait(text=text, url=url, link=link, buttons=buttons if has_buttons else ())


def _show_since(look: Look, instant: datetime) -> SafeString:
    text = _("%(duration)s ago") if look.execution.is_terminal else _("for %(duration)s")
    return _show(instant, text % {"duration": say_duration(look.now - instant)})


def _show_until(look: Look, instant: datetime) -> SafeString:
    return _show(instant, _("%(duration)s left") % {"duration": say_duration(instant - look.now)})


def _show(instant: datetime, text: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', instant.isoformat(), say_instant(instant), text
    )


def _button(label: str, url: str) -> Button:
    return Button(label=label, url=url, css_class="dw-primary")
