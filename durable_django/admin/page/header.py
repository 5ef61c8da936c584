"""What stands above the tabs: which execution it is, where it comes from, how far it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeGuard

from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from durable_django.admin.page.look import Look
from durable_django.control.actions import Action
from durable_django.control.calls import is_held
from durable_django.control.payloads.redaction import redact_text
from durable_django.control.wording import say_duration, say_instant, say_moment
from durable_django.domain.event import Event

#: The buttons above the box; a timer is fired where it is listed.
_ORDER = (
    Action.RETRY,
    Action.RESUME,
    Action.SIGNAL,
    Action.PAUSE,
    Action.FORK,
    Action.CANCEL,
    Action.TERMINATE,
)
_NAMES = {
    Action.RETRY: gettext_lazy("Retry…"),
    Action.RESUME: gettext_lazy("Resume…"),
    Action.SIGNAL: gettext_lazy("Send signal…"),
    Action.PAUSE: gettext_lazy("Pause…"),
    Action.FORK: gettext_lazy("Fork…"),
    Action.CANCEL: gettext_lazy("Cancel…"),
    Action.TERMINATE: gettext_lazy("Terminate…"),
}
#: Of the numbers that progress is told in; beyond, they cannot be compared exactly.
_LARGEST = 2**53
_DANGEROUS = frozenset({Action.CANCEL, Action.TERMINATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A link to a page that asks before it acts."""

    label: str
    url: str
    css_class: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A name and a value of it."""

    name: str
    value: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the workflow says it is."""

    #: As HTML writes numbers, in no language.
    done: str
    #: Empty: nobody knows.
    total: str
    #: As people write them.
    text: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What stands above the box."""

    facts: list[Fact]
    tags: list[str]
    progress: Progress | None
    buttons: list[Button]


def build_header(look: Look, started: Event | None) -> Header:
    """Return the header of an execution's page."""
    return Header(
        facts=list(_list_facts(look, started)),
        tags=[str(tag) for tag in look.execution.tags],
        progress=read_progress(look.execution.progress),
        buttons=list_buttons(look),
    )


def list_buttons(look: Look) -> list[Button]:
    """Return what the user may do to the execution now, always in the same order."""
    return [
        Button(
            label=str(_NAMES[action]),
            url=look.links.to_act(action),
            css_class="dw-quiet-danger" if action in _DANGEROUS else "",
        )
        for action in _ORDER
        if action in look.actions
    ]


def read_progress(told: object) -> Progress | None:
    """Return what `ctx.progress()` told last; None if it told nothing that can be shown."""
    if not isinstance(told, Mapping):  # the column takes any JSON
        return None
    done: object = told.get("done")
    total: object = told.get("total")
    message = redact_text(str(told.get("message") or ""))
    if not _is_number(done):
        return None
    if not _is_number(total) or total <= 0:
        return Progress(done=f"{done:g}", total="", text=localize(done), message=message)
    percent = int(100 * min(max(done / total, 0), 1))
    text = _("%(done)s of %(total)s · %(percent)s %%") % {
        "done": localize(done),
        "total": localize(total),
        "percent": percent,
    }
    drawn = min(max(done, 0), total)
    return Progress(done=f"{drawn:g}", total=f"{total:g}", text=text, message=message)


def show_instant(instant: datetime | None, now: datetime) -> SafeString:
    """Return an instant as HTML: short, with its date and zone for who points at it."""
    if instant is None:
        return SafeString("")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        instant.isoformat(),
        say_instant(instant),
        say_moment(instant, now),
    )


def _is_number(value: object) -> TypeGuard[float]:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    # Not NaN either, which lies between no two numbers.
    return -_LARGEST <= value <= _LARGEST


def _list_facts(look: Look, started: Event | None) -> Iterator[Fact]:
    execution = look.execution
    subject = look.links.find_subject(look.request, execution.subject)
    if subject is not None:
        yield Fact(name=_("About"), value=subject.label, url=subject.url)
    yield Fact(name=_("Started"), value=_say_start(look, started))
    age = (execution.finished_at or look.now) - execution.created_at
    yield Fact(name=_("Took") if execution.finished_at else _("Age"), value=say_duration(age))
    yield Fact(name=_("Steps"), value=_say_steps(look))
    if is_held(execution) and execution.lease_owner:
        yield Fact(name=_("Worker"), value=execution.lease_owner)
    if execution.forked_from:
        url = look.links.to_execution(execution.forked_from)
        yield Fact(name=_("Forked from"), value=str(execution.forked_from), url=url)
    if execution.correlation_id:
        yield Fact(name=_("Correlation id"), value=execution.correlation_id)
    if execution.expires_at and not execution.is_terminal:
        yield Fact(name=_("Expires"), value=show_instant(execution.expires_at, look.now))
    yield Fact(name=_("Queue"), value=_say_queue(look))
    yield Fact(name=_("Id"), value=str(execution.id))


def _say_start(look: Look, started: Event | None) -> SafeString:
    at = show_instant(look.execution.created_at, look.now)
    if started is None:
        return at
    # Translators: an instant, and who started it.
    return format_html(_("{} by {}"), at, str(started.actor))


def _say_steps(look: Look) -> str:
    calls, attempts = look.records.calls, len(look.records.attempts)
    more = "+" if look.records.is_cut else ""
    said = [ngettext("%(count)s call", "%(count)s calls", calls) % {"count": f"{calls}{more}"}]
    if attempts > calls:
        tried = ngettext("%(count)s attempt", "%(count)s attempts", attempts)
        said.append(tried % {"count": f"{attempts}{more}"})
    epoch = look.execution.epoch
    # A fork begins with the epoch after that of its origin.
    if epoch and not look.execution.forked_from:
        said.append(ngettext("retried once", "retried %(count)s times", epoch) % {"count": epoch})
    return ", ".join(said)


def _say_queue(look: Look) -> str:
    queue, priority = look.execution.queue, look.execution.priority
    if not priority:
        return queue
    return _("%(queue)s, priority %(priority)s") % {"queue": queue, "priority": priority}
