"""Say of each thing that an execution waits for what it is, how it stands, and what helps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from durable_django.control.actions import Action
from durable_django.control.explaining.stops import say_list
from durable_django.control.explaining.values import Case, Waited
from durable_django.control.waiting import CurrentWait, has_event_key
from durable_django.control.wording import say_duration
from durable_django.domain.execution import Execution
from durable_django.domain.signal import event_name_of
from durable_django.domain.status import ExecutionStatus, ParkReason, WaitKind
from durable_django.domain.task import Task

#: Children in these need a person, and whoever waits for them waits for that person.
NEEDS_A_PERSON = frozenset({ExecutionStatus.PARKED, ExecutionStatus.PAUSED})


def list_waited(case: Case) -> list[Waited]:
    """Return what the execution waits for, one by one."""
    return [_DESCRIBED[wait.kind](case, wait) for wait in case.waits]


def say_child(child: Execution) -> str:
    """Return where a child stands, as the end of a sentence: `is parked: its code has changed`."""
    if child.status is ExecutionStatus.PARKED:
        return _("is parked: %(why)s") % {"why": _PARKED.get(child.park_reason, "?")}
    if child.status is ExecutionStatus.SUSPENDED:
        said = _CHILD_WAITS.get(child.waiting_kind)
        name = _say_name(child.waiting_kind, child.waiting_for)
        return str(said) % {"name": name} if said else _("waits")
    return str(_CHILD_STANDS[child.status])


def name_of(case: Case, wait: CurrentWait) -> str:
    """Return what people call it: of a signal its name, of a call its key."""
    task = _find_task(case, wait)
    if task is not None:
        return case.describe_error(task.title or task.name)
    return _say_name(wait.kind, wait.name)


def _find_task(case: Case, wait: CurrentWait) -> Task | None:
    if wait.kind is not WaitKind.TASK:
        return None
    found = (task for task in case.tasks if task.key == wait.name and task.status.is_active)
    return next(found, None)


def _say_name(kind: WaitKind, name: str) -> str:
    return event_name_of(name) if kind is WaitKind.EVENT else name


def _describe_child(case: Case, wait: CurrentWait) -> Waited:
    child = case.children.get(wait.child_id) if wait.child_id else None
    said = {"name": wait.name}
    if child is None:
        text = _("Child %(name)s, which is not there, or not for you to see.") % said
    else:
        said |= {"workflow": child.workflow_name, "stands": say_child(child)}
        text = _("Child %(name)s (%(workflow)s), which %(stands)s.") % said
    return _waited(case, wait, text, child=child)


def _describe_map(case: Case, wait: CurrentWait) -> Waited:
    count = case.maps.get(wait.name)
    if count is None:
        return _waited(case, wait, _("The items of %(name)s.") % {"name": wait.name})
    said = {"name": wait.name, "count": count.say(), "open": count.open}
    text = _("The items of %(name)s: %(count)s.") % said
    if count.are_children:
        text = _("The children of %(name)s: %(count)s, %(open)s under way.") % said
    return _waited(case, wait, text)


def _describe_event(case: Case, wait: CurrentWait) -> Waited:
    said = {"name": event_name_of(wait.name)}
    text = _("Event %(name)s (durable_broadcast %(name)s).")
    if has_event_key(wait):
        text = _("Event %(name)s with its key (durable_broadcast %(name)s --key …).")
    return _waited(case, wait, text % said)


def _describe_task(case: Case, wait: CurrentWait) -> Waited:
    task, said = _find_task(case, wait), {"name": name_of(case, wait)}
    if task is None:
        text = _("A person: task %(name)s.") % said
    elif task.assignee:
        text = _("A person: task %(name)s, which %(user)s has.")
        text %= said | {"user": task.assignee}
    elif task.candidates:
        candidates = say_list([str(one) for one in task.candidates])
        text = _("A person: task %(name)s, offered to %(candidates)s.")
        text %= said | {"candidates": candidates}
    else:
        text = _("A person: task %(name)s, for everybody who completes tasks.") % said
    return _waited(case, wait, text, task=task)


def _describe_named(template: str | Promise, case: Case, wait: CurrentWait) -> Waited:
    return _waited(case, wait, str(template) % {"name": name_of(case, wait)})


def _waited(
    case: Case,
    wait: CurrentWait,
    text: str,
    *,
    child: Execution | None = None,
    task: Task | None = None,
) -> Waited:
    # An item has a timer of its own; a task's is an act on the task.
    has_own = wait.kind not in (WaitKind.MAP, WaitKind.TASK)
    ahead = has_own and wait.until is not None and wait.until > case.now
    if wait.until is not None:
        said = {"text": text, "at": case.say(wait.until), "left": _say_left(case, wait)}
        text = str(_UNTIL.get(wait.kind, _UNTIL_LATEST)) % said
    action = Action.FIRE_TIMER if ahead else None
    if wait.kind is WaitKind.SIGNAL:
        action = Action.SIGNAL
    is_named = wait.kind is WaitKind.SIGNAL
    return Waited(
        kind=str(wait.kind),
        key=wait.key,
        name=name_of(case, wait),
        text=text,
        until=wait.until,
        execution_id=str(child.id) if child is not None else "",
        task_id=str(task.id) if task is not None else "",
        action=str(action or ""),
        argument=wait.name if is_named else wait.firing_key if action else "",
        timer=wait.firing_key if ahead else "",
    )


def _say_left(case: Case, wait: CurrentWait) -> str:
    if wait.until is None or wait.until <= case.now:
        return _("due")
    return _("in %(time)s") % {"time": say_duration(wait.until - case.now)}


#: After what it waits for: until when. What ends by its time alone says so.
_UNTIL_LATEST = _lazy("%(text)s Until %(at)s at the latest.")
_UNTIL: Mapping[WaitKind, Promise] = {
    WaitKind.TIMER: _lazy("%(text)s It is over %(at)s, %(left)s."),
    WaitKind.RETRY: _lazy("%(text)s It begins %(at)s, %(left)s."),
    WaitKind.POLL: _lazy("%(text)s It is made again %(at)s, %(left)s."),
    WaitKind.MAP: _lazy("%(text)s One is tried again %(at)s, %(left)s."),
}
_DESCRIBED: Mapping[WaitKind, Callable[[Case, CurrentWait], Waited]] = {
    WaitKind.CHILD: _describe_child,
    WaitKind.MAP: _describe_map,
    WaitKind.EVENT: _describe_event,
    WaitKind.SIGNAL: partial(_describe_named, _lazy("Signal %(name)s.")),
    WaitKind.TIMER: partial(_describe_named, _lazy("Timer %(name)s.")),
    WaitKind.RETRY: partial(_describe_named, _lazy("The next attempt of %(name)s.")),
    WaitKind.POLL: partial(_describe_named, _lazy("Check %(name)s, which has not said yes yet.")),
    WaitKind.TASK: _describe_task,
}
_CHILD_WAITS: Mapping[WaitKind, Promise] = {
    WaitKind.SIGNAL: _lazy("waits for signal %(name)s"),
    WaitKind.EVENT: _lazy("waits for event %(name)s"),
    WaitKind.TIMER: _lazy("sleeps (%(name)s)"),
    WaitKind.RETRY: _lazy("is to try %(name)s again"),
    WaitKind.CHILD: _lazy("waits for its own child %(name)s"),
    WaitKind.MAP: _lazy("waits for the items of %(name)s"),
    WaitKind.POLL: _lazy("checks %(name)s again and again"),
    WaitKind.TASK: _lazy("waits for a person: %(name)s"),
    WaitKind.SEVERAL: _lazy("waits for several things"),
    WaitKind.DEFERRED: _lazy("is unknown to its workers"),
}
_CHILD_STANDS: Mapping[ExecutionStatus, Promise] = {
    ExecutionStatus.PENDING: _lazy("has not begun"),
    ExecutionStatus.RUNNING: _lazy("runs"),
    ExecutionStatus.COMPENSATING: _lazy("undoes its steps"),
    ExecutionStatus.PAUSED: _lazy("is paused"),
    ExecutionStatus.COMPLETED: _lazy("has completed"),
    ExecutionStatus.FAILED: _lazy("has failed"),
    ExecutionStatus.CANCELLED: _lazy("was cancelled"),
}
_PARKED: Mapping[ParkReason | None, Promise] = {
    ParkReason.NONDETERMINISM: _lazy("its code has changed"),
    ParkReason.UNKNOWN_WORKFLOW: _lazy("no worker knows its workflow"),
    ParkReason.POISON: _lazy("it loses its workers"),
    ParkReason.PAYLOAD: _lazy("a payload cannot be stored or read"),
    ParkReason.FAILURE: _lazy("it failed"),
    ParkReason.COMPENSATION_FAILED: _lazy("an undo failed"),
}
