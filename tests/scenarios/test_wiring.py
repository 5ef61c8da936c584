"""What the engine asks of the store, where only the asking makes a promise true."""

from __future__ import annotations

import pytest

from durable_django.testing.crash import SimulatedCrash


@pytest.mark.parametrize("at_most_once", [True, False])
def test_only_an_at_most_once_intent_must_survive_the_server(
    driver, define, monkeypatch, at_most_once
):
    asked = []
    record = driver.engine.store.record_intent

    def record_intent(claim, checkpoint, *, must_survive=False):
        asked.append(must_survive)
        return record(claim, checkpoint, must_survive=must_survive)

    monkeypatch.setattr(driver.engine.store, "record_intent", record_intent)
    driver.start(define(lambda ctx: ctx.step("a", lambda: None, at_most_once=at_most_once)))

    assert asked == [at_most_once]


def test_what_stops_the_process_costs_the_rest_of_its_batch_no_lease(driver, define):
    def die(ctx):
        raise SimulatedCrash

    define(die).start()
    innocent = define(lambda ctx: ctx.step("a", lambda: None)).start()
    with pytest.raises(SimulatedCrash):
        driver.engine.advance(limit=10)
    driver.engine.advance(limit=10)

    assert innocent.refresh().status == "completed"
    assert innocent.execution.recoveries == 0


def test_a_killing_execution_does_not_park_what_was_claimed_with_it(driver, define):
    def die(ctx):
        raise SimulatedCrash

    deadly = define(die).start()
    innocent = define(lambda ctx: ctx.step("a", lambda: None)).start()
    for _ in range(30):
        claims = driver.engine.claim(limit=10)
        # As a worker that dies at the first of its batch: nothing is given back.
        for claim in claims:
            if claim.execution_id == deadly.id:
                try:
                    outcome = driver.engine.run_claim(claim)
                except SimulatedCrash:
                    outcome = None
                if outcome is None:
                    break
            else:
                driver.engine.run_claim(claim)
        driver.clock.advance(seconds=31)

    assert deadly.refresh().execution.park_reason == "poison"
    assert innocent.refresh().status == "completed"
