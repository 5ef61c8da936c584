"""Run an action: sync or async, and no longer than its timeout.

An action with a timeout runs in a thread of its own. Python cannot end a thread from outside, so
one that is late is left behind: its result is ignored, and it may still have its effect.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from contextvars import copy_context
from datetime import timedelta
from typing import Any, Protocol

from asgiref.sync import async_to_sync

from durable_django.ports.clock import Clock


class ActionTimedOut(Exception):  # noqa: N818 -- recorded as a failed attempt, seen by nobody
    """The action did not end within its timeout."""

    def __init__(self, timeout: timedelta) -> None:
        super().__init__(f"did not end within {timeout.total_seconds():g} s")


class ActionCancelled(Exception):  # noqa: N818 -- recorded as a failed attempt, seen by nobody
    """An async action was cancelled from within: by its own doing, or by a library's."""

    def __init__(self) -> None:
        super().__init__("its coroutine was cancelled")


class ActionRunner(Protocol):
    """Runs an action and enforces its timeout."""

    def run(self, action: Callable[[], Any], timeout: timedelta | None) -> Any:
        """Return what the action returns, awaited if need be.

        Raises:
            ActionTimedOut: It took longer than `timeout`.
        """


class ThreadActionRunner:
    """Runs an action with a timeout in a thread, all others in place."""

    def __init__(self, on_thread_exit: Callable[[], object] | None = None) -> None:
        self._on_thread_exit = on_thread_exit

    def run(self, action: Callable[[], Any], timeout: timedelta | None) -> Any:
        """See `ActionRunner.run`."""
        if timeout is None:
            return call(action)
        box: dict[str, Any] = {}
        context = copy_context()
        thread = threading.Thread(
            target=lambda: context.run(self._fill, box, action),
            name="durable-action",
            daemon=True,
        )
        thread.start()
        thread.join(timeout.total_seconds())
        if thread.is_alive():
            raise ActionTimedOut(timeout)
        if "error" in box:
            raise box["error"]
        return box["value"]

    def _fill(self, box: dict[str, Any], action: Callable[[], Any]) -> None:
        try:
            box["value"] = call(action)
        except BaseException as error:  # noqa: BLE001 -- carried to the thread that waits
            box["error"] = error
        finally:
            if self._on_thread_exit is not None:
                self._on_thread_exit()


class InlineActionRunner:
    """Runs every action in place and compares its time on a clock: for tests with virtual time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def run(self, action: Callable[[], Any], timeout: timedelta | None) -> Any:
        """See `ActionRunner.run`; a late action is noticed when it ends."""
        begun = self._clock.now()
        value = call(action)
        if timeout is not None and self._clock.now() - begun > timeout:
            raise ActionTimedOut(timeout)
        return value


def call(action: Callable[[], Any]) -> Any:
    """Call the action, and wait for its result if it is a coroutine."""
    value = action()
    if inspect.iscoroutine(value):
        return async_to_sync(_resolve)(value)
    return value


async def _resolve(awaitable: Any) -> Any:
    try:
        return await awaitable
    except asyncio.CancelledError as error:
        # Not an Exception, and yet it says nothing of this process: as a crash it would recur.
        raise ActionCancelled from error
