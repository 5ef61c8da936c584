"""Explain executions that wait for a person."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from durable_django.control.calls import find_last_end
from durable_django.control.explaining.stops import say_list
from durable_django.control.explaining.values import Answer, Case
from durable_django.control.wording import say_duration
from durable_django.domain.status import WaitKind
from durable_django.domain.task import Task


def explain_task(case: Case) -> Answer:
    """Explain what waits for a human task, whether or not its task was given."""
    task = find_task(case)
    if task is None:
        return _explain_unknown(case)
    said = _words_of(case, task)
    who = _("%(assignee)s") if task.assignee else _("somebody")
    until = task.expires_at or case.execution.expires_at
    return Answer(
        headline=_("Waits for %(who)s: %(title)s") % {**said, "who": who % said},
        reason=" ".join(_list_reasons(case, task)),
        next=_say_next(case, task),
        advice=(
            _("Ask %(assignee)s to complete it, or reassign it.") % said
            if task.assignee
            else _("Ask one of them to claim and complete it, or reassign it.")
        ),
        since=task.created_at,
        until=until,
        is_late=_is_overdue(case, task),
    )


def facts_of_task(case: Case) -> Iterator[tuple[str, str, str]]:
    """Yield what is known of the task it waits for; its id leads to its page."""
    task = find_task(case)
    if task is None:
        return
    yield "task_id", _("Task"), str(task.id)
    yield "task_assignee", _("Who has it"), task.assignee
    yield "task_owner", _("Delegated by"), task.owner
    yield "task_candidates", _("Who may claim it"), say_list([str(c) for c in task.candidates])
    yield "task_due", _("Due"), case.say(task.due_at) if task.due_at else ""
    yield "task_reminders", _("Reminders"), str(task.reminders) if task.reminders else ""


def find_task(case: Case) -> Task | None:
    """Return the task that the execution waits for, if it waits for one and it was given."""
    execution = case.execution
    if execution.waiting_kind is not WaitKind.TASK or execution.is_terminal:
        return None
    open_ones = (t for t in case.tasks if t.key == execution.waiting_for and t.status.is_active)
    return next(open_ones, None)


def _list_reasons(case: Case, task: Task) -> Iterator[str]:
    said = _words_of(case, task)
    if task.assignee and task.owner:
        yield _("Task %(name)s was delegated by %(owner)s to %(assignee)s %(claimed)s.") % said
    elif task.assignee:
        yield _("Task %(name)s is %(assignee)s's since %(claimed)s.") % said
    elif task.candidates:
        yield _("Task %(name)s is offered to %(candidates)s, and nobody has it.") % said
    else:
        yield _("Task %(name)s is for everybody who completes tasks, and nobody has it.") % said
    if task.due_at is not None and _is_overdue(case, task):
        yield _("It is overdue by %(time)s.") % {"time": say_duration(case.now - task.due_at)}
    elif task.due_at is not None:
        yield _("It is due %(at)s.") % {"at": case.say(task.due_at)}
    if task.escalated_at is not None:
        yield _("It was escalated %(at)s.") % {"at": case.say(task.escalated_at)}


def _say_next(case: Case, task: Task) -> str:
    if task.expires_at is not None:
        text = _("Its completion; or, if nobody has completed it by then, the timeout %(at)s.")
        return text % {"at": case.say(task.expires_at)}
    if case.execution.expires_at is not None:
        text = _("Its completion; or the end of its time to live, %(at)s, when it fails.")
        return text % {"at": case.say(case.execution.expires_at)}
    return _("Its completion.")


def _explain_unknown(case: Case) -> Answer:
    name = case.execution.waiting_for
    return Answer(
        headline=_("Waits for a person: %(name)s") % {"name": name},
        reason=_("It waits for its human task %(name)s to be completed.") % {"name": name},
        next=_("The completion of the task."),
        advice=_("Look for the task among the human tasks, and complete or reassign it."),
        since=find_last_end(case.execution, case.checkpoints),
        until=case.execution.wake_at,
    )


def _is_overdue(case: Case, task: Task) -> bool:
    return task.due_at is not None and task.due_at <= case.now


def _words_of(case: Case, task: Task) -> dict[str, str]:
    return {
        "name": task.name,
        # What people wrote passes the caller's redaction, like a message.
        "title": case.describe_error(task.title or task.name),
        "assignee": task.assignee,
        "owner": task.owner,
        "candidates": say_list([str(one) for one in task.candidates]),
        "claimed": case.say(task.claimed_at or task.updated_at),
    }
