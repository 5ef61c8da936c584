"""`ctx.wait_signal` and its relatives: what a workflow says of what it waits for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from durable_django.domain.identifiers import check_name
from durable_django.domain.wait import check_wait
from durable_django.engine.awaitables import Awaitable, as_awaitable, check_event
from durable_django.engine.branches import BranchStatus
from durable_django.engine.group_manager import GroupManager, GroupOptions, GroupResult
from durable_django.engine.group_policies import FailFast, FirstEnd, GroupPolicy
from durable_django.engine.poll_manager import PollManager, PollOptions
from durable_django.engine.signal_manager import NO_DEFAULT, SignalManager
from durable_django.engine.slice_state import SliceState
from durable_django.engine.timer_manager import TimerManager
from durable_django.exceptions import DefinitionError, WaitTimeoutError

T = TypeVar("T")


class WaitCalls:
    """The chapter of the context about waiting."""

    _state: SliceState

    def sleep(self, name: str, duration: timedelta) -> None:
        """Wait for `duration`, holding no worker, over restarts and deploys.

        The end is fixed when the sleep is first reached; it is never early, and as late as the
        workers are busy.
        """
        check_name("timer", name)
        with self._state.durable_call(f"Sleep {name!r}"):
            TimerManager(self._state).sleep(name, duration)

    def sleep_until(self, name: str, instant: datetime) -> None:
        """Wait until `instant` (aware), which is fixed when the sleep is first reached.

        An instant in the past lets it pass at once.
        """
        check_name("timer", name)
        with self._state.durable_call(f"Sleep {name!r}"):
            TimerManager(self._state).sleep_until(name, instant)

    def wait_signal(
        self, name: str, *, timeout: timedelta | None = None, default: Any = NO_DEFAULT
    ) -> Any:
        """Return the payload of the next signal of this name, waiting for it if need be.

        Signals are consumed once each, in the order they were accepted; early ones wait.

        Args:
            name: The name that the sender uses.
            timeout: How long to wait, from the first time the wait is reached; None is for ever.
            default: What to return when the time is up, instead of raising.

        Raises:
            SignalTimeoutError: None came in time. A later one stays for the next wait.
        """
        check_name("signal", name)
        with self._state.durable_call(f"Wait for signal {name!r}"):
            return SignalManager(self._state).wait(name, timeout, default)

    def wait_event(
        self,
        name: str,
        key: str = "",
        *,
        timeout: timedelta | None = None,
        default: Any = NO_DEFAULT,
    ) -> Any:
        """Return the payload of the next broadcast of this name and key.

        A broadcast (`client.broadcast`) reaches every execution that waits for it at that moment,
        and nobody who comes later; what must not be missed is sent as a signal.

        Raises:
            SignalTimeoutError: None came in time.
        """
        check_event(name, key)
        with self._state.durable_call(f"Wait for event {name!r}"):
            return SignalManager(self._state).wait_event(name, name, key, timeout, default)

    def poll(
        self,
        name: str,
        check: Callable[[], T],
        *,
        every: timedelta,
        timeout: timedelta | None = None,
        default: Any = NO_DEFAULT,
        retry_on: tuple[type[Exception], ...] = (),
    ) -> T:
        """Make a check again and again until what it returns is true; return that.

        No worker is held in between. Checks that say no are not recorded, so that polling for
        months costs one row; after a crash the check is made again.

        Args:
            name: Names the call.
            check: Takes no arguments; looks and does not change anything.
            every: How long to wait between two checks.
            timeout: How long to go on, from the first check.
            default: What to return when the time is up, instead of raising.
            retry_on: Errors of the check that mean "not yet", such as a network that is away.

        Raises:
            PollTimeoutError: It did not say yes in time.
            StepFailedError: It raised something else.
        """
        check_name("poll", name)
        options = PollOptions(every=every, timeout=timeout, default=default, retry_on=retry_on)
        with self._state.durable_call(f"Poll {name!r}"):
            result: T = PollManager(self._state).poll(name, check, options)
            return result

    def race(self, name: str = "race", /, **events: Awaitable) -> tuple[str, Any]:
        """Wait for the first of several things; return its label and its result.

        `ctx.race(paid=Signal("paid"), late=Timer(days=3))` returns `("paid", payload)` or
        `("late", None)`. What loses is withdrawn: timers and subscriptions end, children are
        cancelled; a signal that comes later stays in the mailbox.

        Raises:
            ChildFailedError: A child came first, and failed.
        """
        if not events:
            raise DefinitionError("race() needs something to wait for: race(paid=Signal('paid')).")
        result = self._run_group(name, dict(events), FirstEnd(), None)
        if result.decision.error is not None:
            self._state.fail(result.call, result.decision.error)
        return result.decision.by, result.outcomes[result.decision.by].value

    def wait_any(
        self,
        *events: Awaitable | str,
        name: str = "any",
        timeout: timedelta | None = None,
        default: Any = NO_DEFAULT,
    ) -> tuple[str, Any]:
        """Wait for the first of several signals or events; return its name and payload.

        Args:
            *events: Names of signals, `Signal("…")` or `Event("…", key)`.
            name: Names the call.
            timeout: How long to wait, from the first time the wait is reached.
            default: What to return when the time is up, instead of raising.

        Raises:
            WaitTimeoutError: None came in time.
        """
        result = self._run_group(name, _labelled(events), FirstEnd(), timeout)
        if result.has_timed_out:
            return self._timed_out(result, default)  # type: ignore[no-any-return]
        if result.decision.error is not None:
            self._state.fail(result.call, result.decision.error)
        return result.decision.by, result.outcomes[result.decision.by].value

    def wait_all(
        self,
        *events: Awaitable | str,
        name: str = "all",
        timeout: timedelta | None = None,
        default: Any = NO_DEFAULT,
    ) -> dict[str, Any]:
        """Wait for all of several signals or events; return their payloads by name.

        Each is consumed when it comes. When the time is up, the error says what came and what
        did not; the waits for the rest are withdrawn.

        Raises:
            WaitTimeoutError: Not all came in time; `received` and `missing` say which.
        """
        result = self._run_group(name, _labelled(events), FailFast(), timeout)
        if result.has_timed_out:
            return self._timed_out(result, default)  # type: ignore[no-any-return]
        if result.decision.error is not None:
            self._state.fail(result.call, result.decision.error)
        return {label: outcome.value for label, outcome in result.outcomes.items()}

    def _run_group(
        self,
        name: str,
        events: dict[str, Awaitable],
        policy: GroupPolicy,
        timeout: timedelta | None,
    ) -> GroupResult:
        check_name("group", name)
        if timeout is not None:
            check_wait(f"Wait {name!r}", timeout)
        branches = []
        for label, event in events.items():
            check_name("label", label)
            branches.append(as_awaitable(event).branch(label))
        options = GroupOptions(policy=policy, timeout=timeout)
        return GroupManager(self._state).run(name, branches, options)

    def _timed_out(self, result: GroupResult, default: Any) -> Any:
        if default is not NO_DEFAULT:
            return default
        outcomes = result.outcomes.items()
        received = {n: o.value for n, o in outcomes if o.status is BranchStatus.DONE}
        missing = tuple(n for n, o in outcomes if o.status is not BranchStatus.DONE)
        error = WaitTimeoutError(result.call.key, received, missing)
        return self._state.fail(result.call, error)


def _labelled(events: tuple[Awaitable | str, ...]) -> dict[str, Awaitable]:
    """Return what is waited for by the label that its result is found under: its name."""
    labelled: dict[str, Awaitable] = {}
    for event in map(as_awaitable, events):
        label = getattr(event, "name", "")
        if not label:
            raise DefinitionError(
                "wait_any() and wait_all() take signals and events, which have names; race() "
                "takes anything, under labels."
            )
        if label in labelled:
            raise DefinitionError(f"{label!r} is waited for twice in one call; use race().")
        labelled[label] = event
    if not labelled:
        raise DefinitionError("There is nothing to wait for.")
    return labelled
