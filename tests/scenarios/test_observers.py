from __future__ import annotations

import inspect
from datetime import timedelta

import pytest

from durable_django import Escalate, RetryPolicy
from durable_django.ports.observer import Observer

HOUR = timedelta(hours=1)
HOOKS = sorted(name for name, _ in inspect.getmembers(Observer, inspect.isfunction))


class Recorder(Observer):
    """Notes every hook that is called, with the key or the status it is about."""

    def __init__(self):
        self.heard = []

    def execution_started(self, execution):
        self.heard.append(("execution_started", str(execution.status)))

    def execution_resumed(self, execution):
        self.heard.append(("execution_resumed", str(execution.status)))

    def execution_suspended(self, execution, wait):
        self.heard.append(("execution_suspended", f"{wait.kind} {wait.name}"))

    def execution_finished(self, execution, status, error):
        self.heard.append(("execution_finished", f"{status} {error.type if error else ''}".strip()))

    def step_started(self, execution, checkpoint):
        self.heard.append(("step_started", checkpoint.key))

    def step_completed(self, execution, checkpoint):
        self.heard.append(("step_completed", checkpoint.key))

    def step_retried(self, execution, checkpoint, delay):
        self.heard.append(("step_retried", f"{checkpoint.key} after {delay}"))

    def step_failed(self, execution, checkpoint):
        self.heard.append(("step_failed", checkpoint.key))

    def step_compensated(self, execution, checkpoint):
        self.heard.append(("step_compensated", checkpoint.key))

    def task_opened(self, execution, task):
        self.heard.append(("task_opened", task.key))

    def task_reminded(self, execution, task):
        self.heard.append(("task_reminded", f"{task.key} {task.reminders}"))

    def task_escalated(self, execution, task):
        self.heard.append(("task_escalated", task.key))


class Broken(Observer):
    """Raises from every hook."""

    def __getattribute__(self, name):
        if name in HOOKS:
            raise RuntimeError("the metrics server is away")
        return super().__getattribute__(name)


@pytest.fixture
def body(log):
    def flaky():
        log.append("try")
        if len(log) == 1:
            raise OSError

    def failing():
        raise ValueError

    def body(ctx):
        ctx.step("flaky", flaky, retry=RetryPolicy.fixed(2, HOUR), compensate=lambda _: None)
        ctx.sleep("nap", HOUR)
        ctx.wait_signal("go", timeout=HOUR, default=None)
        boss = Escalate(after=HOUR / 2, to="boss")
        ctx.ask("approve", {}, remind=HOUR / 2, escalate=boss, timeout=HOUR, default=None)
        ctx.step("failing", failing)

    return body


def run(driver, workflow):
    execution = driver.start(workflow)
    driver.advance(hours=9)
    return execution.refresh()


def test_all_twelve_hooks_are_called_in_order(new_driver, define, body):
    """C28, W12."""
    recorder = Recorder()

    run(new_driver(observers=[recorder]), define(body))

    assert recorder.heard == [
        ("execution_started", "running"),
        ("step_started", "flaky"),
        ("step_retried", "flaky after 1:00:00"),
        ("execution_suspended", "retry flaky"),
        ("execution_resumed", "running"),
        ("step_started", "flaky"),
        ("step_completed", "flaky"),
        ("execution_suspended", "timer nap"),
        ("execution_resumed", "running"),
        ("step_completed", "nap"),
        ("execution_suspended", "signal go"),
        ("execution_resumed", "running"),
        ("step_failed", "go"),
        ("execution_suspended", "task approve"),
        ("task_opened", "approve"),
        ("execution_resumed", "running"),
        ("task_escalated", "approve"),
        ("task_reminded", "approve 1"),
        ("execution_suspended", "task approve"),
        ("execution_resumed", "running"),
        ("step_failed", "approve"),
        ("step_started", "failing"),
        ("step_failed", "failing"),
        ("step_compensated", "~undo/flaky"),
        ("execution_finished", "failed StepFailedError"),
    ]
    assert sorted({hook for hook, _ in recorder.heard}) == HOOKS
    assert len(HOOKS) == 12


def test_one_that_raises_changes_nothing(new_driver, define, body, caplog):
    recorder = Recorder()

    execution = run(new_driver(observers=[Broken(), recorder]), define(body))

    assert execution.status == "failed"
    assert execution.error.type == "StepFailedError"
    assert len(recorder.heard) == 25
    assert "Observer failed" in caplog.text


@pytest.mark.parametrize(
    ("act", "expected"),
    [("cancel", "cancelled"), ("pause", "paused")],
)
def test_a_person_s_act_is_heard_when_a_slice_heeds_it(new_driver, define, act, expected):
    recorder = Recorder()
    driver = new_driver(observers=[recorder])

    def body(ctx):
        ctx.step("a", lambda: getattr(driver.engine, act)(ctx.execution_id))
        ctx.step("b", lambda: 1)

    driver.start(define(body))

    assert recorder.heard[-1] == ("execution_finished", expected)


def test_parking_is_heard(new_driver, define):
    recorder = Recorder()
    driver = new_driver(observers=[recorder])

    driver.start(define(lambda _: object()))

    assert recorder.heard[-1] == ("execution_finished", "parked PayloadError")


def test_replay_is_not_heard_again(new_driver, define):
    recorder = Recorder()
    driver = new_driver(observers=[recorder])

    execution = driver.start(define(lambda ctx: [ctx.step("a", int), ctx.wait_signal("go")]))
    driver.signal(execution, "go")

    assert recorder.heard.count(("step_completed", "a")) == 1
