from __future__ import annotations

from datetime import timedelta

HOUR = timedelta(hours=1)


def test_a_waiting_execution_ends_failed(driver, define, log):
    """C75."""

    def body(ctx):
        ctx.step("a", log.action("a"), compensate=log.action("-a"))
        ctx.wait_signal("go")

    execution = driver.start(define(body, ttl=HOUR))
    driver.advance(hours=1)

    assert execution.refresh().status == "failed"
    assert execution.error.message == "TTL expired"
    assert execution.error.code == "expired"
    assert log == ["a", "-a"]


def test_a_pending_execution_ends_failed_without_running(driver, define, log):
    workflow = define(lambda ctx: ctx.step("a", log.action("a")), ttl=HOUR)
    execution = workflow.start()
    driver.clock.advance(hours=2)

    driver.drain()

    assert execution.refresh().error.message == "TTL expired"
    assert log == []


def test_a_running_execution_is_stopped_at_its_next_call(driver, define, log):
    def body(ctx):
        ctx.step("long", lambda: driver.clock.advance(hours=2) and None)
        ctx.step("b", log.action("b"))

    execution = driver.start(define(body, ttl=HOUR))

    assert execution.error.message == "TTL expired"
    assert driver.steps(execution) == ["long"]
    assert log == []


def test_it_does_not_end_completed_after_its_time(driver, define):
    def body(ctx):
        ctx.step("long", lambda: driver.clock.advance(hours=2) and None)
        return "done"

    assert driver.start(define(body, ttl=HOUR)).error.message == "TTL expired"


def test_a_longer_sleep_is_cut_short(driver, define):
    execution = driver.start(define(lambda ctx: ctx.sleep("nap", 9 * HOUR), ttl=HOUR))

    assert execution.execution.wake_at == execution.execution.created_at + HOUR


def test_without_one_nothing_expires(driver, define):
    """C75."""
    execution = driver.start(define(lambda ctx: ctx.wait_signal("go")))
    driver.advance(days=3650)

    assert execution.refresh().status == "suspended"


def test_pending_signals_expire_with_it(driver, define):
    execution = driver.start(define(lambda ctx: ctx.wait_signal("go"), ttl=HOUR))
    driver.signal(execution, "other")
    driver.advance(hours=1)

    assert [str(s.status) for s in driver.store.list_signals(execution.id)] == ["expired"]


def test_one_start_may_have_its_own(driver, define):
    workflow = define(lambda ctx: ctx.wait_signal("go"), ttl=9 * HOUR)
    execution = driver.start(workflow.options(ttl=HOUR))

    assert execution.execution.expires_at == execution.execution.created_at + HOUR
