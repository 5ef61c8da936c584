"""What scenarios of human tasks share."""

from __future__ import annotations

from durable_django.domain.task import Principal, PrincipalKind
from durable_django.ports.observer import Observer


class RefundForm:
    """Stands for a Django form: the engine wants no more of it than its name."""


def group(name):
    return Principal(kind=PrincipalKind.GROUP, name=name)


def user(name):
    return Principal(kind=PrincipalKind.USER, name=name)


def states(driver, execution):
    return [(task.key, str(task.status)) for task in driver.tasks(execution)]


class Listener(Observer):
    def __init__(self):
        self.heard = []

    def task_opened(self, execution, task):
        self.heard.append(("opened", task.key, str(task.status)))

    def task_reminded(self, execution, task):
        self.heard.append(("reminded", task.key, task.reminders))

    def task_escalated(self, execution, task):
        self.heard.append(("escalated", task.key, [str(one) for one in task.candidates]))


def answer_behind(driver, execution_id):
    """Complete the open task as another process would, while a slice runs."""
    for task in driver.store.list_tasks(execution_id):
        if task.status.is_active:
            driver.store.complete_task(task.id, "alice", "{}")


def before_next(driver, method, act):
    original = getattr(driver.store, method)

    def once(*args, **kwargs):
        setattr(driver.store, method, original)
        act()
        return original(*args, **kwargs)

    setattr(driver.store, method, once)
