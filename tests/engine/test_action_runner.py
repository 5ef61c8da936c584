from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from datetime import timedelta

import pytest

from durable_django.engine.action_runner import (
    ActionCancelled,
    ActionTimedOut,
    InlineActionRunner,
    ThreadActionRunner,
    call,
)
from durable_django.testing import ManualClock

LONG = timedelta(minutes=1)
BRIEF = timedelta(milliseconds=20)


class TestCall:
    def test_a_function(self):
        assert call(lambda: 7) == 7

    def test_a_coroutine_function(self):
        async def fetch():
            await asyncio.sleep(0)
            return 7

        assert call(fetch) == 7

    def test_a_lambda_around_a_coroutine_function(self):
        async def fetch(number):
            return number

        assert call(lambda: fetch(7)) == 7

    def test_a_cancelled_coroutine_is_an_error_like_any_other(self):
        async def cancelled():
            raise asyncio.CancelledError

        with pytest.raises(ActionCancelled):
            call(cancelled)


class TestThreadActionRunner:
    def test_without_a_timeout_it_runs_in_place(self):
        assert ThreadActionRunner().run(threading.get_ident, None) == threading.get_ident()

    def test_with_one_it_runs_in_a_thread_of_its_own(self):
        assert ThreadActionRunner().run(threading.get_ident, LONG) != threading.get_ident()

    def test_context_variables_are_there(self):
        variable = ContextVar("variable")
        variable.set(7)

        assert ThreadActionRunner().run(variable.get, LONG) == 7

    @pytest.mark.parametrize("error", [OSError, SystemExit])
    def test_its_error_is_raised_here(self, error):
        def failing():
            raise error("down")

        with pytest.raises(error, match="down"):
            ThreadActionRunner().run(failing, LONG)

    def test_a_late_one_is_left_behind(self):
        release = threading.Event()

        with pytest.raises(ActionTimedOut, match=r"within 0\.02 s"):
            ThreadActionRunner().run(release.wait, BRIEF)
        release.set()

    def test_its_thread_tidies_up(self):
        tidied = threading.Event()

        ThreadActionRunner(tidied.set).run(lambda: 7, LONG)

        assert tidied.wait(timeout=10)


class TestInlineActionRunner:
    @pytest.mark.parametrize("took", [LONG, timedelta(0)], ids=["just in time", "at once"])
    def test_in_time(self, took):
        clock = ManualClock()

        assert InlineActionRunner(clock).run(lambda: clock.advance(took), LONG) == clock.now()

    def test_late(self):
        clock = ManualClock()

        with pytest.raises(ActionTimedOut):
            InlineActionRunner(clock).run(lambda: clock.advance(2 * LONG), LONG)
