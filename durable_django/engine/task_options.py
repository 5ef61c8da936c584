"""What a call of `ctx.ask` asks for, read from what an author writes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from durable_django.domain.identifiers import MAX_KEY_LENGTH
from durable_django.domain.principals import principals_of, usernames_of
from durable_django.domain.task import Escalate, Principal, PrincipalKind
from durable_django.domain.task_form import FormField, TaskForm
from durable_django.domain.wait import check_wait
from durable_django.exceptions import DefinitionError

MAX_PRIORITY = 1000
SHORTEST_REMINDER = timedelta(seconds=1)
_MAX_PATH_LENGTH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """What is asked, of whom, and until when."""

    #: The import path of a form; else the fields.
    form: str = ""
    fields: tuple[Mapping[str, Any], ...] = ()
    title: str = ""
    description: str = ""
    display: Mapping[str, Any] = field(default_factory=dict)
    assignee: str = ""
    candidates: tuple[Principal, ...] = ()
    not_by: tuple[str, ...] = ()
    priority: int = 0
    due: timedelta | None = None
    remind: timedelta | None = None
    escalate_after: timedelta | None = None
    escalate_to: tuple[Principal, ...] = ()
    timeout: timedelta | None = None


def read_options(  # noqa: PLR0913 -- what `ctx.ask` takes, by name
    name: str,
    form: Any,
    *,
    title: str = "",
    description: str = "",
    display: Mapping[str, Any] | None = None,
    assignees: Any = None,
    candidates: Any = None,
    not_by: Any = (),
    due: timedelta | None = None,
    priority: int = 0,
    remind: timedelta | None = None,
    escalate: Escalate | None = None,
    timeout: timedelta | None = None,
) -> TaskOptions:
    """Return what is meant; see `TaskCalls.ask`.

    Raises:
        DefinitionError: An option is not legal; the message names the task and the option.
    """
    what = f"Task {name!r}"
    path, fields = _read_form(what, form)
    barred = usernames_of(not_by, f"{what}: not_by")
    assigned, named = _read_people(what, assignees, candidates, barred)
    _check_times(what, due, remind, timeout)
    return TaskOptions(
        form=path,
        fields=fields,
        title=_text(what, "title", title, MAX_KEY_LENGTH),
        description=_text(what, "description", description),
        display=_read_display(what, display),
        assignee=_only_user(_without(barred, assigned)),
        candidates=named,
        not_by=barred,
        priority=_priority(what, priority),
        due=due,
        remind=remind,
        escalate_after=None if escalate is None else escalate.after,
        escalate_to=_escalated_to(what, escalate, barred),
        timeout=timeout,
    )


def _read_form(what: str, form: Any) -> tuple[str, tuple[Mapping[str, Any], ...]]:
    """Return the import path of a form class, or the fields."""
    if isinstance(form, FormField | Mapping):
        fields = TaskForm.of(form).to_json()
        for field_ in fields:
            for text in _texts_in(field_):
                _text(what, f"the field {field_['name']!r}", text)
        return "", fields
    if not isinstance(form, type):
        raise DefinitionError(
            f"{what} needs a form class, or fields such as Approval(); not {form!r:.80}."
        )
    if issubclass(form, FormField):
        raise DefinitionError(f"{what} needs a field: write {form.__name__}(…) with its brackets.")
    path = f"{form.__module__}.{form.__qualname__}"
    if _find_class(form) is not form or len(path) > _MAX_PATH_LENGTH:
        raise DefinitionError(
            f"{what}: the form {path:.100} cannot be found again by its name. Define it at the "
            f"top level of a module that the web process loads too."
        )
    return path, ()


def _texts_in(value: Any) -> Iterator[str]:
    """Yield what people read of a field: its label, its help, its options."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (Mapping, list)):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts_in(one)


def _find_class(form: type) -> object:
    found: object = sys.modules.get(form.__module__)
    for part in form.__qualname__.split("."):
        found = getattr(found, part, None)
    return found


def _read_people(
    what: str, assignees: Any, candidates: Any, barred: tuple[str, ...]
) -> tuple[tuple[Principal, ...], tuple[Principal, ...]]:
    """Return the assignees, and who may claim it: none at all if nobody in particular is asked."""
    assigned = () if assignees is None else principals_of(assignees)
    meant = (*assigned, *(() if candidates is None else principals_of(candidates)))
    named = _without(barred, meant)
    if meant and not named:
        raise DefinitionError(f"{what}: all whom it names are in its not_by; name somebody else.")
    if not named and not (assignees is None and candidates is None):
        # Not everybody: a query that finds nobody must not open the task to all.
        raise DefinitionError(
            f"{what} is for nobody: its assignees and candidates are empty. Leave both out to ask "
            f"everybody who may complete tasks."
        )
    return assigned, named


def _only_user(assigned: tuple[Principal, ...]) -> str:
    """Return whom the task belongs to from the start: the one user, if there is but one."""
    if len(assigned) == 1 and assigned[0].kind is PrincipalKind.USER:
        return assigned[0].name
    return ""


def _without(barred: Iterable[str], named: tuple[Principal, ...]) -> tuple[Principal, ...]:
    users = {Principal(kind=PrincipalKind.USER, name=name) for name in barred}
    return tuple(one for one in dict.fromkeys(named) if one not in users)


def _escalated_to(
    what: str, escalate: Escalate | None, barred: tuple[str, ...]
) -> tuple[Principal, ...]:
    if escalate is None:
        return ()
    check_wait(f"{what}: escalate after", escalate.after)
    to = _without(barred, principals_of(escalate.to))
    if not to:
        raise DefinitionError(f"{what} escalates to nobody: name users or groups in `to`.")
    return to


def _check_times(
    what: str, due: timedelta | None, remind: timedelta | None, timeout: timedelta | None
) -> None:
    for option, duration in (("due", due), ("remind", remind), ("timeout", timeout)):
        if duration is not None:
            check_wait(f"{what}: {option}", duration)
    if remind is not None and remind < SHORTEST_REMINDER:
        raise DefinitionError(
            f"{what}: remind is {remind}; it must be {SHORTEST_REMINDER} or more."
        )


def _priority(what: str, priority: int) -> int:
    if type(priority) is not int or not 0 <= priority <= MAX_PRIORITY:
        raise DefinitionError(
            f"{what}: priority is a whole number from 0 to {MAX_PRIORITY}, not {priority!r:.40}."
        )
    return priority


def _text(what: str, option: str, text: object, most: int | None = None) -> str:
    """Return text for people; one that is translated lazily is, now."""
    found = str(text)
    if "\0" in found or not _is_unicode(found):
        raise DefinitionError(f"{what}: {option} holds a character that no database stores.")
    if most is not None and len(found) > most:
        raise DefinitionError(
            f"{what}: {option} has {len(found)} characters, at most {most} may be; put the rest "
            f"into the description."
        )
    return found


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_display(what: str, display: object) -> Mapping[str, Any]:
    if display is None:
        return {}
    if not isinstance(display, Mapping) or not all(isinstance(name, str) for name in display):
        raise DefinitionError(f"{what}: display is a mapping of names to values.")
    return dict(display)
