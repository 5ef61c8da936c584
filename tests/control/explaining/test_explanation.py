from __future__ import annotations

import json
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given

from durable_django import RetryPolicy
from durable_django.control.actions import Action
from durable_django.control.explaining.explanation import Explanation, explain, explanation_json
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.status import (
    CheckpointStatus,
    ExecutionStatus,
    Guarantee,
    ParkReason,
    SignalStatus,
    WaitKind,
)
from durable_django.testing import make_error
from tests.control.records import Records, any_records, at, driven, read, records

FAILED, UNDONE = CheckpointStatus.FAILED, CheckpointStatus.COMPENSATED
NOW = 100
ALARMS = {"none": None, "just now": at(NOW - 1), "long ago": at(NOW - 999), "later": at(NOW + 60)}


def tell(stored: Records, now: float = NOW, **options: Any) -> Explanation:
    return explain(*stored.all, at(now), **options)


def effects(explanation: Explanation) -> dict[str, str]:
    return {offer.action: offer.effect for offer in explanation.actions}


def facts(explanation: Explanation) -> dict[str, str]:
    return {fact.code: fact.value for fact in explanation.facts}


class TestTheMatrix:
    @pytest.mark.parametrize("alarm", ALARMS)
    @pytest.mark.parametrize("waiting", list(WaitKind), ids=lambda kind: kind or "nothing")
    @pytest.mark.parametrize("status", list(ExecutionStatus))
    def test_no_combination_leaves_a_question_open(self, status, waiting, alarm):
        """However unlikely: the page must help just when the rows are not what they should be."""
        reasons = list(ParkReason) if status is ExecutionStatus.PARKED else [ParkReason.POISON]
        for others in product(
            [None, *reasons],
            [None, at(1)],
            [None, at(2)],
            [None, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED],
            list(Guarantee),
            [None, make_error(call="charge").to_text()],
        ):
            names = "park_reason cancel_requested_at pause_requested_at ending guarantee error"
            stored = records(
                status,
                waiting_kind=waiting,
                waiting_for="charge" if waiting else "",
                wake_at=ALARMS[alarm],
                finished_at=at(50) if status.is_terminal else None,
                **dict(zip(names.split(), others, strict=True)),
            )
            stored.step("reserve", 1, 2, compensation="release")
            stored.step("charge", 2, 3, status=FAILED, retry_at=at(200))

            said = tell(stored)

            for answer in (said.headline, said.reason, said.next, said.advice):
                assert answer.strip()
                assert "None" not in answer
                assert "%(" not in answer
            assert said.actions
            assert all(offer.effect for offer in said.actions)

    @pytest.mark.parametrize("waiting", list(WaitKind), ids=lambda kind: kind or "nothing")
    @pytest.mark.parametrize("status", list(ExecutionStatus))
    def test_nothing_recorded_is_no_reason_to_say_nothing(self, status, waiting):
        said = tell(records(status, waiting_kind=waiting, started_at=None))

        assert all((said.headline, said.reason, said.next, said.advice))


class TestRunning:
    def test_it_names_the_call_the_attempt_and_the_worker(self):
        stored = records(wake_at=at(NOW + 20), lease_owner="web-1")
        stored.step("charge", 90, attempt=2)

        said = tell(stored)

        assert said.headline == "Runs charge"
        assert said.reason == "Worker web-1 runs charge, attempt 2."
        assert said.since == at(90)
        assert not said.is_late
        assert facts(said)["worker"] == "web-1"

    def test_a_lease_that_has_run_out_is_a_lost_worker(self):
        stored = records(wake_at=at(40), lease_owner="web-1", recoveries=2, queue="mail")
        stored.step("charge", 20)

        said = tell(stored)

        assert said.headline == "Lost with its worker"
        assert "Worker web-1 ran charge, attempt 1 and was lost" in said.reason
        assert "It lost 2 workers before that" in said.reason
        assert said.next == "A worker of queue mail, as soon as one is free."
        assert said.is_late

    def test_a_lease_that_has_just_run_out_needs_nobody(self):
        said = tell(records(wake_at=at(NOW - 2)))

        assert not said.is_late
        assert said.advice == "Wait a few seconds: it recovers by itself."

    def test_requests_that_are_not_heeded_yet_are_told(self):
        said = tell(
            records(
                wake_at=at(NOW + 20),
                cancel_requested_at=at(95),
                cancel_reason="customer",
                pause_requested_at=at(94),
            )
        )

        assert (
            "A cancel was requested 2026-03-02 09:01:35 UTC (customer); its completed steps will "
            "be undone." in said.reason
        )
        assert "A pause was requested" in said.reason


class TestWaiting:
    def test_a_signal_is_named_with_since_and_until(self):
        stored = records(
            ExecutionStatus.SUSPENDED,
            waiting_kind=WaitKind.SIGNAL,
            waiting_for="packed",
            wake_at=at(900),
        )
        stored.step("charge", 1, 2)
        stored.timer("packed", 900)
        stored.signal("other", 50)

        said = tell(stored)

        assert said.headline == "Waits for signal packed"
        assert "Signals of other names came, and stay in its inbox: other." in said.reason
        assert (said.since, said.until) == (at(2), at(900))
        assert said.next == (
            "The signal; or, if none has come by then, the timeout 2026-03-02 09:15:00 UTC."
        )
        assert effects(said)["signal"].startswith("Signal packed lets it go on")
        assert effects(said)["fire_timer"].startswith("The wait for packed times out now")

    def test_a_wait_without_timeout_has_no_end_and_no_timer_to_fire(self):
        said = tell(
            records(ExecutionStatus.SUSPENDED, waiting_kind=WaitKind.SIGNAL, waiting_for="packed")
        )

        assert (said.until, said.next) == (None, "The signal.")
        assert "fire_timer" not in effects(said)

    def test_a_wait_may_end_with_the_time_to_live(self):
        said = tell(
            records(
                ExecutionStatus.SUSPENDED,
                waiting_kind=WaitKind.SIGNAL,
                waiting_for="packed",
                wake_at=at(900),
                expires_at=at(900),
            )
        )

        assert said.until == at(900)
        assert "the end of its time to live" in said.next

    def test_a_signal_that_has_come_is_told_even_if_no_worker_took_it(self):
        stored = records(
            ExecutionStatus.SUSPENDED,
            waiting_kind=WaitKind.SIGNAL,
            waiting_for="packed",
            wake_at=at(40),
        )
        stored.signal("packed", 40)

        said = tell(stored)

        assert said.headline == "Late: due for 1 min"
        assert said.reason.startswith("Signal packed, which it waits for, has come.")
        assert said.is_late

    def test_a_sleep_is_told_with_its_end(self):
        stored = records(
            ExecutionStatus.SUSPENDED,
            waiting_kind=WaitKind.TIMER,
            waiting_for="cooling_off",
            wake_at=at(7_300),
        )
        stored.timer("cooling_off", 7_300)

        said = tell(stored)

        assert said.headline == "Sleeps: cooling_off"
        assert said.reason == "It sleeps (cooling_off); 2 h are left."
        assert said.until == at(7_300)
        assert effects(said)["fire_timer"].startswith("The sleep cooling_off is over now")

    def test_a_retry_names_the_attempt_that_failed_and_the_next_time(self):
        stored = records(
            ExecutionStatus.SUSPENDED,
            waiting_kind=WaitKind.RETRY,
            waiting_for="charge",
            wake_at=at(130),
        )
        stored.step("charge", 1, 2, status=FAILED, retry_at=at(10))
        stored.step("charge", 10, 11, status=FAILED, retry_at=at(130), attempt=2)

        said = tell(stored)

        assert said.headline == "Tries charge again"
        assert said.reason == (
            "Attempt 2 of charge failed: shop.CardDeclined: The card was declined."
        )
        assert said.next == "The next attempt of charge, 2026-03-02 09:02:10 UTC."
        assert facts(said)["attempt"] == "2"
        assert effects(said)["fire_timer"].startswith("The next attempt of charge begins now")

    def test_what_was_due_just_now_is_not_late(self):
        said = tell(records(ExecutionStatus.PENDING, started_at=None, wake_at=at(NOW - 3)))

        assert (said.headline, said.is_late) == ("Due now", False)
        assert said.reason.startswith("It has not begun.")

    def test_what_is_late_says_how_late_and_whom_to_ask(self):
        said = tell(
            records(ExecutionStatus.PENDING, started_at=None, wake_at=at(NOW - 95), queue="mail")
        )

        assert said.headline == "Late: due for 1 min 35 s"
        assert "no worker has taken it" in said.reason
        assert "Is there a worker that takes queue mail" in said.advice

    def test_a_foreground_execution_has_only_its_own_process(self):
        said = tell(
            records(ExecutionStatus.PENDING, guarantee=Guarantee.FOREGROUND, wake_at=at(NOW - 95))
        )

        assert said.next.startswith("The process that called run()")
        assert "durable_recover" in said.advice

    def test_a_planned_start_is_no_fault(self):
        said = tell(records(ExecutionStatus.PENDING, started_at=None, wake_at=at(NOW + 3600)))

        assert (said.headline, said.is_late) == ("Starts in 1 h", False)

    def test_an_unknown_workflow_is_told_since_when(self):
        since = at(60)
        said = tell(
            records(
                ExecutionStatus.SUSPENDED,
                waiting_kind=WaitKind.DEFERRED,
                waiting_for=f"~unknown since {since.isoformat()}",
                wake_at=at(NOW + 5),
            )
        )

        assert "does not register shop.order version 1" in said.reason
        assert said.since == since

    def test_a_cancel_that_waits_for_a_worker_comes_first(self):
        said = tell(
            records(
                ExecutionStatus.SUSPENDED,
                waiting_kind=WaitKind.TIMER,
                waiting_for="nap",
                wake_at=at(NOW),
                cancel_requested_at=at(NOW),
            )
        )

        assert said.reason.startswith("It is to be cancelled.")
        assert not {"cancel", "pause"} & effects(said).keys()

    def test_what_has_no_alarm_is_called_stuck(self):
        said = tell(records(ExecutionStatus.SUSPENDED, waiting_kind=WaitKind.TIMER))

        assert (said.headline, said.is_late) == ("Stuck: it has no alarm", True)


class TestUndoing:
    def test_it_says_what_is_undone_and_what_is_left(self):
        stored = records(
            ExecutionStatus.COMPENSATING,
            ending=ExecutionStatus.FAILED,
            error=make_error().to_text(),
            wake_at=at(NOW + 20),
        )
        stored.step("reserve", 1, 2, compensation="release")
        stored.step("charge", 2, 3, compensation="refund")
        stored.step("pack", 3, 4, status=UNDONE, compensation="unpack")

        said = tell(stored)

        assert said.headline == "Undoes its steps"
        assert "The cause: shop.CardDeclined: The card was declined." in said.reason
        assert "Undone: pack. Left: charge, reserve." in said.reason
        assert facts(said)["left_to_undo"] == "charge, reserve"
        assert effects(said).keys() == {"fork"}

    def test_an_undo_that_waits_to_be_tried_again_says_so(self):
        stored = records(
            ExecutionStatus.COMPENSATING,
            ending=ExecutionStatus.CANCELLED,
            waiting_kind=WaitKind.RETRY,
            waiting_for="~undo/charge",
            wake_at=at(130),
        )
        stored.step("charge", 2, 3, compensation="refund")
        stored.step("~undo/charge", 4, 5, status=FAILED, retry_at=at(130))

        said = tell(stored)

        assert "Attempt 1 of ~undo/charge failed" in said.reason
        assert "It was cancelled and undoes its completed steps" in said.reason
        assert said.until == at(130)


class TestStopped:
    @pytest.mark.parametrize(
        ("reason", "remedy"),
        [
            (ParkReason.NONDETERMINISM, "Restore the code"),
            (ParkReason.UNKNOWN_WORKFLOW, "Deploy code that registers it"),
            (ParkReason.POISON, "Look for what kills the worker"),
            (ParkReason.PAYLOAD, "Mend the value"),
            (ParkReason.FAILURE, "Or cancel it, which undoes"),
            (ParkReason.COMPENSATION_FAILED, "it goes on undoing what is left"),
        ],
    )
    def test_every_reason_for_parking_has_its_remedy(self, reason, remedy):
        said = tell(
            records(ExecutionStatus.PARKED, park_reason=reason, error=make_error().to_text())
        )

        assert remedy in said.advice
        assert "It says: shop.CardDeclined: The card was declined." in said.reason
        assert said.next == "A person: nothing else wakes it."
        assert "retry" in effects(said)

    def test_no_reason_for_parking_is_missing_here(self):
        advices = {
            reason: tell(records(ExecutionStatus.PARKED, park_reason=reason)).advice
            for reason in [None, *ParkReason]
        }

        assert len(set(advices.values())) == len(ParkReason) + 1

    def test_an_undo_that_failed_says_what_it_was_undoing_for(self):
        error = ErrorRecord(
            type="CompensationFailed",
            message="not undone: charge",
            undone_for=make_error(message="expired card").to_text(),
        )
        stored = records(
            ExecutionStatus.PARKED,
            park_reason=ParkReason.COMPENSATION_FAILED,
            ending=ExecutionStatus.FAILED,
            error=error.to_text(),
        )
        stored.step("charge", 1, 2, compensation="refund")

        said = tell(stored)

        assert "It was undoing because of: shop.CardDeclined: expired card." in said.reason
        assert effects(said)["retry"] == "It goes on undoing. Left: charge."
        assert "cancel" not in effects(said)

    def test_paused_says_since_when_and_where(self):
        stored = records(ExecutionStatus.PAUSED, pause_requested_at=at(60))
        stored.step("charge", 1, 2)

        said = tell(stored)

        assert (said.headline, said.since) == ("Paused", at(60))
        assert said.reason == "It was paused by a person, after charge."
        assert {"resume", "cancel", "terminate"} <= effects(said).keys()


class TestEnded:
    def test_a_failure_names_step_attempt_and_error(self):
        stored = records(
            ExecutionStatus.FAILED,
            finished_at=at(9),
            error=make_error(type="StepFailedError", call="charge").to_text(),
        )
        stored.step("reserve", 1, 2)
        stored.step(
            "charge",
            3,
            4,
            status=FAILED,
            attempt=5,
            is_final=True,
            error=make_error(args="[1]").to_text(),
        )

        said = tell(stored)

        assert said.headline == "Failed: charge, StepFailedError"
        assert said.reason == (
            "charge failed for good at attempt 5: shop.CardDeclined: The card was declined. "
            "That is a business outcome, which is not tried again."
        )
        assert effects(said)["retry"] == "Retry runs charge again. reserve stays as it is."
        assert facts(said)["error_kind"] == "a business outcome, not tried again"
        assert facts(said)["attempt"] == "5"

    def test_a_retry_does_again_what_was_undone(self):
        stored = records(
            ExecutionStatus.FAILED, finished_at=at(9), error=make_error(call="ship").to_text()
        )
        stored.step("plan", 0, 1)
        stored.step("look", 1, 2)
        stored.step("charge", 2, 3, status=UNDONE, compensation="refund")
        stored.step("ship", 3, 4, status=FAILED, is_final=True)

        assert effects(tell(stored))["retry"] == (
            "Retry runs ship again. What was undone is done again: charge. "
            "As they are stay plan, look."
        )

    def test_an_error_of_the_body_is_no_steps(self):
        said = tell(
            records(ExecutionStatus.FAILED, finished_at=at(9), error=make_error().to_text())
        )

        assert said.reason.startswith("Its body raised an error that no step caused")

    def test_a_time_to_live_that_was_over_is_told_as_that(self):
        error = ErrorRecord(type="WorkflowExpired", message="TTL expired", code="expired")

        said = tell(records(ExecutionStatus.FAILED, finished_at=at(9), error=error.to_text()))

        assert said.headline == "Failed: its time to live was over"

    def test_a_completed_one_says_how_long_it_took(self):
        said = tell(records(ExecutionStatus.COMPLETED, finished_at=at(192)), now=300)

        assert (said.headline, said.since) == ("Completed in 3 min 12 s", at(192))
        assert effects(said).keys() == {"fork"}

    def test_a_cancelled_one_says_why_and_what_was_undone(self):
        stored = records(
            ExecutionStatus.CANCELLED, finished_at=at(9), cancel_reason="customer called"
        )
        stored.step("charge", 1, 2, status=UNDONE)

        said = tell(stored)

        assert "The reason given: customer called." in said.reason
        assert "Undone: charge." in said.reason


class TestEffects:
    def test_a_cancel_lists_what_it_undoes_in_its_order(self):
        stored = records(ExecutionStatus.PAUSED)
        stored.step("reserve", 1, 2, compensation="release")
        stored.step("charge", 2, 3, compensation="refund")
        stored.step("mail", 3, 4)

        found = effects(tell(stored))

        assert found["cancel"] == "It undoes charge, reserve, in this order, and ends as cancelled."
        assert found["terminate"] == (
            "It ends as cancelled and undoes nothing: reserve, charge stay done."
        )

    def test_every_act_on_an_execution_is_described_in_some_state(self):
        known = set()
        for status in ExecutionStatus:
            stored = records(
                status, waiting_kind=WaitKind.TIMER, waiting_for="nap", wake_at=at(NOW + 9)
            )
            stored.timer("nap", NOW + 9)
            known |= effects(tell(stored)).keys()

        assert known == {str(action) for action in Action} - {"start"}

    def test_a_long_list_is_cut(self):
        stored = records(ExecutionStatus.PAUSED)
        for number in range(50):
            stored.step(f"s{number}", number, number + 1, compensation="x")

        assert "and 42 more" in effects(tell(stored))["cancel"]


class TestHiding:
    def test_every_message_passes_through_the_hook(self):
        secret = make_error(message="token=hunter2", call="charge").to_text()
        for status in ExecutionStatus:
            stored = records(status, error=secret, finished_at=at(9), ending=ExecutionStatus.FAILED)
            stored.step("charge", 1, 2, status=FAILED, error=secret)

            said = tell(stored, describe_error=lambda _: "[hidden]")

            assert "hunter2" not in json.dumps(explanation_json(said))

    def test_everything_is_a_json_value(self):
        stored = records(ExecutionStatus.SUSPENDED, waiting_kind=WaitKind.SIGNAL)
        stored.signal("packed", 3, status=SignalStatus.PENDING)

        found = json.loads(json.dumps(explanation_json(tell(stored))))

        assert found["since"] == "2026-03-02T09:00:00+00:00"
        assert found["actions"][0].keys() == {"action", "effect"}
        assert found["facts"][0].keys() == {"code", "label", "value"}


class TestWhatTheEngineLeaves:
    def test_a_step_that_fails_is_told_while_it_is_tried_again_and_when_it_ended(self):
        def fail():
            raise OSError("out of order")

        def story(ctx):
            ctx.step("plan", lambda: 1)
            ctx.step("charge", fail, retry=RetryPolicy.fixed(2, timedelta(minutes=1)))

        with driven(story) as (driver, workflow):
            execution = driver.start(workflow)
            waiting = explain(*read(driver, execution).all, driver.clock.now())
            driver.advance(minutes=2)
            ended = explain(*read(driver, execution).all, driver.clock.now())

        assert waiting.reason == "Attempt 1 of charge failed: OSError: out of order."
        assert ended.reason == "charge failed for good at attempt 2: OSError: out of order."
        assert effects(ended)["retry"] == "Retry runs charge again. plan stays as it is."

    def test_a_wait_is_told_by_the_name_that_a_sender_must_use(self):
        with driven(lambda ctx: ctx.wait_signal("packed")) as (driver, workflow):
            execution = driver.start(workflow)
            said = explain(*read(driver, execution).all, driver.clock.now())

        assert said.headline == "Waits for signal packed"
        assert facts(said).get("call") is None


@given(any_records())
def test_whatever_is_stored_is_explained(stored_and_now):
    stored, now = stored_and_now

    said = explain(*stored.all, now)

    assert all((said.headline, said.reason, said.next, said.advice, said.actions))


@pytest.mark.parametrize(
    "stored",
    [
        records(ExecutionStatus.CANCELLED, finished_at=at(9), cancel_reason="token=abc"),
        records(ExecutionStatus.RUNNING, cancel_requested_at=at(9), cancel_reason="token=abc"),
    ],
    ids=["cancelled", "to be cancelled"],
)
def test_reason_of_a_cancel_is_shown_as_the_caller_wants(stored: Records):
    said = tell(stored, describe_error=lambda text: text.replace("abc", "[hidden]"))

    assert "token=[hidden]" in said.reason
    assert "abc" not in said.reason
