from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import RetryPolicy, UnknownOutcomeError
from durable_django.testing.crash import SimulatedCrash

HOUR = timedelta(hours=1)


@pytest.fixture
def crashing(driver, log):
    def act():
        log.append("sent")
        if not driver.crashes:
            raise SimulatedCrash

    return act


def test_a_crash_makes_its_outcome_unknown_live_and_on_replay(driver, define, crashing, log):
    seen = []

    def body(ctx):
        try:
            ctx.step("send", crashing, at_most_once=True)
        except UnknownOutcomeError as error:
            seen.append((str(error), error.step, error.attempts))
        ctx.sleep("nap", HOUR)

    execution = driver.start(define(body))
    driver.advance(hours=1)

    assert log == ["sent"]
    assert seen[0] == seen[1]
    assert seen[0][1:] == ("send", 1)
    assert execution.refresh().status == "completed"


def test_without_a_crash_it_is_a_step_like_any_other(driver, define, log):
    body = define(lambda ctx: ctx.step("send", log.action("sent", 1), at_most_once=True))

    assert driver.result(driver.start(body)) == 1
    assert log == ["sent"]


def test_a_fallback_stands_in_for_the_unknown_live_and_on_replay(driver, define, crashing):
    seen = []

    def body(ctx):
        seen.append(ctx.step("send", crashing, at_most_once=True, fallback="unknown"))
        ctx.sleep("nap", HOUR)

    driver.start(define(body))
    driver.advance(hours=1)

    assert seen == ["unknown", "unknown"]


def test_uncaught_it_undoes_the_rest(driver, define, crashing, log):
    def body(ctx):
        ctx.step("reserve", log.action("reserve"), compensate=log.action("-reserve"))
        ctx.step("send", crashing, at_most_once=True)

    execution = driver.start(define(body))

    assert execution.status == "failed"
    assert log == ["reserve", "sent", "-reserve"]


def test_it_has_one_attempt(driver, define, log):
    policy = RetryPolicy.fixed(2)
    execution = driver.start(
        define(lambda ctx: ctx.step("a", log.action("a"), at_most_once=True, retry=policy))
    )

    assert execution.error.type == "DefinitionError"
    assert log == []
