"""An event reaches all that wait for it now, once each, and nobody else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from durable_django import Event, Signal, SignalTimeoutError, Timer
from durable_django.domain.event import Actor, ActorKind
from durable_django.domain.signal import topic_of
from durable_django.exceptions import DefinitionError
from tests.scenarios.worlds import orm_only

HOUR = timedelta(hours=1)
ALICE = Actor(kind=ActorKind.USER, id="7", name="alice")


def subscribers(driver, name="news", key=""):
    return driver.store.list_subscribers(topic_of(name, key), after=None, limit=100)


@pytest.fixture
def broadcast(driver):
    def broadcast(name, payload=None, **options):
        told = driver.engine.broadcasts.broadcast(name, payload, **options)
        driver.drain()
        return told

    return broadcast


@pytest.fixture
def listener(define):
    return define(lambda ctx, key="": ctx.wait_event("news", key))


def test_it_reaches_all_that_wait(driver, listener, broadcast):
    executions = [driver.start(listener) for _ in range(3)]
    facts = executions[0].execution

    assert (facts.status, facts.waiting_kind, facts.waiting_for) == (
        "suspended",
        "event",
        topic_of("news", ""),
    )
    assert broadcast("news", {"n": 1}) == 3
    assert [driver.result(one.refresh()) for one in executions] == [{"n": 1}] * 3
    assert subscribers(driver) == []


def test_it_reaches_more_than_a_page(driver, listener, broadcast):
    executions = listener.options().start_many([()] * 120)
    driver.drain()

    assert broadcast("news") == 120
    assert {str(one.refresh().status) for one in executions} == {"completed"}


def test_it_does_not_reach_others(driver, define, listener, broadcast):
    """Another name, another key, a signal of the name, and who comes later."""
    other = driver.start(define(lambda ctx: ctx.wait_event("olds")))
    keyed = driver.start(listener, "a")
    signal = driver.start(define(lambda ctx: ctx.wait_signal("news")))

    assert broadcast("news") == 0
    late = driver.start(listener)
    assert {str(one.refresh().status) for one in (other, keyed, signal, late)} == {"suspended"}
    assert driver.store.list_signals(signal.id) == []


def test_a_key_reaches_those_of_the_key(driver, listener, broadcast):
    a, b, none = (driver.start(listener, key) for key in ("a", "b", ""))

    assert broadcast("news", 5, key="a") == 1
    assert driver.result(a.refresh()) == 5
    assert (b.refresh().status, none.refresh().status) == ("suspended", "suspended")


@pytest.mark.parametrize("key", ["order 5", "ä|~#/", "x" * 255], ids=lambda key: key[:8])
def test_odd_keys_are_keys(driver, listener, broadcast, key):
    execution = driver.start(listener, key)

    assert broadcast("news", key=key) == 1
    assert execution.refresh().status == "completed"


def test_each_is_told_once(driver, define, broadcast):
    """A second broadcast is not seen by a wait that had the first."""

    def body(ctx):
        first = ctx.wait_event("news")
        return [first, ctx.wait_event("news", timeout=HOUR, default="none")]

    execution = driver.start(define(body))
    driver.pause(execution)
    driver.engine.broadcasts.broadcast("news", 1)
    driver.resume(execution)
    driver.advance(hours=1)

    assert driver.result(execution.refresh()) == [1, "none"]


def test_two_broadcasts_before_it_looks_are_one_for_each_wait(driver, define, broadcast):
    def body(ctx):
        return [ctx.wait_event("news"), ctx.wait_event("news")]

    execution = driver.start(define(body))
    for n in (1, 2):
        driver.engine.broadcasts.broadcast("news", n)
    driver.drain()

    assert driver.result(execution.refresh()) == [1, 2]


def test_a_timeout_unsubscribes(driver, define, broadcast):
    seen = []

    def body(ctx):
        with pytest.raises(SignalTimeoutError) as caught:
            ctx.wait_event("news", timeout=HOUR)
        seen.append(str(caught.value))
        ctx.sleep("nap", HOUR)
        return "went on"

    execution = driver.start(define(body))
    driver.advance(hours=1)

    assert subscribers(driver) == []
    assert broadcast("news") == 0
    driver.advance(hours=1)
    assert driver.result(execution.refresh()) == "went on"
    assert seen[0] == seen[1]


@pytest.mark.parametrize("is_named_last", [False, True], ids=["named first", "named last"])
def test_a_race_that_is_lost_unsubscribes(driver, define, broadcast, is_named_last):
    def body(ctx):
        events = {"news": Event("news"), "go": Signal("go"), "late": Timer(days=1)}
        winner, _ = ctx.race(**dict(reversed(events.items())) if is_named_last else events)
        ctx.sleep("nap", HOUR)
        return winner

    execution = driver.start(define(body))
    waited = subscribers(driver)
    driver.signal(execution, "go")

    assert waited == [execution.id]
    assert subscribers(driver) == []
    assert broadcast("news") == 0


def test_a_branch_that_is_dropped_before_it_is_walked_unsubscribes(driver, define, broadcast):
    def body(ctx):
        with ctx.parallel("all", policy="first_success") as p:
            p.wait("go", Signal("go"))
            p.branch("listener", lambda branch: branch.wait_event("news"))
        ctx.sleep("nap", HOUR)
        return ctx.wait_event("news", timeout=HOUR, default="none")

    execution = driver.start(define(body))
    driver.signal(execution, "go")

    assert broadcast("news") == 0
    driver.advance(hours=2)
    assert driver.result(execution.refresh()) == "none"


def test_a_race_may_be_won_by_it(driver, define, broadcast):
    def body(ctx):
        return list(ctx.race(news=Event("news", "k"), late=Timer(days=1)))

    execution = driver.start(define(body))

    assert broadcast("news", 7, key="k") == 1
    assert driver.result(execution.refresh()) == ["news", 7]
    assert [str(t.status) for t in driver.store.list_timers(execution.id)] == ["cancelled"]


@pytest.mark.parametrize("end", ["cancel", "pause and cancel", "expire", "fail", "complete"])
def test_whatever_ends_it_unsubscribes(driver, define, broadcast, end):
    def body(ctx):
        if end == "fail":
            with ctx.parallel("all") as p:
                p.wait("news", Event("news"))
                p.branch("fails", lambda ctx: ctx.sleep("nap", HOUR) or 1 / 0)
        if end == "complete":
            ctx.race(news=Event("news"), late=Timer(hours=1))
            return
        ctx.wait_event("news")

    execution = driver.start(define(body, ttl=2 * HOUR))
    waited = subscribers(driver)
    if end.startswith("pause"):
        driver.pause(execution)
    if end.endswith("cancel"):
        driver.cancel(execution)
    driver.advance(hours=2)

    assert waited == [execution.id]
    assert execution.refresh().execution.is_terminal
    assert subscribers(driver) == []
    assert broadcast("news") == 0


def test_one_paused_is_told_and_finds_it_on_resume(driver, listener, broadcast):
    execution = driver.start(listener)
    driver.pause(execution)
    told = broadcast("news", 3)
    driver.resume(execution)

    assert told == 1
    assert driver.result(execution) == 3


def test_who_sent_it_is_noted_with_each(driver, listener, broadcast):
    execution = driver.start(listener)
    broadcast("news", by=ALICE, reason="test")

    [event] = driver.store.list_events(execution.id, after=0, limit=10)
    assert (event.actor, event.reason, dict(event.details)) == (
        ALICE,
        "test",
        {"event": "news", "key": ""},
    )


def test_it_may_be_for_some_only(driver, listener):
    one, two = driver.start(listener), driver.start(listener)
    told = driver.engine.broadcasts.broadcast("news", among=lambda page: {one.id})
    driver.drain()

    assert told == 1
    assert (one.refresh().status, two.refresh().status) == ("completed", "suspended")


@orm_only
def test_it_is_rolled_back_with_the_caller_s_transaction(driver, listener):
    execution = driver.start(listener)
    with transaction.atomic():
        told = driver.engine.broadcasts.broadcast("news")
        transaction.set_rollback(True)
    driver.drain()

    assert told == 1
    assert execution.refresh().status == "suspended"
    assert driver.store.list_signals(execution.id) == []
    assert subscribers(driver) == [execution.id]


@pytest.mark.parametrize(
    ("name", "key"),
    [("", ""), ("~x", ""), ("x" * 151, ""), ("x", " k")],
    ids=["empty", "odd", "long", "key"],
)
def test_what_is_no_event_is_refused(driver, define, name, key):
    with pytest.raises(DefinitionError):
        driver.engine.broadcasts.broadcast(name, key=key)
    execution = driver.start(define(lambda ctx: ctx.wait_event(name, key)))
    assert execution.error.type == "DefinitionError"


def test_a_crash_at_any_write(driver, define):
    executions = []

    def body(ctx):
        first = ctx.wait_event("news", timeout=HOUR, default="none")
        return [first, ctx.wait_event("news", timeout=HOUR, default="none")]

    workflow = define(body)

    def scenario(driver):
        executions[:] = [driver.start(workflow)]
        driver.engine.broadcasts.broadcast("news", 1)
        driver.drain()
        driver.advance(hours=3)
        return executions[0]

    def same():
        return subscribers(driver), [
            str(s.status) for s in driver.store.list_signals(executions[0].id)
        ]

    assert driver.crash_everywhere(scenario, same=same) >= 10
