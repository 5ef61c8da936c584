"""Mail to those who are asked: a reminder says nothing by itself, an observer hears of it."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.core.mail import send_mail
from django.db.models import Q

from durable_django.domain.execution import Execution
from durable_django.domain.task import Principal, PrincipalKind, Task
from durable_django.ports.observer import Observer

SENDER = "expenses@example.com"


class TaskMail(Observer):
    """Tell of open claims by mail; as observers are called, seldom once too often."""

    def task_opened(self, execution: Execution, task: Task) -> None:
        _send(f"To review: {task.title}", task, task.candidates)

    def task_reminded(self, execution: Execution, task: Task) -> None:
        _send(f"Still to review: {task.title}", task, task.candidates)

    def task_escalated(self, execution: Execution, task: Task) -> None:
        _send(f"Nobody has reviewed: {task.title}", task, task.escalate_to)


def _send(subject: str, task: Task, to: tuple[Principal, ...]) -> None:
    names = {kind: [one.name for one in to if one.kind is kind] for kind in PrincipalKind}
    users = get_user_model().objects.filter(
        Q(groups__name__in=names[PrincipalKind.GROUP]) | Q(username__in=names[PrincipalKind.USER]),
        is_active=True,
    )
    # Who has claimed it needs no others to be told.
    users = users.filter(username=task.assignee) if task.assignee else users
    addresses = users.exclude(username__in=task.not_by).exclude(email="")
    for address in sorted(set(addresses.values_list("email", flat=True))):
        send_mail(subject, task.description, SENDER, [address])
