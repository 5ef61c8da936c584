from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from durable_django import RetryPolicy
from durable_django.domain.status import CheckpointKind
from durable_django.exceptions import PayloadError, StepFailedError
from durable_django.testing.crash import SimulatedCrash

HOUR = timedelta(hours=1)
VALUES = [None, 0, False, "", [], {}, "naïve \x00 ☃", 1.5, Decimal("1.10"), (1, 2), {3}, HOUR]


def nest(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def give():
    return 1


class Giver:
    def __call__(self):
        return 1

    def give(self):
        return 1


class TestReplay:
    def test_a_completed_step_does_not_run_again(self, driver, define, log):
        """C17."""

        def body(ctx):
            value = ctx.step("once", log.action("once", {"a": 1}))
            ctx.sleep("nap", HOUR)
            return value

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert log == ["once"]
        assert driver.result(execution) == {"a": 1}

    def test_only_what_is_new_runs_after_a_crash(self, driver, define, log):
        """C18."""

        def body(ctx):
            ctx.step("validate", log.action("validate"))
            ctx.step("pay", log.action("pay"))
            if not driver.crashes:
                log.clear()
                raise SimulatedCrash
            return ctx.step("ship", log.action("ship", "shipped"))

        execution = driver.start(define(body))

        assert log == ["ship"]
        assert driver.result(execution) == "shipped"

    @pytest.mark.parametrize("value", VALUES, ids=repr)
    def test_a_result_is_the_same_live_and_on_replay(self, driver, define, value):
        """C15: None, 0, False and what is empty are results like any other."""
        seen = []

        def body(ctx):
            seen.append(ctx.step("give", lambda: value))
            ctx.sleep("nap", HOUR)

        driver.start(define(body))
        driver.advance(hours=1)

        assert seen == [value, value]
        assert [type(one) for one in seen] == [type(value)] * 2

    def test_the_body_is_given_the_stored_value_and_not_the_action_s_object(self, driver, define):
        shared = {"items": [1]}

        def body(ctx):
            got = ctx.step("give", lambda: shared)
            got["items"].append(2)
            return got is shared

        assert driver.result(driver.start(define(body))) is False
        assert shared == {"items": [1]}

    def test_a_name_used_again_is_a_step_of_its_own(self, driver, define):
        def body(ctx):
            return [ctx.step("pick", lambda n: n, number) for number in (5, 6, 7)]

        execution = driver.start(define(body))

        assert driver.result(execution) == [5, 6, 7]
        assert driver.steps(execution) == ["pick", "pick#2", "pick#3"]

    def test_a_name_is_one_step_whatever_kind_of_call_it_is(self, driver, define):
        def body(ctx):
            ctx.step("pause", lambda: 1)
            ctx.sleep("pause", HOUR)

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert driver.steps(execution) == ["pause", "pause#2"]
        assert [c.kind for c in driver.checkpoints(execution)] == [
            CheckpointKind.STEP,
            CheckpointKind.SLEEP,
        ]

    def test_many_steps_work(self, driver, define):
        """C25."""

        def body(ctx):
            total = sum(ctx.step("add", lambda n: n, n) for n in range(120))
            ctx.sleep("nap", HOUR)
            return total

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert driver.result(execution) == sum(range(120))
        assert driver.steps(execution)[119] == "add#120"

    def test_an_intent_and_its_outcome_are_one_row(self, driver, define):
        """C24."""
        seen = []

        def look(execution_id):
            seen.extend(driver.store.list_checkpoints(execution_id))

        body = define(lambda ctx: ctx.step("look", look, ctx.execution_id))
        rows = driver.checkpoints(driver.start(body))

        assert [(c.attempt, c.status) for c in seen] == [(1, "intent")]
        assert [(c.attempt, c.status) for c in rows] == [(1, "completed")]


class TestArguments:
    def test_arguments_are_stored_for_people(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.step("add", lambda a, b: a + b, 1, 2)))

        [row] = driver.checkpoints(execution)
        assert driver.engine.payloads.decode(row.input, "arguments") == (1, 2)
        assert row.input_digest

    def test_an_argument_that_is_no_payload_runs_nothing(self, driver, define, log):
        def body(ctx):
            with pytest.raises(PayloadError, match="Arguments of step 'pay'"):
                ctx.step("pay", log.action("pay"), object())

        execution = driver.start(define(body))

        assert execution.status == "completed"
        assert log == []

    def test_the_action_is_given_the_argument_itself(self, driver, define):
        given = [1, 2]

        execution = driver.start(define(lambda ctx: ctx.step("same", lambda a: a is given, given)))

        assert driver.result(execution) is True

    @pytest.mark.parametrize(
        ("action", "path"),
        [
            (give, f"{__name__}.give"),
            (partial(partial(give)), f"{__name__}.give"),
            (Giver(), f"{__name__}.Giver"),
            (Giver().give, f"{__name__}.Giver.give"),
            (int, "builtins.int"),
        ],
        ids=["function", "partial", "object", "method", "class"],
    )
    def test_the_action_is_named_for_people(self, driver, define, action, path):
        execution = driver.start(define(lambda ctx: ctx.step("a", action)))

        assert driver.checkpoints(execution)[0].action == path

    def test_an_action_may_be_async(self, driver, define):
        async def fetch(number):
            return number + 1

        execution = driver.start(define(lambda ctx: ctx.step("fetch", fetch, 1)))

        assert driver.result(execution) == 2


class TestSerialize:
    def test_a_custom_form_makes_the_round_trip_also_after_a_crash(self, driver, define):
        """C19."""
        seen = []

        def body(ctx):
            seen.append(
                ctx.step(
                    "measure",
                    lambda: complex(1, 2),
                    serialize=lambda z: [z.real, z.imag],
                    deserialize=lambda pair: complex(*pair),
                )
            )
            if not driver.crashes:
                raise SimulatedCrash

        execution = driver.start(define(body))

        assert seen == [1 + 2j, 1 + 2j]
        assert driver.checkpoints(execution)[0].output == "[1.0,2.0]"

    @pytest.mark.parametrize("hook", ["serialize", "deserialize"])
    def test_a_broken_hook_fails_the_step_and_does_not_run_the_action_again(
        self, driver, define, log, hook
    ):
        def broken(value):
            raise ValueError("secret")

        def body(ctx):
            ctx.step("pay", log.action("pay", 1), retry=RetryPolicy.fixed(3), **{hook: broken})

        execution = driver.start(define(body))

        assert log == ["pay"]
        assert execution.status == "failed"
        assert "PayloadError: Result of step 'pay'" in execution.error.message


class TestUnstorableResults:
    @pytest.mark.parametrize(
        "result",
        [
            pytest.param(object(), id="no JSON"),
            pytest.param(float("nan"), id="NaN"),
            pytest.param("x" * 300_000, id="huge"),
            pytest.param(nest(50), id="deep"),
        ],
    )
    def test_the_step_fails_for_good_and_nothing_half_written_remains(
        self, driver, define, log, result
    ):
        """C13."""

        def body(ctx):
            with pytest.raises(StepFailedError) as caught:
                ctx.step("make", log.action("make", result), retry=RetryPolicy.fixed(3))
            return [caught.value.error_type, caught.value.message]

        execution = driver.start(define(body))

        error_type, message = driver.result(execution)
        assert (error_type, log) == ("PayloadError", ["make"])
        assert "'make'" in message
        [row] = driver.checkpoints(execution)
        assert (row.status, row.output, row.is_final) == ("failed", None, True)

    def test_a_workflow_s_own_result_parks_it_and_a_retry_after_a_fix_completes(
        self, driver, define, log
    ):
        def broken(ctx):
            ctx.step("work", log.action("work"), compensate=log.action("undo"))
            return object()

        def fixed(ctx):
            ctx.step("work", log.action("work"), compensate=log.action("undo"))
            return "fine"

        workflow = define(broken)
        execution = driver.start(workflow)
        parked = (execution.status, execution.execution.park_reason)
        define(fixed, name=workflow.name)
        driver.retry(execution)

        assert parked == ("parked", "payload")
        assert driver.result(execution) == "fine"
        assert log == ["work"]
