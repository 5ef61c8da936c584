from __future__ import annotations

from durable_django.engine.notifier import Notifier
from durable_django.ports.observer import Observer
from durable_django.testing import make_execution


class Counter(Observer):
    def __init__(self):
        self.heard = []

    def execution_started(self, execution):
        self.heard.append(execution)


class Broken(Observer):
    def execution_started(self, execution):
        raise RuntimeError("the metrics server is away")


def test_each_observer_is_told_in_order():
    one, two, execution = Counter(), Counter(), make_execution()

    Notifier([one, two]).tell(lambda o: o.execution_started(execution))

    assert one.heard == two.heard == [execution]


def test_one_that_raises_is_logged_and_passed_over(caplog):
    after = Counter()

    Notifier([Broken(), after]).tell(lambda o: o.execution_started(make_execution()))

    assert len(after.heard) == 1
    [record] = caplog.records
    assert (record.message, record.observer) == ("Observer failed", "Broken")


def test_nobody_is_told_nothing():
    Notifier().tell(lambda o: o.execution_started(make_execution()))
