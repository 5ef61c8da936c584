"""A check that is made again and again, at intervals that hold no worker."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from durable_django import PollTimeoutError, Signal, StepFailedError, current_step
from durable_django.exceptions import TimerNotFoundError
from durable_django.testing.crash import SimulatedCrash

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def check(driver, log):
    """Make a check that says yes at the n-th time, and notes when it is made."""

    def make(number, answer="yes"):
        def check():
            log.append(driver.clock.now())
            return answer if len(log) >= number else None

        return check

    return make


def minutes(log):
    return [(at - log[0]) // MINUTE for at in log]


def test_it_returns_what_the_check_says_at_last(driver, define, check, log):
    execution = driver.start(define(lambda ctx: ctx.poll("p", check(3), every=MINUTE)))
    facts = execution.execution
    driver.advance(minutes=5)

    assert (facts.status, facts.waiting_kind, facts.waiting_for) == ("suspended", "poll", "p")
    assert facts.wake_at == log[0] + MINUTE
    assert driver.result(execution.refresh()) == "yes"
    assert minutes(log) == [0, 1, 2]


def test_a_yes_at_once_waits_for_nothing(driver, define, check, log):
    assert (
        driver.result(driver.start(define(lambda ctx: ctx.poll("p", check(1), every=HOUR))))
        == "yes"
    )


def test_checks_that_say_no_leave_no_rows(driver, define, check):
    execution = driver.start(define(lambda ctx: ctx.poll("p", check(1000), every=MINUTE)))
    driver.advance(minutes=60)

    [row] = driver.checkpoints(execution)
    assert (row.key, row.attempt, str(row.status)) == ("p", 1, "intent")
    assert driver.store.list_timers(execution.id) == []


def test_the_answer_has_its_type_and_is_not_asked_for_again(driver, define, check, log):
    seen = []

    def body(ctx):
        seen.append(ctx.poll("p", check(2, Decimal("1.5")), every=MINUTE))
        ctx.sleep("nap", HOUR)

    driver.start(define(body))
    driver.advance(hours=3)

    assert seen == [Decimal("1.5")] * 2
    assert len(log) == 2


def test_what_is_done_meanwhile_does_not_make_it_check(driver, define, check, log):
    execution = driver.start(define(lambda ctx: ctx.poll("p", check(2), every=HOUR)))
    driver.advance(minutes=10)
    driver.signal(execution, "go")
    driver.pause(execution)
    driver.resume(execution)
    driver.restart()
    before = len(log)
    driver.advance(minutes=50)

    assert before == 1
    assert minutes(log) == [0, 60]


def test_the_time_is_up(driver, define, check, log):
    seen = []

    def body(ctx):
        with pytest.raises(PollTimeoutError) as caught:
            ctx.poll("p", check(100), every=timedelta(minutes=40), timeout=HOUR)
        seen.append(str(caught.value))
        ctx.sleep("nap", HOUR)

    execution = driver.start(define(body))
    driver.advance(hours=3)

    assert execution.refresh().status == "completed"
    assert seen[0] == seen[1]
    # Once more at the very end: it may have become true since.
    assert minutes(log) == [0, 40, 60]


def test_a_yes_at_the_very_end_counts(driver, define, check, log):
    execution = driver.start(
        define(lambda ctx: ctx.poll("p", check(3), every=timedelta(minutes=40), timeout=HOUR))
    )
    driver.advance(hours=1)

    assert driver.result(execution.refresh()) == "yes"
    assert minutes(log) == [0, 40, 60]


@pytest.mark.parametrize("default", [None, 0, "none"], ids=repr)
def test_a_default_is_returned_instead(driver, define, check, default):
    def body(ctx):
        return ctx.poll("p", check(100), every=MINUTE, timeout=HOUR, default=default)

    execution = driver.start(define(body))
    driver.advance(hours=2)

    assert driver.result(execution.refresh()) == default


def test_an_error_of_the_check_fails_it(driver, define, log):
    def check():
        log.append("check")
        raise ValueError("misspelled")

    seen = []

    def body(ctx):
        with pytest.raises(StepFailedError) as caught:
            ctx.poll("p", check, every=MINUTE)
        seen.append(str(caught.value))
        ctx.sleep("nap", HOUR)

    driver.start(define(body))
    driver.advance(hours=1)

    assert seen == ["Step 'p' failed after 1 attempt: ValueError: misspelled"] * 2
    assert log == ["check"]


def test_an_error_that_means_not_yet_is_waited_out(driver, define, log):
    def check():
        log.append("check")
        if len(log) < 3:
            raise ConnectionError("away")
        return "back"

    execution = driver.start(
        define(lambda ctx: ctx.poll("p", check, every=MINUTE, retry_on=(OSError,)))
    )
    driver.advance(minutes=5)

    assert driver.result(execution.refresh()) == "back"
    assert log == ["check"] * 3


def test_an_answer_that_cannot_be_stored_fails_it(driver, define):
    execution = driver.start(define(lambda ctx: ctx.poll("p", object, every=MINUTE)))

    assert execution.error.type == "StepFailedError"
    assert "PayloadError" in execution.error.message


def test_a_crash_in_the_check_makes_it_again(driver, define, log):
    def check():
        log.append("check")
        if len(log) == 1:
            raise SimulatedCrash
        return "yes"

    execution = driver.start(define(lambda ctx: ctx.poll("p", check, every=HOUR)))

    assert driver.result(execution.refresh()) == "yes"
    assert log == ["check", "check"]


def test_a_crash_at_any_write(driver, define, world):
    executions, told = [], []

    def check():
        told.append("check")
        return len(told) >= 3

    workflow = define(lambda ctx: ctx.poll("p", check, every=MINUTE))

    def scenario(driver):
        told.clear()
        executions[:] = [driver.start(workflow)]
        driver.advance(hours=1)
        return executions[0]

    def same():
        return [(c.key, c.attempt, str(c.status)) for c in driver.checkpoints(executions[0])]

    assert driver.crash_everywhere(scenario, same=same) >= 15


def test_a_person_may_have_it_check_now(driver, define, check, log):
    execution = driver.start(define(lambda ctx: ctx.poll("p", check(2), every=HOUR)))
    driver.engine.acts.fire_timer(execution.id, "p")
    driver.drain()

    assert driver.result(execution.refresh()) == "yes"
    assert minutes(log) == [0, 0]


def test_an_async_check_is_awaited(driver, define, log):
    async def check():
        log.append("check")
        return len(log) > 1 and "yes"

    execution = driver.start(define(lambda ctx: ctx.poll("p", check, every=MINUTE)))
    driver.advance(minutes=1)

    assert driver.result(execution.refresh()) == "yes"


def test_it_knows_its_step_and_makes_no_durable_calls(driver, define):
    def body(ctx):
        key = ctx.poll("p", lambda: current_step().key, every=MINUTE)
        with pytest.raises(StepFailedError, match="DurableCallError"):
            ctx.poll("q", lambda: ctx.step("x", int), every=MINUTE)
        return key

    assert driver.result(driver.start(define(body))) == "p"


def test_a_cancel_ends_it(driver, define, check, log):
    execution = driver.start(define(lambda ctx: ctx.poll("p", check(100), every=MINUTE)))
    driver.cancel(execution)

    assert execution.status == "cancelled"
    assert len(log) == 1


def test_a_retry_polls_anew(driver, define, check, log):
    execution = driver.start(
        define(lambda ctx: ctx.poll("p", check(4), every=timedelta(minutes=40), timeout=HOUR))
    )
    driver.advance(hours=1)
    failed = execution.refresh().status
    driver.retry(execution)

    assert failed == "failed"
    assert driver.result(execution) == "yes"
    assert [c.attempt for c in driver.checkpoints(execution)] == [1, 2]


def test_polls_in_branches_go_each_by_its_own_clock(driver, define, log):
    def check(name, number):
        def check():
            log.append(name)
            return name if log.count(name) >= number else None

        return check

    def body(ctx):
        with ctx.parallel("all") as p:
            a = p.branch("a", lambda ctx: ctx.poll("p", check("a", 3), every=2 * MINUTE))
            b = p.branch("b", lambda ctx: ctx.poll("p", check("b", 3), every=3 * MINUTE))
        return [a.result, b.result]

    execution = driver.start(define(body))
    driver.advance(minutes=10)

    assert driver.result(execution.refresh()) == ["a", "b"]
    assert log == ["a", "b", "a", "b", "a", "b"]


def test_one_that_was_dropped_is_not_put_off_any_more(driver, define, check):
    """Nothing of it is left that a person could hasten."""

    def body(ctx):
        with ctx.parallel("all", policy="first_success") as p:
            p.branch("poll", lambda ctx: ctx.poll("p", check(100), every=HOUR))
            p.wait("go", Signal("go"))
        ctx.sleep("nap", HOUR)

    execution = driver.start(define(body))
    driver.signal(execution, "go")

    with pytest.raises(TimerNotFoundError):
        driver.engine.acts.fire_timer(execution.id, "all/poll/p")
    [dropped] = [c for c in driver.checkpoints(execution) if c.key == "all/poll/p"]
    assert (str(dropped.status), dropped.retry_at) == ("failed", None)


@pytest.mark.parametrize(
    "options",
    [{"every": timedelta(0)}, {"every": -MINUTE}, {"every": MINUTE, "timeout": -MINUTE}],
    ids=str,
)
def test_what_makes_no_sense_is_refused(driver, define, options):
    execution = driver.start(define(lambda ctx: ctx.poll("p", int, **options)))

    assert execution.error.type == "DefinitionError"
